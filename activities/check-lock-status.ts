import type { AuditLog } from '../src/audit/audit-log.js';
import { refusesReading } from '../src/domain/classification.js';
import { foundNotLocked, type UnlockRecord } from '../src/domain/unlock-record.js';
import type { UnlockRequest } from '../src/domain/unlock-request.js';
import type { Upstream } from '../src/upstream/index.js';
import type { CheckReport } from './contract.js';
import type { Execution } from './execution.js';
import { tryBankAgain } from './failures.js';
import { createRecorder } from './recorder.js';

interface Parts {
  readonly upstream: Upstream;
  readonly audit: AuditLog;
}

/**
 * Records the request before anything else, then asks the bank whether the customer is locked at all, and the record whether a second
 * person must approve.
 */
export async function checkLockStatus({ upstream, audit }: Parts, request: UnlockRequest, execution: Execution): Promise<CheckReport> {
  const recorder = createRecorder(audit, request, execution);
  const isNew = await recorder.requested();
  const record = isNew ? null : (await recorder.read()).record;
  const known = record === null ? null : reportFrom(record);
  if (known !== null) return known;
  if (Date.now() >= Date.parse(request.budget.deadlineAt)) return { kind: 'expired' };
  const guard = record?.approval?.decision?.kind === 'approve' ? null : (request.repeatGuard ?? null);
  // Beside the bank's answer, so that it costs no time.
  const counting = guard === null ? null : audit.recentUnlocks(request, guard.windowMs);
  counting?.catch(() => undefined);
  const reading = await upstream.readLockStatus(request);
  await recorder.statusChecked(reading, 0);
  if (reading.kind === 'unread') {
    if (refusesReading(reading.answer.meaning)) return { kind: 'rejected' };
    throw tryBankAgain('the lock status could not be read', reading.answer, execution.activityAttempt - 1, request.budget);
  }
  const unlocks = (await counting) ?? 0;
  if (reading.lockStatus === 'not_locked' || guard === null || unlocks < guard.maxUnlocks) return { kind: reading.lockStatus };
  const expiresAt = new Date(Date.now() + guard.approvalMs);
  await recorder.approvalRequired({ unlocks, guard, expiresAt });
  return { kind: 'approval_needed', expiresAt: expiresAt.toISOString(), unlocks };
}

/** What is on record already; null: nothing that would spare the bank the question. */
function reportFrom(record: UnlockRecord): CheckReport | null {
  // With an attempt on record "not locked" may be our own doing: that is for the sending and the settling to tell.
  if (record.attempts.length > 0 || record.completed !== null) return { kind: 'locked' };
  // Found before a crash: a lock that was put on since is not ours to take away.
  if (foundNotLocked(record)) return { kind: 'not_locked' };
  const { approval } = record;
  if (approval === null || approval.decision?.kind === 'approve') return null;
  if (approval.decision !== null) return { kind: 'declined' };
  return { kind: 'approval_needed', expiresAt: approval.expiresAt.toISOString(), unlocks: approval.unlocks };
}
