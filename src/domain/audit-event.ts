import type { AttemptResult } from './attempt.js';
import type { LockStatus } from './lock-status.js';
import type { Outcome, Verification } from './outcome.js';

/** Everything that Latchkey records; the database's check holds the same list. */
export const auditActions = [
  'customer.unlock.requested',
  'customer.unlock.joined',
  'customer.unlock.status_checked',
  'customer.unlock.approval_required',
  'customer.unlock.approved',
  'customer.unlock.declined',
  'customer.unlock.attempt_started',
  'customer.unlock.attempt_finished',
  'customer.unlock.late_answer',
  'customer.unlock.cancel_requested',
  'customer.unlock.paused',
  'customer.unlock.resumed',
  'customer.unlock.retried_now',
  'customer.unlock.completed',
  'customer.unlock.reconciled',
  'customer.unlock.relock_checked',
  'customer.unlock.notified',
  'operator.out_of_band',
  'customer.lock_status.viewed',
  'customer.unlock_dry_run',
  'access.denied',
  'audit.viewed',
  'audit.exported',
  'audit.export_ended',
] as const;
export type AuditAction = (typeof auditActions)[number];

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };
export type JsonObject = { readonly [key: string]: JsonValue };

/** What a writer says of an audit event; columns that it leaves out are null. */
export interface NewAuditEvent {
  /** Deterministic, so that writing twice writes once: see `auditEventId`. */
  readonly id: string;
  readonly occurredAt: Date;
  readonly action: AuditAction;
  readonly correlationId?: string | null;
  readonly institutionId?: string | null;
  readonly customerId?: string | null;
  readonly actorType?: 'user' | 'service' | null;
  readonly actorId?: string | null;
  readonly actorName?: string | null;
  readonly onBehalfOf?: string | null;
  readonly reason?: string | null;
  readonly reasonCode?: string | null;
  readonly ticket?: string | null;
  readonly source?: JsonObject | null;
  readonly workflowId?: string | null;
  readonly runId?: string | null;
  readonly attempt?: number | null;
  readonly activityAttempt?: number | null;
  readonly executionId?: string | null;
  readonly result?: AttemptResult | null;
  readonly outcome?: Outcome | null;
  readonly verification?: Verification | null;
  readonly httpStatus?: number | null;
  readonly upstreamCode?: string | null;
  readonly upstreamMessage?: string | null;
  readonly durationMs?: number | null;
  readonly lockStatus?: LockStatus | 'unknown' | null;
  readonly metadata?: JsonObject;
}

/** One row of the audit log: written once, never changed. */
export type AuditEvent = { readonly [column in keyof NewAuditEvent]-?: Exclude<NewAuditEvent[column], undefined> } & {
  readonly position: bigint;
  readonly recordedAt: Date;
};

const MESSAGE_LIMIT = 500;

/**
 * What the bank wrote, fit for a row: control characters and lone surrogates escaped, then cut.
 * @param limit characters as Postgres counts them, so that no cut leaves half a character
 */
export function recordableMessage(text: string | null, limit = MESSAGE_LIMIT): string | null {
  if (text === null) return null;
  const escaped = text.replace(
    /[\p{Cc}\p{Cs}\u2028\u2029]/gu,
    (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  );
  return Array.from(escaped).slice(0, limit).join('');
}
