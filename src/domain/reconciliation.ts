import type { AuditAction, AuditEvent } from './audit-event.js';
import type { Outcome, Verification } from './outcome.js';
import type { UnlockSubject } from './unlock-request.js';

/** The value of `metadata.recordedBy` in rows that the reconciler wrote in place of a request's own workflow. */
export const RECONCILER = 'reconciler';

/** Something that the reconciler mended. */
export interface Mended {
  readonly finding: 'dangling_attempt' | 'missing_request' | 'missing_outcome';
  /** The attempt that it closed; null otherwise. */
  readonly attempt: number | null;
  /** How it ended the request; null where it did something else. */
  readonly outcome: Outcome | null;
  readonly verification: Verification | null;
}

const mendings = new Map<AuditAction, Mended['finding']>([
  ['customer.unlock.attempt_finished', 'dangling_attempt'],
  ['customer.unlock.requested', 'missing_request'],
  ['customer.unlock.completed', 'missing_outcome'],
]);

/** What the reconciler mended of one request, told from the rows alone: a crash between mending and saying so loses nothing. */
export function mendedIn(events: readonly AuditEvent[]): Mended[] {
  return events
    .filter(({ metadata }) => metadata.recordedBy === RECONCILER)
    .flatMap(({ action, attempt, outcome, verification }) => {
      const finding = mendings.get(action);
      return finding === undefined ? [] : [{ finding, attempt, outcome, verification }];
    });
}

/** Whom an unlock request is about, as its first row tells; null where there is none. */
export function subjectOnRecord([first]: readonly AuditEvent[]): UnlockSubject | null {
  if (first === undefined || first.correlationId === null || first.institutionId === null || first.customerId === null) return null;
  return { correlationId: first.correlationId, institutionId: first.institutionId, customerId: first.customerId };
}

export function sameSubject(one: UnlockSubject, other: UnlockSubject): boolean {
  return one.correlationId === other.correlationId && one.institutionId === other.institutionId && one.customerId === other.customerId;
}
