import { approvalIn } from './approval.js';
import type { AuditEvent } from './audit-event.js';
import { refusesReading } from './classification.js';
import { meanings } from './meaning.js';
import type { Proposal } from './outcome.js';
import { foundNotLocked, type UnlockRecord } from './unlock-record.js';

interface Circumstances {
  /** Whether somebody asked for the unlock to be cancelled while there was something to cancel. */
  readonly cancelRequested: boolean;
  /** The attempts that the request was granted; null where nobody knows any more. */
  readonly maxAttempts: number | null;
}

/**
 * What the record bears out of a request that was stopped, or whose workflow can no longer say how it ended: what a read of the lock status found
 * after the last attempt comes first, then that the attempts are used up. A request to cancel that came after those decides nothing.
 */
export function proposalFromRecord(record: UnlockRecord, { cancelRequested, maxAttempts }: Circumstances): Proposal {
  if (foundNotLocked(record)) return 'not_locked';
  const lastAttempt = record.attempts.at(-1)?.attempt ?? 0;
  const lastRead = record.statusChecks.filter(({ metadata }) => metadata.afterAttempt === lastAttempt).at(-1);
  const meaning = meanings.find((known) => known === lastRead?.metadata.meaning);
  if (meaning !== undefined && refusesReading(meaning)) return 'rejected';
  if (maxAttempts !== null && record.attempts.length >= maxAttempts) return 'failed';
  if (record.approval?.decision?.kind === 'decline') return 'cancelled';
  return cancelRequested ? 'cancelled' : 'failed';
}

/** True where an operator asked to cancel before the deadline, and Temporal did not answer that there was nothing left to cancel. */
export function operatorCancelled(events: readonly AuditEvent[]): boolean {
  const acts = events.filter(({ action }) => action === 'customer.unlock.cancel_requested');
  const inVain = new Set(acts.filter(({ metadata }) => metadata.carriedOut === false).flatMap(({ id, metadata }) => [id, metadata.act]));
  const deadlineMs = deadlineMsIn(events);
  return acts.some(({ id, occurredAt }) => !inVain.has(id) && occurredAt.getTime() < deadlineMs);
}

/** Until when PUTs were allowed: an approval sets the time that was granted anew, and while one is waited for there is that wait. */
function deadlineMsIn(events: readonly AuditEvent[]): number {
  const requested = events.find(({ action }) => action === 'customer.unlock.requested');
  const deadlineAt = requested?.metadata.deadlineAt;
  if (requested === undefined || typeof deadlineAt !== 'string') return Infinity;
  const approval = approvalIn(events);
  if (approval === null) return Date.parse(deadlineAt);
  if (approval.decision === null) return approval.expiresAt.getTime();
  return approval.decision.event.occurredAt.getTime() + Date.parse(deadlineAt) - requested.occurredAt.getTime();
}
