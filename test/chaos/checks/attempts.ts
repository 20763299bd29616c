import type { Case, Put } from '../case.js';
import type { Blame } from '../checker.js';
import type { AuditRow } from '../evidence.js';

/** Some clocks are read to the millisecond only, and cut. */
export const CLOCK_TOLERANCE_MS = 2;
/** A claim looks at the record when its statement begins, and writes its row a moment later: longer on a busy machine. */
const CLAIM_LOOKS_BEHIND_MS = 100;

/** Intents, PUTs and results: one of each for every attempt, in that order, and none too many. */
export function checkAttempts(unlock: Case, blame: Blame): void {
  const started = unlock.rows.filter(({ action }) => action === 'customer.unlock.attempt_started');
  const finished = unlock.rows.filter(({ action }) => action === 'customer.unlock.attempt_finished');
  const late = unlock.rows.filter(({ action }) => action === 'customer.unlock.late_answer');
  const numbers = started.map(({ attempt }) => attempt ?? 0).toSorted((one, other) => one - other);
  if (numbers.some((number, index) => number !== index + 1)) blame('attempts_miscounted', `attempts begun: ${numbers.join(', ')}`);
  for (const intent of started) {
    const results = finished.filter(({ attempt }) => attempt === intent.attempt);
    if (results.length !== 1) blame('attempts_miscounted', `attempt ${intent.attempt} has ${results.length} results`);
  }
  for (const result of [...finished, ...late]) {
    if (!started.some(({ attempt }) => attempt === result.attempt)) {
      blame('attempts_miscounted', `attempt ${result.attempt} has an end and no beginning`);
    }
  }

  const sent = new Map<number | null, Put>();
  for (const put of unlock.puts) {
    const intent = started.filter(({ committedAtMs }) => committedAtMs <= put.sentAtMs + CLOCK_TOLERANCE_MS).at(-1);
    if (intent === undefined) {
      blame('put_without_intent', `PUT ${put.transactionId} at ${put.sentAtMs} came before any intent`);
      continue;
    }
    if (sent.has(intent.attempt)) blame('put_without_intent', `attempt ${intent.attempt} sent a second PUT, ${put.transactionId}`);
    sent.set(intent.attempt, put);
    checkOrder(unlock.rows, intent, put, blame);
  }
  for (const result of [...finished, ...late]) checkResult(result, sent.get(result.attempt), blame);
}

function checkOrder(rows: readonly AuditRow[], intent: AuditRow, put: Put, blame: Blame): void {
  const before = (row: AuditRow, atMs: number): boolean => row.committedAtMs + CLOCK_TOLERANCE_MS < atMs;
  if (rows.some((row) => row.outcome !== null && before(row, put.sentAtMs))) {
    blame('put_after_unlocked', `PUT ${put.transactionId} of attempt ${intent.attempt} was sent after the request had ended`);
  }
  const tells = (row: AuditRow): boolean =>
    row.result === 'succeeded' || (row.action === 'customer.unlock.status_checked' && row.lockStatus === 'not_locked');
  if (rows.some((row) => tells(row) && before(row, intent.recordedAtMs - CLAIM_LOOKS_BEHIND_MS))) {
    blame('put_after_unlocked', `attempt ${intent.attempt} was begun after the customer was known to be unlocked`);
  }
}

function checkResult({ attempt, result, httpStatus, meaning }: AuditRow, put: Put | undefined, blame: Blame): void {
  const contradicts = (detail: string): void => blame('result_contradicts_bank', `attempt ${attempt}, ${result}: ${detail}`);
  const call = put?.call ?? null;
  const isApplied = call !== null && call.appliedAtMs !== null;
  if (httpStatus !== null && call === null) contradicts(`the bank has not heard of it, and is said to have answered ${httpStatus}`);
  // Null: the bank was killed before it could note that its answer had left.
  else if (httpStatus !== null && call !== null && call.answer !== null && call.answer !== httpStatus) {
    contradicts(`the bank answered ${call.answer}, not ${httpStatus}`);
  }
  if (result === 'succeeded' && !isApplied) contradicts('the bank did not apply it');
  if ((result === 'rejected' || result === 'retryable') && isApplied) contradicts('the bank applied it');
  if (meaning === 'not_sent' && put !== undefined) contradicts(`PUT ${put.transactionId} was sent`);
}
