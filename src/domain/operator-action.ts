import type { AuditAction } from './audit-event.js';

/** What an operator may do with an unlock request under way. */
export const operatorActionNames = ['cancel', 'retry-now', 'pause', 'resume'] as const;
export type OperatorAction = (typeof operatorActionNames)[number];

/** The audit event of each. */
export const operatorActions: Readonly<Record<OperatorAction, AuditAction>> = {
  cancel: 'customer.unlock.cancel_requested',
  'retry-now': 'customer.unlock.retried_now',
  pause: 'customer.unlock.paused',
  resume: 'customer.unlock.resumed',
};
