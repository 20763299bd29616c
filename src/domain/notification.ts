import type { AuditEvent } from './audit-event.js';
import type { Outcome, Verification } from './outcome.js';

/** Whose caller is to be told that an unlock request has ended; who that is and what to say stands in the audit log. */
export interface Notification {
  readonly correlationId: string;
  readonly institutionId: string;
  /** From the first try on, in milliseconds; absent: three days. */
  readonly giveUpAfterMs?: number;
}

/**
 * How telling a caller ended. `refused`: the receiver wants it no more, or never will take it; `given_up`: no receiver took it in time;
 * `stopped`: somebody ended the workflow that was to tell it.
 */
export const notificationResults = ['delivered', 'refused', 'given_up', 'stopped'] as const;
export type NotificationResult = (typeof notificationResults)[number];

export interface NotificationEnd {
  readonly result: NotificationResult;
  /** As Temporal counts them: a try that a stop cut short counts as well. */
  readonly tries: number;
  /** The receiver's last answer; null where it never gave one. */
  readonly httpStatus: number | null;
  /** Where it was sent to; null where that is not known. Nothing else of the URL is told: it may hold a secret. */
  readonly host: string | null;
}

/** What a caller is told; no customer, name or reason: those are read through the front door, with a token. */
export interface UnlockCompleted {
  readonly type: 'unlock.completed';
  /** RFC 3339; when it ended, so that every try says the same. */
  readonly timestamp: string;
  readonly data: {
    readonly correlationId: string;
    readonly outcome: Outcome;
    readonly verification: Verification | null;
    readonly attempts: number;
    readonly completedAt: string;
    readonly links: { readonly self: string };
  };
}

/** The id of the workflow that tells a request's caller. */
export function notifyWorkflowId(correlationId: string): string {
  return `notify-${correlationId}`;
}

/** What a request's last row says to its caller; null where that row tells no outcome. */
export function unlockCompleted(
  { correlationId, outcome, verification, occurredAt }: AuditEvent,
  attempts: number,
): UnlockCompleted | null {
  if (correlationId === null || outcome === null) return null;
  const completedAt = occurredAt.toISOString();
  const links = { self: `/v1/unlocks/${correlationId}` };
  return { type: 'unlock.completed', timestamp: completedAt, data: { correlationId, outcome, verification, attempts, completedAt, links } };
}

/** Whether whoever took a request in promised that its caller is told, by its first row. */
export function isToBeTold(requested: AuditEvent | null): boolean {
  return requested?.metadata.notifyCaller === true;
}
