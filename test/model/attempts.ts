import type { BankCall } from '../../src/sandbox/index.js';
import { putsOf, ranTwice, refuses, rowsOf, type Evidence, type Row } from './evidence.js';

/** For two clocks that are read to the millisecond. */
const CLOCK_MS = 2;
/** An attempt that is nearly due is not sent back to wait; and timers are rounded. */
const EARLY_MS = 120;
const DEADLINE_SLACK_MS = 250;

interface Attempt {
  readonly number: number;
  readonly started: Row;
  readonly finished: Row | null;
  readonly late: Row | null;
  readonly put: BankCall | null;
}

const arrivedMs = (call: BankCall): number => Date.parse(call.arrivedAt);

/** Each attempt with the PUT that left under it: the attempt whose intent was the newest when the PUT arrived. */
function attemptsOf(evidence: Evidence): Attempt[] {
  const started = rowsOf(evidence.rows, 'attempt_started');
  const newestAt = (ms: number): Row | undefined => started.findLast((row) => Math.floor(row.recordedAtMs) <= ms);
  const puts = putsOf(evidence).map((put) => ({ put, attempt: newestAt(arrivedMs(put)) }));
  return started.map((row) => ({
    number: row.attempt ?? 0,
    started: row,
    finished: rowsOf(evidence.rows, 'attempt_finished').find(({ attempt }) => attempt === row.attempt) ?? null,
    late: rowsOf(evidence.rows, 'late_answer').find(({ attempt }) => attempt === row.attempt) ?? null,
    put: puts.find(({ attempt }) => attempt === row)?.put ?? null,
  }));
}

/** Attempts are numbered without gaps, and each PUT left under an intent of its own. */
export function everyPutHasItsIntent(evidence: Evidence): string[] {
  const attempts = attemptsOf(evidence);
  const numbers = attempts.map(({ number }) => number);
  const homeless = putsOf(evidence).filter((put) => !attempts.some((attempt) => attempt.put === put));
  return [
    ...(numbers.every((number, index) => number === index + 1) ? [] : [`attempts are numbered ${numbers.join(', ')}`]),
    ...(numbers.length > evidence.limits.maxAttempts ? [`${numbers.length} attempts of ${evidence.limits.maxAttempts} allowed`] : []),
    ...homeless.map((put) => `a PUT at ${put.arrivedAt} has no intent of its own`),
  ];
}

/** What is recorded of an attempt is what the bank did. */
export function resultsTellWhatTheBankDid(evidence: Evidence): string[] {
  const { weather, given, limits } = evidence;
  const attempts = attemptsOf(evidence);
  const lossy = weather.workerKilled || weather.workerFrozen || weather.postgresCut || weather.temporalCut || given.terminated;
  return attempts.flatMap(({ number, finished, late, put }, index) => {
    if (finished === null) return given.terminated ? [] : [`attempt ${number} was never closed`];
    const timedOut = finished.durationMs !== null && finished.durationMs >= limits.bankTimeoutMs;
    const expected = expectedResults(put, attempts[index - 1]?.put ?? null, lossy);
    const mayBeUnknown = lossy || timedOut || expected.includes('unknown');
    const said = [finished, ...(late === null ? [] : [late])];
    return said
      .filter(({ result }) => !expected.includes(result ?? '') && !(result === 'unknown' && mayBeUnknown))
      .map(
        ({ action, result }) => `${action} ${number} says ${result}, the bank ${put === null ? 'saw no PUT' : `answered ${put.answer}`}`,
      );
  });
}

function expectedResults(put: BankCall | null, previous: BankCall | null, lossy: boolean): string[] {
  if (put === null) return ['retryable'];
  const { answer } = put;
  if (answer === null || answer === 'connection lost') return ['unknown'];
  if (answer < 300) return ['succeeded'];
  // A stale token twice in a row is permanent; what came before may not be on record.
  if (answer === 401) return previous?.answer === 401 ? (lossy ? ['rejected', 'retryable'] : ['rejected']) : ['retryable'];
  return refuses(answer) ? ['rejected'] : ['retryable'];
}

/** The bank was asked for the lock status, and said locked, before every PUT. */
export function everyPutFollowsALookAtTheLock(evidence: Evidence): string[] {
  let since = Number.NEGATIVE_INFINITY;
  return putsOf(evidence).flatMap((put) => {
    const looked = evidence.calls.some((call) => call.toldLocked === true && call.sequence > since && call.sequence < put.sequence);
    since = put.sequence;
    return looked ? [] : [`the PUT at ${put.arrivedAt} was sent without a look at the lock`];
  });
}

/** No PUT is sent where the record says that it must not be. */
export function noPutWhereNoneMayBe(evidence: Evidence): string[] {
  const { rows, given } = evidence;
  const puts = putsOf(evidence);
  const after = (ms: number): BankCall[] => puts.filter((put) => arrivedMs(put) > ms + CLOCK_MS);
  const completed = rowsOf(rows, 'completed')[0];
  const foundOpen = rows.findIndex(({ action, lockStatus }) => action === 'status_checked' && lockStatus === 'not_locked');
  const deadlineMs = Date.parse(String(rowsOf(rows, 'requested')[0]?.metadata.deadlineAt));
  return [
    ...(completed === undefined ? [] : after(completed.recordedAtMs).map((put) => `a PUT at ${put.arrivedAt}, after the end`)),
    ...after(deadlineMs + DEADLINE_SLACK_MS).map((put) => `a PUT at ${put.arrivedAt}, after the deadline`),
    ...(!ranTwice(evidence) && foundOpen >= 0 && rows.slice(foundOpen).some(({ action }) => action === 'attempt_started')
      ? ['an attempt after the customer was found not locked']
      : []),
    // One may be on its way; in the fast phase the first may still leave before anybody hears.
    ...(given.cancelledAtMs !== null && !ranTwice(evidence) && after(given.cancelledAtMs).filter((put) => put !== puts[0]).length > 1
      ? ['two PUTs after a cancellation']
      : []),
  ];
}

/** What the bank asked for between two tries is kept. */
export function retryAfterIsHonoured(evidence: Evidence): string[] {
  const { given, weather, limits } = evidence;
  if (given.hurried || ranTwice(evidence) || weather.workerKilled) return [];
  const puts = putsOf(evidence);
  return puts.flatMap((put, index) => {
    const next = puts[index + 1];
    if (put.answer !== 429 || put.answeredAt === null || next === undefined) return [];
    const waitedMs = arrivedMs(next) - Date.parse(put.answeredAt);
    return waitedMs < limits.retryAfterMs - EARLY_MS
      ? [`the next PUT came ${waitedMs} ms after a Retry-After of ${limits.retryAfterMs} ms`]
      : [];
  });
}
