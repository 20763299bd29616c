import type { AuditWriteResult, Observer } from '../domain/observer.js';
import { decisionActions, type ApprovalEvent } from '../domain/approval.js';
import type { AuditAction, NewAuditEvent } from '../domain/audit-event.js';
import { AuditConflictError, AuditRefusedError, type AuditLog } from './audit-log.js';

type Writes = Pick<AuditLog, 'append' | 'claimAttempt'>;

/** The same writes, each told to the observer when it is over. */
export function observed({ append, claimAttempt }: Writes, observer: Observer): Writes {
  async function told<Result>(action: AuditAction, write: () => Promise<Result>, read: (result: Result) => AuditWriteResult) {
    const startedMs = performance.now();
    const tell = (result: AuditWriteResult) => observer.auditWritten({ action, result, durationMs: performance.now() - startedMs });
    try {
      const result = await write();
      tell(read(result));
      return result;
    } catch (error) {
      tell(error instanceof AuditConflictError || error instanceof AuditRefusedError ? 'refused' : 'failed');
      throw error;
    }
  }

  return {
    async append(event) {
      const { action, result, outcome } = event;
      const written = await told(
        action,
        () => append(event),
        (what) => what,
      );
      // Told where the row is written and not where it is decided, so that no writer can forget or repeat it.
      if (written === 'written' && action === 'customer.unlock.attempt_finished' && result != null) observer.attemptFinished(result);
      if (written === 'written' && action === 'customer.unlock.completed' && outcome != null) observer.requestCompleted(outcome);
      const approval = written === 'written' ? approvalEventOf(event) : null;
      if (approval !== null) observer.approvalChanged(approval);
      return written;
    },
    claimAttempt: (claim) =>
      told(
        'customer.unlock.attempt_started',
        () => claimAttempt(claim),
        (attempt) => (attempt === null ? 'refused' : 'written'),
      ),
  };
}

function approvalEventOf({ action, metadata }: NewAuditEvent): ApprovalEvent | null {
  if (action === 'customer.unlock.approval_required') return 'required';
  if (action === decisionActions.approve) return 'approved';
  if (action === decisionActions.decline) return 'declined';
  return action === 'customer.unlock.completed' && metadata?.approval === 'expired' ? 'expired' : null;
}
