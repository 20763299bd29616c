import type { AuditLog } from '../src/audit/audit-log.js';
import { refusesReading } from '../src/domain/classification.js';
import { foundNotLocked } from '../src/domain/unlock-record.js';
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

/** Records the request before anything else, then asks the bank whether the customer is locked at all. */
export async function checkLockStatus({ upstream, audit }: Parts, request: UnlockRequest, execution: Execution): Promise<CheckReport> {
  const recorder = createRecorder(audit, request, execution);
  if (!(await recorder.requested())) {
    const { record } = await recorder.read();
    // With an attempt on record "not locked" may be our own doing: that is for the sending and the settling to tell.
    if (record.attempts.length > 0 || record.completed !== null) return { kind: 'locked' };
    // Found before a crash: a lock that was put on since is not ours to take away.
    if (foundNotLocked(record)) return { kind: 'not_locked' };
  }
  if (Date.now() >= Date.parse(request.budget.deadlineAt)) return { kind: 'expired' };
  const reading = await upstream.readLockStatus(request);
  await recorder.statusChecked(reading, 0);
  if (reading.kind === 'read') return { kind: reading.lockStatus };
  if (refusesReading(reading.answer.meaning)) return { kind: 'rejected' };
  throw tryBankAgain('the lock status could not be read', reading.answer, execution.activityAttempt - 1, request.budget);
}
