import type { LockStatusQuery, LockStatusReport } from '../../activities/contract.js';
import type { HistoryDigest } from '../domain/history-digest.js';
import type { OperatorAction } from '../domain/operator-action.js';
import type { UnlockRequest } from '../domain/unlock-request.js';

/** Thrown where Temporal does not answer, or not in time; whether the call had an effect is then not known. */
export class TemporalUnavailableError extends Error {
  override readonly name = 'TemporalUnavailableError';
}

/** What Temporal knows of the workflow behind a correlationId. */
export interface UnlockExecution {
  /** As accepted: the workflow's input. */
  readonly request: UnlockRequest;
  readonly runId: string;
  readonly state: 'running' | 'closed';
  /** Null where nothing can be steered: while the step at hand runs at once, between steps, and once the workflow is closed. */
  readonly pending: PendingStep | null;
}

/** A step that goes on under Temporal's retry policy, where operators can steer it. */
export interface PendingStep {
  readonly activityId: string;
  /** True once no PUT can follow: what is left is to record the outcome. */
  readonly isSettling: boolean;
  /** `waiting` for its next try, `due` and not yet taken by a worker, `running`, or `cancelling`: called off, and not yet ended. */
  readonly state: 'waiting' | 'due' | 'running' | 'cancelling';
  /** True also while an execution that began before the pause is still running. */
  readonly paused: boolean;
  /** When the next try is due, while Temporal waits for it; null otherwise. */
  readonly nextAttemptAt: Date | null;
}

/** The unlock workflows as the front door sees them. Every method may throw TemporalUnavailableError. */
export interface UnlockExecutions {
  /**
   * Starts the workflow of an unlock request. When this resolves to `started`, the request is durable.
   * A start whose reply was lost is started again under the same id before this gives up.
   * @returns `exists` where a workflow of this correlationId is known, running or closed, whoever started it and for whatever customer: compare
   */
  start(request: UnlockRequest): Promise<{ readonly kind: 'started' } | { readonly kind: 'exists'; readonly execution: UnlockExecution }>;
  /** @returns null where Temporal knows no such workflow (any more) */
  find(correlationId: string): Promise<UnlockExecution | null>;
  /**
   * Waits for the workflow to close.
   * @param signal ends the wait early (shutdown, or the caller hung up)
   * @returns `closed` once it has ended (its `.completed` row is then committed, unless it was terminated), `running` when the time is up
   */
  waitUntilClosed(correlationId: string, waitMs: number, signal: AbortSignal): Promise<'closed' | 'running'>;
  /**
   * Carries out an operator's action by Temporal's own operations: a request to cancel, which takes effect between attempts; pause and resume
   * of the pending step, where resuming tries at once; or its next try now, whatever wait was left. What is paused stays so, but by `resume`.
   * @param execution as found just before
   * @returns `nothing_there` where workflow or step have ended since
   */
  operate(action: OperatorAction, execution: UnlockExecution): Promise<'carried_out' | 'nothing_there'>;
  /**
   * Tells the workflow that a second person's decision is on record; it reads it there. Telling the same decision again changes nothing.
   * @param decisionId the id of the decision's row
   * @returns `nothing_there` where the workflow has ended, or no longer waits for a decision
   */
  tellDecision(correlationId: string, decisionId: string): Promise<'taken' | 'nothing_there'>;
  /** Reads a customer's lock status through the worker, which alone holds the bank's credentials. */
  readLockStatus(query: LockStatusQuery): Promise<LockStatusReport>;
  /** @returns null where Temporal no longer keeps it */
  historyOf(correlationId: string): Promise<HistoryDigest | null>;
  /** Resolves where the server answers. */
  ping(): Promise<void>;
}
