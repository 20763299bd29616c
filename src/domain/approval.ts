import type { AuditAction, AuditEvent } from './audit-event.js';
import type { Actor } from './unlock-request.js';

/** What a second person may decide. */
export const approvalDecisions = ['approve', 'decline'] as const;
export type ApprovalDecision = (typeof approvalDecisions)[number];

/** The audit event of each. */
export const decisionActions: Readonly<Record<ApprovalDecision, AuditAction>> = {
  approve: 'customer.unlock.approved',
  decline: 'customer.unlock.declined',
};

/** What becomes of a request for approval. */
export const approvalEvents = ['required', 'approved', 'declined', 'expired'] as const;
export type ApprovalEvent = (typeof approvalEvents)[number];

/** `cancelled`: the request ended otherwise while it waited. */
export const approvalStates = ['waiting', 'approved', 'declined', 'expired', 'cancelled'] as const;
export type ApprovalState = (typeof approvalStates)[number];

/** That a request waits, or waited, for a second person, as its rows tell. */
export interface Approval {
  readonly requiredAt: Date;
  readonly expiresAt: Date;
  /** How often the customer was unlocked in the window before. */
  readonly unlocks: number;
  readonly windowMs: number;
  /** Null: none yet, or none any more. */
  readonly decision: { readonly kind: ApprovalDecision; readonly event: AuditEvent } | null;
}

/** @returns null where no approval was asked for */
export function approvalIn(events: readonly AuditEvent[]): Approval | null {
  const required = events.find(({ action }) => action === 'customer.unlock.approval_required');
  if (required === undefined) return null;
  const { expiresAt, unlocks, windowMs } = required.metadata;
  return {
    requiredAt: required.occurredAt,
    expiresAt: new Date(typeof expiresAt === 'string' ? expiresAt : required.occurredAt),
    unlocks: typeof unlocks === 'number' ? unlocks : 0,
    windowMs: typeof windowMs === 'number' ? windowMs : 0,
    decision: decisionIn(events),
  };
}

function decisionIn(events: readonly AuditEvent[]): Approval['decision'] {
  for (const event of events) {
    const kind = approvalDecisions.find((decision) => decisionActions[decision] === event.action);
    if (kind !== undefined) return { kind, event };
  }
  return null;
}

/** @param completed the request's end; null while there is none */
export function approvalState({ decision, expiresAt }: Approval, completed: Pick<AuditEvent, 'outcome'> | null, now: Date): ApprovalState {
  if (decision !== null) return decision.kind === 'approve' ? 'approved' : 'declined';
  if (completed !== null) return completed.outcome === 'cancelled' ? 'cancelled' : 'expired';
  return now < expiresAt ? 'waiting' : 'expired';
}

/**
 * Why somebody may not decide on a request: it takes a person of whom the issuer says who it is, and another one than asked.
 * @returns null where they may
 */
export function objectionToApprover(
  approver: Pick<Actor, 'type' | 'id' | 'name'>,
  requested: Pick<AuditEvent, 'actorId' | 'onBehalfOf'>,
): string | null {
  if (approver.type !== 'user') return 'A person must decide, with a token of their own.';
  const names = [requested.actorId, requested.onBehalfOf].flatMap((name) => (name === null ? [] : [name.toLowerCase()]));
  const own = [approver.id, approver.name].flatMap((name) => (name === null ? [] : [name.toLowerCase()]));
  // Whom a service names stands there in any spelling: rather refuse a namesake.
  if (own.some((name) => names.includes(name))) return 'Whoever asked for the unlock may not decide on it: another person must.';
  return null;
}
