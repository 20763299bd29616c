import { approvalState } from '../src/domain/approval.js';
import { hasSucceeded, type Attempt } from '../src/domain/attempt.js';
import type { AuditEvent } from '../src/domain/audit-event.js';
import { meanings } from '../src/domain/meaning.js';
import { diagnoseEnding } from '../src/domain/diagnosis.js';
import { flagsAsJson, statusFlagsFrom } from '../src/domain/lock-status.js';
import { outcomeNeedsStatusRead, settle, type Proposal } from '../src/domain/outcome.js';
import { foundNotLocked, type UnlockRecord } from '../src/domain/unlock-record.js';
import type { UnlockSubject } from '../src/domain/unlock-request.js';
import type { StatusReading, Upstream } from '../src/upstream/index.js';
import type { UnlockResult } from './contract.js';
import { closeOpenAttempts } from './in-flight.js';
import type { Recorder } from './recorder.js';

interface SettlementParts {
  readonly upstream: Upstream;
  readonly recorder: Recorder;
  readonly subject: UnlockSubject;
  /** What the one who settles saw happen; the record decides what came of it. */
  readonly propose: (record: UnlockRecord) => Proposal;
  /** Whether a status that the outcome rests on, and that the bank did not tell, shall be asked for another time. */
  readonly mayAskAgain: (record: UnlockRecord) => boolean;
}

/** `unread`: the outcome rests on a status that the bank did not tell; it is to be asked for another time. */
type Settling =
  | { readonly kind: 'settled'; readonly result: UnlockResult }
  | { readonly kind: 'unread'; readonly reading: StatusReading & { readonly kind: 'unread' }; readonly record: UnlockRecord };

/**
 * Ends an unlock request on record: closes what is open, reads the status where the outcome rests on it, and writes `.completed`.
 * Where one stands already, or another execution was faster, that is what it returns.
 * @throws ApplicationFailure where an attempt may still be on its way
 */
export async function settleRequest({ upstream, recorder, subject, propose, mayAskAgain }: SettlementParts): Promise<Settling> {
  const first = await recorder.read();
  let { record } = first;
  if (record.completed !== null) return { kind: 'settled', result: resultOf(record, record.completed) };
  if (record.requested === null) await recorder.requested();
  if (record.attempts.some(({ result }) => result === null)) {
    await closeOpenAttempts(recorder, record.attempts, first.readAt, upstream.timeoutMs);
    ({ record } = await recorder.read());
  }

  // A customer found not locked after the last attempt needs no second look.
  const known = record.attempts.length > 0 && foundNotLocked(record) ? 'not_locked' : null;
  const reading = known === null && outcomeNeedsStatusRead(record.attempts) ? await upstream.readLockStatus(subject) : null;
  if (reading?.kind === 'unread' && restsOnReading(record.attempts) && mayAskAgain(record)) return { kind: 'unread', reading, record };
  const lockStatus = reading === null ? known : reading.kind === 'read' ? reading.lockStatus : 'unavailable';
  const settlement = settle({ proposal: propose(record), attempts: record.attempts, lockStatus });
  const flags = reading?.kind === 'read' ? reading.flags : statusFlagsFrom(record.statusChecks.at(-1)?.metadata.flags);
  const approval = record.approval && approvalState(record.approval, settlement, new Date());
  const diagnosis = diagnoseEnding({ ...settlement, flags, meaning: lastRefusal(record), approval });
  const written = await recorder.completed({
    ...settlement,
    lockStatus: lockStatus === 'unavailable' ? 'unknown' : lockStatus,
    metadata: { attempts: record.attempts.length, diagnosis, ...(approval === null ? {} : { approval }), ...readingMetadata(reading) },
  });
  if (written) return { kind: 'settled', result: { ...settlement, attempts: record.attempts.length } };
  const settled = (await recorder.read()).record;
  if (settled.completed === null) throw new Error('an outcome stands and cannot be read');
  return { kind: 'settled', result: resultOf(settled, settled.completed) };
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
