import type { AttemptResult } from '../src/domain/attempt.js';
import type { BankAnswer } from '../src/domain/bank-answer.js';
import type { LockStatus, StatusFlags } from '../src/domain/lock-status.js';
import type { Notification, NotificationEnd } from '../src/domain/notification.js';
import type { OperationTrace } from '../src/domain/out-of-band.js';
import type { Outcome, Proposal, Settlement } from '../src/domain/outcome.js';
import type { UnlockRequest, UnlockSubject } from '../src/domain/unlock-request.js';

/** What an execution is told about its place in the sequence of tries. */
export interface Turn {
  /** Milliseconds since the epoch; a regular activity hands the wait to Temporal's retry policy. Null: go at once. */
  readonly notBefore: number | null;
  /** Why it waits, in words for an operator. */
  readonly because: string | null;
  /** What an earlier try could not put on record; absent or null: nothing. */
  readonly unrecorded?: UnrecordedAnswer | null;
}

/** The bank's answer to an attempt while Postgres is away: it travels from try to try, so that it does not become `unknown`. */
export interface UnrecordedAnswer {
  readonly attempt: number;
  readonly result: AttemptResult;
  readonly answer: BankAnswer;
  /** RFC 3339. */
  readonly answeredAt: string;
}

export interface SendTurn extends Turn {
  /** False once cancellation was requested: what is open is closed, and no PUT is sent. */
  readonly mayPut: boolean;
}

/**
 * What the check of the lock status found. `expired`: the deadline had passed before the bank was asked; `approval_needed`: a second person
 * must be asked first, who has so long (RFC 3339).
 */
export type CheckReport =
  | { readonly kind: 'locked' | 'not_locked' | 'rejected' | 'expired' | 'declined' }
  | { readonly kind: 'approval_needed'; readonly expiresAt: string; readonly unlocks: number };

/** What the record tells of a second person's decision. */
export type ApprovalReading = 'undecided' | 'approved' | 'declined';

/** How the sending of unlock PUTs ended; whatever should be tried again is thrown instead. */
export interface SendReport {
  readonly kind: 'succeeded' | 'found_not_locked' | 'rejected' | 'exhausted' | 'expired' | 'cancelled';
}

/** The workflow's result: what stands in the audit log. */
export interface UnlockResult extends Settlement {
  readonly outcome: Outcome;
  readonly attempts: number;
}

export interface LockStatusQuery {
  readonly correlationId: string;
  readonly institutionId: string;
  readonly customerId: string;
}

/** What the bank says of a customer, for people to read. */
export type LockStatusReport =
  | { readonly kind: 'known'; readonly lockStatus: LockStatus; readonly flags: StatusFlags; readonly diagnosis: string | null }
  | {
      readonly kind: 'refused' | 'unavailable';
      readonly httpStatus: number | null;
      readonly upstreamCode: string | null;
      readonly upstreamMessage: string | null;
      readonly meaning: string;
    };

/** A workflow of an unlock request that has closed, as Temporal's index of executions shows it. */
export interface ClosedExecution {
  /** Whether it carried the request, or told the caller of its end. */
  readonly kind: 'unlock' | 'notification';
  readonly correlationId: string;
  /** False where it was terminated, timed out, failed or was cancelled by force. */
  readonly completed: boolean;
  /** As its search attributes tell; null where they do not. */
  readonly outcome: string | null;
  readonly attempts: number | null;
  readonly runId: string;
  /** Events of its history. */
  readonly historyLength: number;
}

export interface ClosedExecutionsQuery {
  /** RFC 3339; null: from the first one that Temporal still knows. */
  readonly since: string | null;
  /** RFC 3339, exclusive. */
  readonly until: string;
  /** Of the page before; null for the first one. */
  readonly pageToken: string | null;
}

/** What Temporal knows of the workflow behind a correlationId. */
export type ExecutionState =
  /** Never there, deleted, or past its retention. */
  | { readonly kind: 'gone' }
  | { readonly kind: 'running' }
  | {
      readonly kind: 'closed';
      /** What was done to it by others than its worker, oldest first. */
      readonly operations: readonly OperationTrace[];
      /** In Temporal's words: `completed`, `terminated`, `timed_out`, … */
      readonly closedAs: string;
      /** RFC 3339 */
      readonly closedAt: string;
      readonly runId: string;
      readonly cancelRequested: boolean;
      /** As accepted; null where it cannot be read. */
      readonly request: UnlockRequest | null;
      /** Null unless it completed, or where it cannot be read. */
      readonly result: UnlockResult | null;
    };

/** How an activity's last try ended: `none` had, `taken_away` by whoever unpaused or reset it, or as the failure's type tells. */
export type LastFailure = { readonly kind: 'none' | 'taken_away' } | { readonly kind: 'kept'; readonly type: string | null };

/** What Temporal knows of the workflow that tells a request's caller. */
export type NotificationState =
  | { readonly kind: 'running' }
  | {
      readonly kind: 'closed';
      readonly runId: string;
      /** What was done to it by others than its worker, oldest first. */
      readonly operations: readonly OperationTrace[];
      /** Null unless it completed, or where it cannot be read. */
      readonly end: NotificationEnd | null;
    };

