import {
  everyPutFollowsALookAtTheLock,
  everyPutHasItsIntent,
  noPutWhereNoneMayBe,
  resultsTellWhatTheBankDid,
  retryAfterIsHonoured,
} from './attempts.js';
import { completedOf, putsOf, ranTwice, refuses, rowsOf, type Evidence, type Row } from './evidence.js';

/** One letter an action; what callers and operators did beside stands anywhere, so it has none. */
const letters: Readonly<Record<string, string>> = {
  requested: 'R',
  status_checked: 'S',
  attempt_started: 'A',
  attempt_finished: 'F',
  late_answer: 'L',
  completed: 'E',
};
const story = /^R(?:S|AF)*E$/;
/** Where executions overlap, a look at the lock may fall between the two rows of an attempt, and an answer may come late. */
const overlappingStory = /^R(?:S|L|AS*F)*E[SL]*$/;
/** A terminated request may break off anywhere. */
const brokenOffStory = /^(?:R(?:S|L|AS*F)*(?:AS*|E[SL]*)?)?$/;

const rules: readonly ((evidence: Evidence) => string[])[] = [
  rowsTellAStory,
  everyPutHasItsIntent,
  everyPutFollowsALookAtTheLock,
  noPutWhereNoneMayBe,
  resultsTellWhatTheBankDid,
  retryAfterIsHonoured,
  statusRowsWereTold,
  outcomeIsAllowed,
  verificationFits,
  temporalAgrees,
  theFrontDoorAgrees,
];

/**
 * The unlock protocol, stated anew and apart from the product: what must hold of one request once it has settled.
 * @returns what does not hold, in words; empty where all is well
 */
export function violationsOf(evidence: Evidence): string[] {
  if (evidence.given.asked === 'in_doubt' && evidence.temporal === null) {
    // It was not taken in, so nothing of it may be anywhere.
    const traces = [
      evidence.rows.length > 0 && 'rows',
      evidence.calls.length > 0 && 'calls of the bank',
      evidence.http.httpStatus !== 404 && 'an answer',
    ];
    return traces.filter((trace) => trace !== false).map((trace) => `it was not accepted, and yet there are ${trace}`);
  }
  return rules.flatMap((rule) => rule(evidence));
}

function rowsTellAStory(evidence: Evidence): string[] {
  const told = evidence.rows.map(({ action }) => letters[action] ?? '').join('');
  const grammar = evidence.given.terminated ? brokenOffStory : ranTwice(evidence) ? overlappingStory : story;
  return grammar.test(told) ? [] : [`the rows tell ${told}`];
}

function statusRowsWereTold({ rows, calls }: Evidence): string[] {
  return ['locked', 'not_locked'].flatMap((lockStatus) => {
    const recorded = rowsOf(rows, 'status_checked').filter((row) => row.lockStatus === lockStatus).length;
    const told = calls.filter(({ toldLocked }) => toldLocked === (lockStatus === 'locked')).length;
    return recorded > told ? [`${recorded} reads of ${lockStatus} are on record, the bank told it ${told} times`] : [];
  });
}

function outcomeIsAllowed(evidence: Evidence): string[] {
  const completed = completedOf(evidence);
  if (completed === null) return evidence.given.terminated ? [] : ['it never ended'];
  const allowed = allowedOutcomes(evidence, completed);
  return [
    ...(allowed.includes(completed.outcome ?? '')
      ? []
      : [`it ended ${completed.outcome}; allowed: ${allowed.join(', ') || 'nothing yet'}`]),
    ...(completed.outcome === 'not_locked' && putsOf(evidence).some(({ applied, wasLocked }) => applied && wasLocked === true)
      ? ['it ended not_locked, and its own PUT took the lock away']
      : []),
  ];
}

