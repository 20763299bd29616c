import { approvalIn, type Approval } from './approval.js';
import type { Attempt } from './attempt.js';
import type { AuditAction, AuditEvent, JsonObject } from './audit-event.js';
import { delayAfter } from './classification.js';
import { meanings } from './meaning.js';

/** What the bank asked for, by `Retry-After`, when it last answered. */
export interface AskedWait {
  readonly since: Date;
  readonly forMs: number;
}

/** What the audit log knows of one unlock request, told from its rows. */
export interface UnlockRecord {
  readonly requested: AuditEvent | null;
  readonly completed: AuditEvent | null;
  /** In order of their numbers. */
  readonly attempts: readonly Attempt[];
  /** Reads of the lock status, oldest first. */
  readonly statusChecks: readonly AuditEvent[];
  /** Null where no second person was asked. */
  readonly approval: Approval | null;
  /** Null where the bank asked for no time, or an operator has hurried the request since. */
  readonly askedWait: AskedWait | null;
}

/**
 * Tells one unlock request's story from its rows.
 * @param events every row of one correlationId, in the order of their positions
 */
export function unlockRecord(events: readonly AuditEvent[]): UnlockRecord {
  const finished = byAttempt(events, 'customer.unlock.attempt_finished');
  const late = byAttempt(events, 'customer.unlock.late_answer');
  const attempts = events
    .filter(
      (event): event is AuditEvent & { attempt: number } => event.action === 'customer.unlock.attempt_started' && event.attempt !== null,
    )
    .sort((left, right) => left.attempt - right.attempt)
    .map((started): Attempt => {
      const end = finished.get(started.attempt);
      return {
        attempt: started.attempt,
        executionId: started.executionId,
        startedAt: started.occurredAt,
        claimedAt: started.recordedAt,
        finishedAt: end?.occurredAt ?? null,
        result: end?.result ?? null,
        httpStatus: end?.httpStatus ?? null,
        upstreamCode: end?.upstreamCode ?? null,
        upstreamMessage: end?.upstreamMessage ?? null,
        durationMs: end?.durationMs ?? null,
        meaning: meanings.find((meaning) => meaning === end?.metadata.meaning) ?? null,
        lateResult: late.get(started.attempt)?.result ?? null,
      };
    });
  return {
    requested: events.find(({ action }) => action === 'customer.unlock.requested') ?? null,
    completed: events.find(({ action }) => action === 'customer.unlock.completed') ?? null,
    attempts,
    statusChecks: events.filter(({ action }) => action === 'customer.unlock.status_checked'),
    approval: approvalIn(events),
    askedWait: askedWait(events),
  };
}

/** How much of the wait that the bank asked for is left, in milliseconds; 0: none. */
export function waitLeftMs({ askedWait: wait }: UnlockRecord, retryAfterMaxMs: number, nowMs: number): number {
  return wait === null ? 0 : Math.max(0, wait.since.getTime() + Math.min(wait.forMs, retryAfterMaxMs) - nowMs);
}

function askedWait(events: readonly AuditEvent[]): AskedWait | null {
  let wait: AskedWait | null = null;
  for (const { action, occurredAt, metadata } of events) {
    if (hurrying.has(action)) wait = null;
    else if (answering.has(action)) wait = askedBy(occurredAt, metadata);
    // The bank that answers a read has not taken back what it asked for.
    else if (action === 'customer.unlock.status_checked') wait = askedBy(occurredAt, metadata) ?? wait;
  }
  return wait;
}

const hurrying = new Set<AuditAction>(['customer.unlock.retried_now', 'customer.unlock.resumed']);
const answering = new Set<AuditAction>(['customer.unlock.attempt_finished', 'customer.unlock.late_answer']);

function askedBy(since: Date, { retryAfterMs, meaning: told }: JsonObject): AskedWait | null {
  const meaning = meanings.find((each) => each === told);
  if (typeof retryAfterMs !== 'number' || meaning === undefined || delayAfter(meaning) === 'none') return null;
  return { since, forMs: retryAfterMs };
}

/** True where a read after the last attempt, or before any, found the customer not locked: what is locked since, somebody else has locked. */
export function foundNotLocked({ attempts, statusChecks }: UnlockRecord): boolean {
  const lastAttempt = attempts.at(-1)?.attempt ?? 0;
  return statusChecks.some(({ lockStatus, metadata }) => lockStatus === 'not_locked' && metadata.afterAttempt === lastAttempt);
}

function byAttempt(events: readonly AuditEvent[], wanted: AuditAction): Map<number | null, AuditEvent> {
  return new Map(events.filter(({ action }) => action === wanted).map((event) => [event.attempt, event]));
}
