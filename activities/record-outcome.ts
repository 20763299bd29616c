import type { AuditLog } from '../src/audit/audit-log.js';
import { hasSucceeded, type Attempt } from '../src/domain/attempt.js';
import type { AuditEvent } from '../src/domain/audit-event.js';
import { meanings } from '../src/domain/meaning.js';
import { diagnoseEnding } from '../src/domain/diagnosis.js';
import { flagsAsJson, statusFlagsFrom } from '../src/domain/lock-status.js';
import { outcomeNeedsStatusRead, settle, type Proposal } from '../src/domain/outcome.js';
import { foundNotLocked, type UnlockRecord } from '../src/domain/unlock-record.js';
import type { UnlockRequest } from '../src/domain/unlock-request.js';
import type { StatusReading, Upstream } from '../src/upstream/index.js';
import type { UnlockResult } from './contract.js';
import type { Execution } from './execution.js';
import { tryBankAgain } from './failures.js';
import { closeOpenAttempts } from './in-flight.js';
import { createRecorder } from './recorder.js';

interface Parts {
  readonly upstream: Upstream;
  readonly audit: AuditLog;
}

/** Executions that try to read the status of a customer whose attempt is `unknown`, before it ends as `unavailable`. */
const UNKNOWN_READS = 4;

/** Settles an unlock request: what this returns is what stands in the audit log. */
export async function recordOutcome(
  { upstream, audit }: Parts,
  request: UnlockRequest,
  proposal: Proposal,
  execution: Execution,
): Promise<UnlockResult> {
  const recorder = createRecorder(audit, request, execution);
  const first = await recorder.read();
  let { record } = first;
  if (record.completed !== null) return resultOf(record, record.completed);
  if (record.requested === null) await recorder.requested();
  if (record.attempts.some(({ result }) => result === null)) {
    await closeOpenAttempts(recorder, record.attempts, first.readAt, upstream.timeoutMs);
    ({ record } = await recorder.read());
  }

  // A customer found not locked after the last attempt needs no second look.
  const known = record.attempts.length > 0 && foundNotLocked(record) ? 'not_locked' : null;
  const reading = known === null && outcomeNeedsStatusRead(record.attempts) ? await upstream.readLockStatus(request) : null;
  if (reading?.kind === 'unread' && restsOnReading(record.attempts) && execution.activityAttempt < UNKNOWN_READS) {
    throw tryBankAgain('the lock status could not be read', reading.answer, execution.activityAttempt - 1, request.budget);
  }
  const lockStatus = reading === null ? known : reading.kind === 'read' ? reading.lockStatus : 'unavailable';
  const settlement = settle({ proposal, attempts: record.attempts, lockStatus });
  const flags = reading?.kind === 'read' ? reading.flags : statusFlagsFrom(record.statusChecks.at(-1)?.metadata.flags);
  const diagnosis = diagnoseEnding({ ...settlement, flags, meaning: lastRefusal(record) });
  const written = await recorder.completed({
    ...settlement,
    lockStatus: lockStatus === 'unavailable' ? 'unknown' : lockStatus,
    metadata: { attempts: record.attempts.length, diagnosis, ...readingMetadata(reading) },
  });
  if (written) return { ...settlement, attempts: record.attempts.length };
  const settled = (await recorder.read()).record;
  if (settled.completed === null) throw new Error('an outcome stands and cannot be read');
  return resultOf(settled, settled.completed);
}

function resultOf(record: UnlockRecord, completed: AuditEvent): UnlockResult {
  return { outcome: completed.outcome ?? 'failed', verification: completed.verification, attempts: record.attempts.length };
}

/** With an unknown attempt and no success, only the status tells what happened. */
function restsOnReading(attempts: readonly Attempt[]): boolean {
  return attempts.some(({ result }) => result === 'unknown') && !attempts.some(hasSucceeded);
}

function lastRefusal({ attempts, statusChecks }: UnlockRecord) {
  const fromAttempt = attempts.at(-1)?.result === 'rejected' ? attempts.at(-1)?.meaning : undefined;
  return fromAttempt ?? meanings.find((meaning) => meaning === statusChecks.at(-1)?.metadata.meaning) ?? null;
}

function readingMetadata(reading: StatusReading | null) {
  if (reading === null) return {};
  return reading.kind === 'read'
    ? { flags: flagsAsJson(reading.flags) }
    : { statusRead: { meaning: reading.answer.meaning, httpStatus: reading.answer.httpStatus } };
}
