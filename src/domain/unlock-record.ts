import { approvalIn, type Approval } from './approval.js';
import type { Attempt } from './attempt.js';
import type { AuditAction, AuditEvent } from './audit-event.js';
import { meanings } from './meaning.js';

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
  };
}

/** True where a read after the last attempt, or before any, found the customer not locked: what is locked since, somebody else has locked. */
export function foundNotLocked({ attempts, statusChecks }: UnlockRecord): boolean {
  const lastAttempt = attempts.at(-1)?.attempt ?? 0;
  return statusChecks.some(({ lockStatus, metadata }) => lockStatus === 'not_locked' && metadata.afterAttempt === lastAttempt);
}

function byAttempt(events: readonly AuditEvent[], wanted: AuditAction): Map<number | null, AuditEvent> {
  return new Map(events.filter(({ action }) => action === wanted).map((event) => [event.attempt, event]));
}
