import { describe, expect, it } from '@jest/globals';
import { check } from './checker.js';
import { answer, applied, call, cleanLogs, row, seen, type Logs } from './doctored.js';
import { rules, type AuditRow, type Rule } from './evidence.js';

/** The rules that are found broken, each once. */
function foundIn(doctor: (logs: Logs) => void): Rule[] {
  const logs = cleanLogs();
  doctor(logs);
  return [...new Set(check(logs).map(({ rule }) => rule))];
}

function rewrite(logs: Logs, action: string, attempt: number | null, columns: Partial<AuditRow>): void {
  logs.rows = logs.rows.map((each) =>
    each.action === `customer.unlock.${action}` && each.attempt === attempt ? { ...each, ...columns } : each,
  );
}
function remove(logs: Logs, action: string, attempt: number | null = null): void {
  logs.rows = logs.rows.filter((each) => each.action !== `customer.unlock.${action}` || each.attempt !== attempt);
}
function ends(logs: Logs, outcome: string, verification: string | null): void {
  rewrite(logs, 'completed', null, { outcome, verification });
  logs.executions = logs.executions.map((each) => ({ ...each, result: { outcome, verification, attempts: 2 } }));
  logs.answers = [];
}

const doctored: readonly (readonly [string, Rule, (logs: Logs) => void])[] = [
  ['a PUT whose intent was committed after it had left', 'put_without_intent', (logs) => (logs.wire = [seen(30, 2), seen(149, 4)])],
  ['a second PUT for one intent', 'put_without_intent', (logs) => logs.wire.push(seen(155, 9))],
  ['a PUT for a request of which no row tells', 'put_without_intent', (logs) => (logs.rows = [])],
  [
    'a PUT that nobody saw pass, and that arrived before any intent',
    'put_without_intent',
    (logs) => {
      logs.wire = [];
      logs.bank.push(call(5, 9, { answer: 503 }));
    },
  ],
  [
    'an attempt number that is missing',
    'attempts_miscounted',
    (logs) => {
      rewrite(logs, 'attempt_started', 2, { attempt: 3 });
      rewrite(logs, 'attempt_finished', 2, { attempt: 3 });
    },
  ],
  ['an attempt number that was given twice', 'attempts_miscounted', (logs) => logs.rows.push(row(170, 'attempt_started', { attempt: 2 }))],
  ['an attempt without a result', 'attempts_miscounted', (logs) => remove(logs, 'attempt_finished', 1)],
  [
    'an attempt with two results',
    'attempts_miscounted',
    (logs) => logs.rows.push(row(170, 'attempt_finished', { attempt: 1, result: 'unknown' })),
  ],
  ['a result without an attempt', 'attempts_miscounted', (logs) => remove(logs, 'attempt_started', 1)],
  ['a PUT that left after the end', 'put_after_unlocked', (logs) => (logs.wire = [seen(49, 2), seen(260, 4)])],
  [
    'an attempt begun after a status read found the customer unlocked',
    'put_after_unlocked',
    (logs) => (logs.rows = logs.rows.map((each) => (each.position === 20 ? { ...each, lockStatus: 'not_locked' } : each))),
  ],
  [
    'an attempt begun after one that succeeded',
    'put_after_unlocked',
    (logs) => {
      rewrite(logs, 'attempt_finished', 1, { result: 'succeeded', httpStatus: null });
      rewrite(logs, 'attempt_started', 2, { recordedAtMs: Number.MAX_SAFE_INTEGER });
    },
  ],
  ['a success that the bank did not apply', 'result_contradicts_bank', (logs) => (logs.bank[4] = call(150, 4, { answer: 204 }))],
  ['another status than the bank answered', 'result_contradicts_bank', (logs) => rewrite(logs, 'attempt_finished', 1, { httpStatus: 502 })],
  [
    'an answer of a bank that never heard of the PUT',
    'result_contradicts_bank',
    (logs) => (logs.bank = logs.bank.filter((line) => line.kind !== 'call' || line.call.sequence !== 2)),
  ],
  [
    'a retryable attempt that the bank applied',
    'result_contradicts_bank',
    (logs) => (logs.bank[2] = call(50, 2, { ...applied(51), answer: 503 })),
  ],
  [
    'an attempt called not sent that was sent',
    'result_contradicts_bank',
    (logs) => rewrite(logs, 'attempt_finished', 1, { meaning: 'not_sent' }),
  ],
  [
    'an unlock confirmed by no status read',
    'outcome_contradicts_bank',
    (logs) => (logs.bank = logs.bank.filter((line) => line.kind !== 'call' || line.call.sequence !== 5)),
  ],
  ['an outcome not_locked after a PUT that took the lock away', 'outcome_contradicts_bank', (logs) => ends(logs, 'not_locked', null)],
  ['an outcome failed after a success', 'outcome_contradicts_bank', (logs) => ends(logs, 'failed', 'unavailable')],
  ['an unlock attributed to no unknown attempt', 'outcome_contradicts_bank', (logs) => ends(logs, 'unlocked', 'attributed')],
  [
    'a customer said to be unlocked who was locked all the time',
    'outcome_contradicts_bank',
    (logs) => {
      logs.bank[4] = call(150, 4, { answer: 204 });
    },
  ],
  [
    'a cancellation that nobody asked for',
    'outcome_contradicts_bank',
    (logs) => {
      rewrite(logs, 'attempt_finished', 2, { result: 'unknown', httpStatus: null });
      ends(logs, 'cancelled', 'still_locked');
    },
  ],
  ['an accepted request without an end', 'no_outcome', (logs) => remove(logs, 'completed')],
  [
    'an accepted request of which nothing is on record',
    'no_outcome',
    (logs) => {
      const accepted = answer({ door: 'post', httpStatus: 202, told: { state: 'running', outcome: null, attempts: 0 } });
      Object.assign(logs, { rows: [], bank: [], wire: [], executions: [], answers: [accepted] });
    },
  ],
  ['a workflow of which nothing is on record', 'no_outcome', (logs) => Object.assign(logs, { rows: [], bank: [], wire: [], answers: [] })],
  [
    'two ends',
    'two_outcomes',
    (logs) => logs.rows.push(row(220, 'completed', { outcome: 'unlocked', verification: 'confirmed', lockStatus: 'not_locked' })),
  ],
  [
    'another outcome in Temporal',
    'temporal_contradicts_audit',
    (logs) =>
      (logs.executions = logs.executions.map((each) => ({ ...each, result: { outcome: 'failed', verification: null, attempts: 2 } }))),
  ],
  [
    'another number of attempts in Temporal',
    'temporal_contradicts_audit',
    (logs) =>
      (logs.executions = logs.executions.map((each) => ({
        ...each,
        result: { outcome: 'unlocked', verification: 'confirmed', attempts: 1 },
      }))),
  ],
  ['a workflow that Temporal does not know', 'temporal_contradicts_audit', (logs) => (logs.executions = [])],
  [
    'a workflow that was terminated',
    'temporal_contradicts_audit',
    (logs) => (logs.executions = logs.executions.map((each) => ({ ...each, status: 'TERMINATED', result: null }))),
  ],
  ['a 204 for a request without a row', 'answered_but_unknown', (logs) => (logs.rows = [])],
  [
    'a 404 after an acceptance',
    'answered_but_unknown',
    (logs) => logs.answers.push(answer({ door: 'read', httpStatus: 404, code: 'not_found' })),
  ],
  [
    'another outcome than stands on record',
    'answer_contradicts_record',
    (logs) => logs.answers.push(answer({ httpStatus: 503, code: 'LATCHKEY_RETRIES_EXHAUSTED' })),
  ],
  [
    'a 204 for a customer who was not locked',
    'answer_contradicts_record',
    (logs) => logs.answers.push(answer({ httpStatus: 409, code: 'LATCHKEY_NOT_LOCKED' })),
  ],
  [
    'more attempts than stand on record',
    'answer_contradicts_record',
    (logs) => logs.answers.push(answer({ door: 'read', httpStatus: 200, told: { state: 'running', outcome: null, attempts: 3 } })),
  ],
  [
    "somebody else's request answered as one's own",
    'answer_contradicts_record',
    (logs) => logs.answers.push(answer({ door: 'impostor', httpStatus: 202, told: { state: 'running', outcome: null, attempts: 0 } })),
  ],
  [
    'a caller refused their own request',
    'answer_contradicts_record',
    (logs) => logs.answers.push(answer({ httpStatus: 409, code: 'LATCHKEY_CORRELATION_ID_IN_USE' })),
  ],
];

describe('the checker of a chaos run', () => {
  it('finds nothing where everybody says the same', () => {
    expect(check(cleanLogs())).toEqual([]);
  });

  it('forgives what no one can know: an answer that the bank was killed before noting, a PUT that was lost on its way', () => {
    expect(foundIn((logs) => (logs.bank[4] = call(150, 4, { ...applied(151), answer: null })))).toEqual([]);
    expect(
      foundIn((logs) => {
        logs.bank = logs.bank.filter((line) => line.kind !== 'call' || line.call.sequence !== 2);
        rewrite(logs, 'attempt_finished', 1, { result: 'unknown', httpStatus: null, meaning: 'no_answer' });
      }),
    ).toEqual([]);
  });

  it.each(doctored)('finds %s: %s', (_, rule, doctor) => {
    expect(foundIn(doctor)).toContain(rule);
  });

  it('is tried on every rule that it has', () => {
    expect(new Set(doctored.map(([, rule]) => rule))).toEqual(new Set(Object.keys(rules)));
  });
});
