import type { ApprovalEvent } from './approval.js';
import type { AttemptResult } from './attempt.js';
import type { AuditAction } from './audit-event.js';
import type { BankDrift } from './bank-drift.js';
import type { LockStatus } from './lock-status.js';
import type { NotificationResult } from './notification.js';
import type { OutOfBandOperation } from './out-of-band.js';
import type { Outcome } from './outcome.js';

export const bankEndpoints = ['unlock', 'status', 'token'] as const;
export type BankEndpoint = (typeof bankEndpoints)[number];

/** One call to the bank that was made, whatever came of it. */
export interface BankCallMade {
  readonly endpoint: BankEndpoint;
  /** The HTTP status; `not_sent`: no byte of the request left; `no_answer`: it may have arrived. */
  readonly answer: number | 'not_sent' | 'no_answer';
  readonly durationMs: number;
}

/** `refused`: the database does not allow that row; `failed`: it is not known whether the row was written. */
export const auditWriteResults = ['written', 'already_there', 'refused', 'failed'] as const;
export type AuditWriteResult = (typeof auditWriteResults)[number];

/** One write to the audit log. */
export interface AuditWriteDone {
  readonly action: AuditAction;
  readonly result: AuditWriteResult;
  readonly durationMs: number;
}

/** What the reconciler may find; each is counted under its name. */
export const reconcilerFindings = [
  /** An attempt without a result, whose workflow has ended. */
  'dangling_attempt',
  /** A workflow that ended without an outcome on record. */
  'missing_outcome',
  /** An accepted request of which the audit log has no row. */
  'missing_request',
  /** Audit log and Temporal tell different outcomes, or different attempts. */
  'disagreement',
  /** Something that it could not mend, and that a person must look at. */
  'not_mended',
] as const;
export type ReconcilerFinding = (typeof reconcilerFindings)[number];

/** One answer of the front door. */
export interface RequestAnswered {
  readonly method: string;
  /** The route's pattern; `none` where no route is meant. */
  readonly route: string;
  readonly httpStatus: number;
  /** From the first byte of the request to the last one of the answer, or until the caller hung up. */
  readonly durationMs: number;
}

/** The unlock requests that have begun and not ended, when somebody last looked. */
export interface RequestsRunning {
  readonly count: number;
  /** Age of the oldest; 0 where there is none. */
  readonly oldestMs: number;
  /** How long the first of their deadlines has passed; 0 where none has. */
  readonly overdueMs: number;
}

/** `row`: an audit event of its own; `summary`: beyond the rate of those, told by one row a minute; `lost`: the row could not be written. */
export const denialRecords = ['row', 'summary', 'lost'] as const;
export type DenialRecord = (typeof denialRecords)[number];

/** One request that was refused as 401 or 403 where that is recorded, and how it went on record. */
export interface AccessDenied {
  readonly httpStatus: 401 | 403;
  readonly record: DenialRecord;
}

/**
 * What the parts tell of themselves while they work. It is told, never asked: no method may throw, wait, or change what is done.
 * An attempt and an outcome are told once, by whoever committed the row; where the commit's reply was lost, not at all. The audit log is
 * the record, this is not.
 */
export interface Observer {
  attemptFinished(result: AttemptResult): void;
  requestCompleted(outcome: Outcome): void;
  bankCalled(call: BankCallMade): void;
  /** An answer of the bank was otherwise than answers are known to be. */
  bankDrifted(endpoint: BankEndpoint, drift: BankDrift): void;
  auditWritten(write: AuditWriteDone): void;
  reconcilerFound(finding: ReconcilerFinding): void;
  requestsRunning(running: RequestsRunning): void;
  accessDenied(denial: AccessDenied): void;
  requestAnswered(request: RequestAnswered): void;
  /** A request began to wait for a second person, or ceased to. */
  approvalChanged(event: ApprovalEvent): void;
  /** Some time after an unlock it was looked whether the customer is locked again. */
  relockChecked(found: LockStatus | 'unknown'): void;
  /** One try to tell a caller that its request has ended was in vain; there is another one. */
  tellingCallerFailed(): void;
  /** Telling a caller ended; told once, with its row. */
  callerTold(result: NotificationResult): void;
  /** Something was done to an unlock directly in Temporal; told once, with its row. */
  operatedOutOfBand(operation: OutOfBandOperation): void;
  /** One step of the seal. */
  auditSealed(step: { readonly rows: number; readonly lagMs: number }): void;
  checkpointPublished(): void;
  /** The seal does not go on before a person has looked. */
  sealBroken(): void;
}

/** For whoever does not listen. */
export const silentObserver: Observer = {
  attemptFinished: () => undefined,
  requestCompleted: () => undefined,
  bankCalled: () => undefined,
  bankDrifted: () => undefined,
  auditWritten: () => undefined,
  reconcilerFound: () => undefined,
  requestsRunning: () => undefined,
  accessDenied: () => undefined,
  requestAnswered: () => undefined,
  approvalChanged: () => undefined,
  relockChecked: () => undefined,
  tellingCallerFailed: () => undefined,
  callerTold: () => undefined,
  operatedOutOfBand: () => undefined,
  auditSealed: () => undefined,
  checkpointPublished: () => undefined,
  sealBroken: () => undefined,
};
