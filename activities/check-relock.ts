import { log } from '@temporalio/activity';
import type { AuditLog } from '../src/audit/audit-log.js';
import { refusesReading } from '../src/domain/classification.js';
import type { LockStatus } from '../src/domain/lock-status.js';
import type { Observer } from '../src/domain/observer.js';
import type { Upstream } from '../src/upstream/index.js';
import type { RelockWatch } from './contract.js';
import type { Execution } from './execution.js';
import { askBankAgain } from './failures.js';
import { createRecorder } from './recorder.js';

interface Parts {
  readonly upstream: Upstream;
  readonly audit: AuditLog;
  readonly observer: Observer;
}

/** A customer who is locked again soon after an unlock is one at whose password somebody goes on to guess, or who does not know it. */
export async function checkRelock(
  { upstream, audit, observer }: Parts,
  { afterMs, tries, ...subject }: RelockWatch,
  execution: Execution,
): Promise<LockStatus | 'unknown'> {
  const reading = await upstream.readLockStatus(subject);
  if (reading.kind === 'unread' && !refusesReading(reading.answer.meaning) && execution.activityAttempt < tries) {
    throw askBankAgain('the lock status could not be read', reading.answer);
  }
  const recorder = createRecorder(audit, subject, execution);
  const found = reading.kind === 'read' ? reading.lockStatus : 'unknown';
  if (await recorder.relockChecked(reading, afterMs)) {
    observer.relockChecked(found);
    if (found === 'locked') log.warn('a customer is locked again after an unlock', { correlationId: subject.correlationId, afterMs });
  }
  return found;
}
