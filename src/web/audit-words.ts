import type { z } from 'zod';
import type { AttemptResult } from '../domain/attempt.js';
import type { AuditAction } from '../domain/audit-event.js';
import type { auditEventSchema } from '../http/answer-schemas.js';
import { attemptWords, outcomeWords, verificationWords } from './words.js';

export type AuditRow = z.infer<typeof auditEventSchema>;

/** What a row is about, for lists and tables. */
export const actionWords: Readonly<Record<AuditAction, string>> = {
  'customer.unlock.requested': 'Unlock asked for',
  'customer.unlock.joined': 'Asked for again',
  'customer.unlock.status_checked': 'Lock status read',
  'customer.unlock.approval_required': 'Second person needed',
  'customer.unlock.approved': 'Approved',
  'customer.unlock.declined': 'Declined',
  'customer.unlock.attempt_started': 'Attempt begun',
  'customer.unlock.attempt_finished': 'Attempt ended',
  'customer.unlock.late_answer': 'Late answer',
  'customer.unlock.cancel_requested': 'Cancelled by an operator',
  'customer.unlock.paused': 'Paused by an operator',
  'customer.unlock.resumed': 'Resumed by an operator',
  'customer.unlock.retried_now': 'Hurried by an operator',
  'customer.unlock.completed': 'Request ended',
  'customer.unlock.reconciled': 'Reconciled',
  'customer.unlock.relock_checked': 'Looked at again later',
  'customer.unlock.notified': 'Caller told',
  'operator.out_of_band': 'Done in Temporal directly',
  'customer.lock_status.viewed': 'Customer looked up',
  'customer.unlock_dry_run': 'Dry run',
  'access.denied': 'Access denied',
  'audit.viewed': 'Audit log read',
  'audit.exported': 'Audit log exported',
  'audit.export_ended': 'Export ended',
};

export const resultWords: Readonly<Record<AttemptResult, string>> = {
  succeeded: 'Accepted',
  rejected: 'Refused',
  retryable: 'Not now',
  unknown: 'No answer',
};

const lockWords = {
  locked: 'The bank says that the customer is locked.',
  not_locked: 'The bank says that the customer is not locked.',
  unknown: 'The bank did not tell the lock status.',
} as const;

/** What one row of a case says, in sentences. */
export function rowWords(row: AuditRow): string {
  const { action, attempt, outcome, verification, lockStatus, metadata } = row;
  switch (action) {
    case 'customer.unlock.requested':
      return 'The unlock was asked for and accepted.';
    case 'customer.unlock.joined':
      return 'Somebody else asked under the same number, and joined this request.';
    case 'customer.unlock.status_checked':
    case 'customer.unlock.relock_checked':
    case 'customer.lock_status.viewed':
      return [lockWords[lockStatus ?? 'unknown'], metadata.diagnosis].filter((part) => typeof part === 'string').join(' ');
    case 'customer.unlock.approval_required':
      return 'The customer was unlocked so often lately that a second person must approve.';
    case 'customer.unlock.approved':
      return 'A second person approved it.';
    case 'customer.unlock.declined':
      return 'A second person declined it.';
    case 'customer.unlock.attempt_started':
      return `Attempt ${attempt ?? ''} was put on record, then sent to the bank.`;
    case 'customer.unlock.attempt_finished':
      return `Attempt ${attempt ?? ''}: ${attemptWords(row)}`;
    case 'customer.unlock.late_answer':
      return `The answer to attempt ${attempt ?? ''} came after it had been given up: ${attemptWords(row)}`;
    case 'customer.unlock.cancel_requested':
      return 'An operator cancelled the request.';
    case 'customer.unlock.paused':
      return 'An operator kept the next attempt back.';
    case 'customer.unlock.resumed':
      return 'An operator let the attempts go on.';
    case 'customer.unlock.retried_now':
      return 'An operator had the next attempt made at once.';
    case 'customer.unlock.completed': {
      const how = outcome === null ? 'The request ended' : outcomeWords[outcome];
      return verification === null ? `${how}.` : `${how}. ${verificationWords[verification]}`;
    }
    default:
      return `${actionWords[action]}.`;
  }
}

/** Who a row says was acting. */
export function rowActorWords({ actorId, actorName, onBehalfOf }: AuditRow): string {
  if (actorId === null) return '';
  const name = actorName === null ? actorId : `${actorName} (${actorId})`;
  return onBehalfOf === null ? name : `${name}, who says it is for ${onBehalfOf}`;
}
