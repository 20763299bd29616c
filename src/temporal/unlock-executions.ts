import type { LockStatusQuery, LockStatusReport } from '../../activities/contract.js';
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
  /** When the next attempt is due, while Temporal waits to retry; null otherwise. */
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
  /** Reads a customer's lock status through the worker, which alone holds the bank's credentials. */
  readLockStatus(query: LockStatusQuery): Promise<LockStatusReport>;
  /** Resolves where the server answers. */
  ping(): Promise<void>;
}
