import type { JsonObject } from '../src/domain/audit-event.js';
import type { LockStatus, StatusFlags } from '../src/domain/lock-status.js';
import type { Outcome, Proposal, Settlement } from '../src/domain/outcome.js';
import type { UnlockRequest } from '../src/domain/unlock-request.js';

/** What an execution is told about its place in the sequence of tries. */
export interface Turn {
  /** Milliseconds since the epoch; a regular activity hands the wait to Temporal's retry policy. Null: go at once. */
  readonly notBefore: number | null;
  /** Why it waits, in words for an operator. */
  readonly because: string | null;
}

export interface SendTurn extends Turn {
  /** False once cancellation was requested: what is open is closed, and no PUT is sent. */
  readonly mayPut: boolean;
}

/** What the check of the lock status found. `expired`: the deadline had passed before the bank was asked. */
export interface CheckReport {
  readonly kind: 'locked' | 'not_locked' | 'rejected' | 'expired';
}

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

/** Everything that a workflow may ask for. Each may run again at any time; each first reads what is on record. */
export interface Activities {
  /** Records the request, reads the lock status and records what it found. */
  checkLockStatus(request: UnlockRequest, turn: Turn): Promise<CheckReport>;
  /** Sends at most one PUT, its intent committed before and its result after. */
  sendUnlock(request: UnlockRequest, turn: SendTurn): Promise<SendReport>;
  /** Closes what is open, verifies, and records how the request ended; returns what stands on record. */
  recordOutcome(request: UnlockRequest, proposal: Proposal, turn: Turn): Promise<UnlockResult>;
  /** Reads the lock status for somebody who only wants to look; records nothing. */
  readLockStatus(query: LockStatusQuery): Promise<LockStatusReport>;
}

/** Details of a failure that is to be tried again. */
export interface RetryDetails extends JsonObject {
  readonly notBefore: number;
}