/** The unlock workflows as the reconciler sees them; handed in. */
export interface Executions {
  /** Some hundred at a time; each call of one query may show what it showed before. */
  listClosed(
    query: ClosedExecutionsQuery,
  ): Promise<{ readonly executions: readonly ClosedExecution[]; readonly nextPageToken: string | null }>;
  stateOf(correlationId: string): Promise<ExecutionState>;
  /** What was done to one run of a workflow by others than its worker, oldest first; nothing where it is gone. */
  operationsOn(correlationId: string, runId: string): Promise<readonly OperationTrace[]>;
  /** What Temporal keeps of how the last try of this running activity ended. */
  lastFailureOf(activity: { readonly workflowId: string; readonly runId: string; readonly activityId: string }): Promise<LastFailure>;
  /** Running workflows of which somebody paused an activity, some hundred at most. */
  listPaused(): Promise<readonly { readonly correlationId: string; readonly operations: readonly OperationTrace[] }[]>;
  /** Has a request's caller told by a workflow of its own; one that was started before stays as it is. */
  notifyCaller(notification: Notification): Promise<NotificationState>;
}

/** How far the comparison of closed workflows with the audit log has come. */
export interface ComparisonProgress {
  /** RFC 3339; null: at its beginning. */
  readonly comparedUntil: string | null;
  /** The stretch of time that is half done. */
  readonly under: { readonly until: string; readonly pageToken: string } | null;
  /** Of the audit log that was compared; absent where an older version left off, null before anything was sealed. */
  readonly logNumber?: number | null;
}

/** Requests that the reconciler has to look into. */
export interface Suspects<Progress> {
  readonly correlationIds: readonly string[];
  readonly progress: Progress;
  /** False once there is nothing left to go through. */
  readonly more: boolean;
}

/** Where a run of the reconciler leaves off and the next one goes on: its result. */
export interface ReconcilerProgress {
  /** CorrelationIds to look into again: too young, still running, or the bank or a server was away. */
  readonly waiting: readonly string[];
  readonly comparison: ComparisonProgress;
  /** The position in the audit log up to which every beginning has an end or waits. */
  readonly scannedTo: string;
}

/** Whom to look after, some time after an unlock. */
export interface RelockWatch extends UnlockSubject {
  /** Milliseconds from the unlock on. */
  readonly afterMs: number;
  /** How often the bank is asked in vain before the watch ends without an answer. */
  readonly tries: number;
}

/** Everything that a workflow may ask for. Each may run again at any time; each first reads what is on record. */
export interface Activities {
  /** Records the request, reads the lock status and records what it found. */
  checkLockStatus(request: UnlockRequest, turn: Turn): Promise<CheckReport>;
  /** Reads what a second person has decided. */
  readApproval(request: UnlockRequest): Promise<ApprovalReading>;
  /** Sends at most one PUT, its intent committed before and its result after. */
  sendUnlock(request: UnlockRequest, turn: SendTurn): Promise<SendReport>;
  /** Closes what is open, verifies, and records how the request ended; returns what stands on record. */
  recordOutcome(request: UnlockRequest, proposal: Proposal, turn: Turn): Promise<UnlockResult>;
  /** Reads the lock status for somebody who only wants to look; records nothing. */
  readLockStatus(query: LockStatusQuery): Promise<LockStatusReport>;
  /** Looks whether a customer who was unlocked is locked again, and records it. */
  checkRelock(watch: RelockWatch): Promise<LockStatus | 'unknown'>;
  /** Makes one try to tell a request's caller how it ended; null where what became of that stands on record. */
  deliverWebhook(notification: Notification): Promise<NotificationEnd | null>;
  /** Records how telling the caller ended. */
  recordNotified(notification: Notification, end: NotificationEnd): Promise<void>;
  /** Goes through the workflows that have closed; suspects are those that did not complete, or of which the audit log tells otherwise. */
  compareWithTemporal(progress: ComparisonProgress): Promise<Suspects<ComparisonProgress>>;
  /** Goes through the audit log from a position on; suspects are those that began long ago and have no end. */
  findOpenRequests(scannedTo: string): Promise<Suspects<string>>;
  /** Tells the observer how many requests are running, and since when: those that wait to be looked into, and what began after that place. */
  lookAtRunning(place: Pick<ReconcilerProgress, 'waiting' | 'scannedTo'>): Promise<void>;
  /** Mends and reports what can be; returns those that are to be looked into again. */
  reconcileRequests(correlationIds: readonly string[]): Promise<{ readonly again: readonly string[] }>;
}

/** What one run of the sealer did. */
export interface SealReport {
  /** Rows that it sealed. */
  readonly sealed: number;
  /** Checkpoints that it signed and published. */
  readonly checkpoints: number;
}

/** What the sealer's own worker offers, on a queue of its own. */
export interface SealActivities {
  /** Seals rows as they come, and publishes a checkpoint of each new head, for some minutes. */
  sealRows(): Promise<SealReport>;
}

/** Details of a failure to tell a caller: what stands on record where there is no next try. */
export type LastTry = Omit<NotificationEnd, 'result'>;

/** Details of a failure that is to be tried again. */
export interface RetryDetails {
  readonly notBefore: number;
  readonly unrecorded: UnrecordedAnswer | null;
}