/** The outcomes that the record bears out. */
function allowedOutcomes({ rows, given, limits }: Evidence, completed: Row): string[] {
  const attempts = rowsOf(rows, 'attempt_started');
  const results = rowsOf(rows, 'attempt_finished');
  const answers = [...results, ...rowsOf(rows.slice(0, rows.indexOf(completed)), 'late_answer')];
  if (answers.some(({ result }) => result === 'succeeded')) return ['unlocked'];

  const looks = rowsOf(rows, 'status_checked');
  const lastRejected = results.at(-1)?.result === 'rejected';
  const deadlineMs = Date.parse(String(rowsOf(rows, 'requested')[0]?.metadata.deadlineAt));
  // Temporal gives up where the next try would come after the deadline.
  const deadlineNear = completed.recordedAtMs > deadlineMs - limits.retryAfterMs - 1_000;
  const stopped = [
    ...(given.cancelTried && attempts.length < limits.maxAttempts ? ['cancelled'] : []),
    ...(looks.some(({ httpStatus }) => httpStatus !== null && (refuses(httpStatus) || httpStatus === 401)) ? ['rejected'] : []),
    ...(attempts.length >= limits.maxAttempts || deadlineNear ? ['failed'] : []),
  ];
  if (results.some(({ result }) => result === 'unknown')) {
    if (completed.lockStatus === 'not_locked') return ['unlocked'];
    if (lastRejected) return ['rejected'];
    return completed.lockStatus === 'locked' ? stopped : ['failed'];
  }
  if (attempts.length === 0 && looks.at(-1)?.lockStatus === 'not_locked') return ['not_locked'];
  if (attempts.length > 0 && completed.lockStatus === 'not_locked') return ['not_locked'];
  return lastRejected ? ['rejected'] : stopped;
}

function verificationFits(evidence: Evidence): string[] {
  const completed = completedOf(evidence);
  if (completed === null) return [];
  const { outcome, verification, lockStatus } = completed;
  const before = evidence.rows.slice(0, evidence.rows.indexOf(completed));
  const answers = [...rowsOf(before, 'attempt_finished'), ...rowsOf(before, 'late_answer')];
  const success = answers.some(({ result }) => result === 'succeeded');
  const unknown = answers.some(({ result }) => result === 'unknown');
  const byStatus: Readonly<Record<string, string>> = {
    not_locked: success ? 'confirmed' : 'attributed',
    locked: 'still_locked',
    unknown: 'unavailable',
  };
  const expected = success || unknown ? (byStatus[lockStatus ?? ''] ?? 'a status read') : null;
  return verification === expected ? [] : [`${outcome} stands with verification ${verification}; expected: ${expected}`];
}

function temporalAgrees(evidence: Evidence): string[] {
  const { temporal, given } = evidence;
  const completed = completedOf(evidence);
  if (temporal === null) return ['Temporal knows nothing of it'];
  if (given.terminated && temporal.status === 'TERMINATED') return [];
  if (temporal.status !== 'COMPLETED' || temporal.result === null) return [`Temporal has it as ${temporal.status}`];
  const { outcome, verification, attempts } = temporal.result;
  const recorded = [completed?.outcome, completed?.verification ?? null, rowsOf(evidence.rows, 'attempt_started').length];
  const differ = recorded.some((value, index) => value !== [outcome, verification, attempts][index]);
  return differ ? [`Temporal says ${outcome}/${verification}/${attempts}, the rows ${recorded.join('/')}`] : [];
}

function theFrontDoorAgrees(evidence: Evidence): string[] {
  const { http, rows } = evidence;
  const completed = completedOf(evidence);
  if (http.httpStatus !== 200) return [`the front door answers ${http.httpStatus}`];
  const results = rowsOf(rows, 'attempt_started').map(
    ({ attempt }) => rowsOf(rows, 'attempt_finished').find((finished) => finished.attempt === attempt)?.result ?? null,
  );
  const shown = [http.state, http.outcome, http.verification, http.attempts.join()].join(' ');
  const recorded = [
    completed === null ? 'running' : 'completed',
    completed?.outcome ?? null,
    completed?.verification ?? null,
    results.join(),
  ].join(' ');
  return shown === recorded ? [] : [`the front door shows "${shown}", the rows "${recorded}"`];
}
