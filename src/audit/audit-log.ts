import type { AuditEvent, NewAuditEvent } from '../domain/audit-event.js';
import type { RequestsRunning } from '../domain/observer.js';
import type { Outcome, Verification } from '../domain/outcome.js';
import type { UnlockSubject } from '../domain/unlock-request.js';

/** Thrown where a row stands under the id that was to be written, and says something else, or is another institution's. */
export class AuditConflictError extends Error {
  override readonly name = 'AuditConflictError';
}

const refusals = {
  attempt_is_open: 'an attempt is still open',
  attempt_was_overlooked: 'an attempt was made that the end does not know of',
  request_has_ended: 'the unlock request has ended',
} as const;
export type Refusal = keyof typeof refusals;

/** Thrown where the database refuses a row that the record does not allow; nothing was written. */
export class AuditRefusedError extends Error {
  override readonly name = 'AuditRefusedError';
  /**
   * `attempt_is_open`: the request may not end before that attempt's result is on record. `attempt_was_overlooked`: nor with another number
   * of attempts than its `.completed` tells (`metadata.attempts`). `request_has_ended`: no attempt may start.
   */
  readonly because: Refusal;

  constructor(because: Refusal, options?: ErrorOptions) {
    super(refusals[because], options);
    this.because = because;
  }
}

/** What must be true of the record for an attempt to be claimed; the same statement checks it and commits the intent. */
export interface AttemptClaim {
  readonly correlationId: string;
  readonly institutionId: string;
  readonly customerId: string;
  readonly workflowId: string;
  readonly runId: string;
  readonly activityAttempt: number;
  /** This execution's own random id: who finds it in the row may send. */
  readonly executionId: string;
  /** The number of the last attempt whose end was followed by a look at the lock status; 0 before the first. */
  readonly reviewedAttempt: number;
  readonly maxAttempts: number;
  readonly occurredAt: Date;
}

export interface RequestFilters {
  readonly institutionId: string;
  readonly customerId?: string | undefined;
  readonly outcome?: Outcome | undefined;
  readonly state?: 'running' | 'completed' | undefined;
  /** Those that wait for a second person. */
  readonly approval?: 'waiting' | undefined;
  /** By the time of the request: from inclusive, to exclusive. */
  readonly from?: Date | undefined;
  readonly to?: Date | undefined;
  /** The actor's id. */
  readonly actor?: string | undefined;
}

/** Where a page of requests ends: newest first, the correlationId parts equal times. */
export interface RequestPosition {
  readonly requestedAt: Date;
  readonly correlationId: string;
}

export interface RequestSummary extends RequestPosition {
  readonly outcome: Outcome | null;
  readonly verification: Verification | null;
}

export interface Page<Filters, Position> {
  readonly filters: Filters;
  /** Rows wanted, 1 to 200. */
  readonly limit: number;
  /** The last row of the page before; null for the first page. */
  readonly after: Position | null;
}

/** Where the search for requests without an end goes on, and how far one call may go. */
export interface OpenRequestsQuery {
  /** The position up to which everything was looked at; 0 for the beginning. */
  readonly after: bigint;
  /** Rows younger than this, by the database's clock, are not looked at; longer than any write may take. */
  readonly olderThanMs: number;
  /** Beginnings looked at, at most. */
  readonly limit: number;
}

export interface OpenRequests {
  readonly correlationIds: string[];
  readonly scannedTo: bigint;
  readonly newest: bigint;
  readonly more: boolean;
}

/** How a request ended, in short. */
export interface Ending {
  readonly correlationId: string;
  readonly outcome: Outcome;
  readonly attempts: number;
}

/** What is known of one correlationId. */
export interface Story {
  /** In order of position. */
  readonly events: AuditEvent[];
  /** The database's clock at that moment. */
  readonly readAt: Date;
  /** Whether the database would take a row. */
  readonly takesRows: boolean;
  /** Whether another institution's unlock request has this correlationId; nothing more is told of it. */
  readonly takenElsewhere: boolean;
}

/** The append-only log. Every write is one statement; when a promise resolves, the row is committed. Any write may be repeated. */
export interface AuditLog {
  /**
   * Writes one event, once.
   * @returns `already_there` where the same event stands under this id, or in the one place that its action has (one `.requested` and one
   * `.completed` a request, one start and one end an attempt); times, run, try and metadata may differ, and the first stand
   * @throws AuditConflictError where another stands there, AuditRefusedError where a `.completed` meets an open attempt or one that
   * it does not count, or an `.attempt_started` an ended request; any other error means that it is not known whether the row was written
   */
  append(event: NewAuditEvent): Promise<'written' | 'already_there'>;
  /**
   * Takes the next attempt number and commits the intent, in one statement.
   * Refused (null) while an attempt is open, after a final result or a late success, after `.completed`, with the budget used up,
   * where a look after the last attempt, or before any, found the customer not locked (another execution's may have been the later one),
   * or if attempts beyond `reviewedAttempt` exist. Repeating it after a lost reply finds the own row again, unless another execution
   * has closed that attempt meanwhile (null): then its PUT must not leave any more.
   */
  claimAttempt(claim: AttemptClaim): Promise<number | null>;
  /** Every row that the institution has of one correlationId. */
  eventsOf(correlationId: string, institutionId: string): Promise<Story>;
  /** The institution's rows of many correlationIds at once, in order of position. */
  eventsOfAll(correlationIds: readonly string[], institutionId: string): Promise<AuditEvent[]>;
  /** How many rows the institution has of each; rows are never removed, so a count that has not grown says that nothing is new. */
  eventCounts(correlationIds: readonly string[], institutionId: string): Promise<ReadonlyMap<string, number>>;
  /** Which of the institutions served here has rows of this unlock request; null: none. */
  holderOf(correlationId: string): Promise<string | null>;
  /** How often a customer was unlocked within the last so many milliseconds, by the database's clock. */
  recentUnlocks(customer: Pick<UnlockSubject, 'institutionId' | 'customerId'>, windowMs: number): Promise<number>;
  /** A page of unlock requests, newest first. */
  listRequests(page: Page<RequestFilters, RequestPosition>): Promise<RequestSummary[]>;
  /**
   * The requests of all institutions of which a first row or an attempt was recorded and no end. It costs as much as there are
   * beginnings within the limit, which is each institution's.
   * @returns `scannedTo`: where the next call goes on; `newest`: the last position there is, 0 without any; `more`: the limit was reached before the end
   */
  openRequests(query: OpenRequestsQuery): Promise<OpenRequests>;
  /** What of these requests is still running; it costs as much as there are correlationIds. */
  runningAmong(correlationIds: readonly string[]): Promise<RequestsRunning>;
  /** Which log is being written: 0 for the first, one more after each restore; null before anything was sealed. */
  logNumber(): Promise<number | null>;
  /** The ends of many requests at once; those that have none are left out. */
  endingsOf(correlationIds: readonly string[]): Promise<Ending[]>;
  /**
   * Resolves where the database answers, the migrations are there and rows can be read and written.
   * @param institutionId over whose connections; any, by default
   */
  ping(institutionId?: string): Promise<void>;
}

/** The same over one institution's connections: its rows are all there are, so that most calls need not name it. */
export interface InstitutionLog extends Omit<AuditLog, 'eventsOf' | 'eventsOfAll' | 'eventCounts' | 'ping'> {
  eventsOf(correlationId: string): Promise<Story>;
  eventsOfAll(correlationIds: readonly string[]): Promise<AuditEvent[]>;
  eventCounts(correlationIds: readonly string[]): Promise<ReadonlyMap<string, number>>;
  ping(): Promise<void>;
}
