import type { Case } from '../case.js';
import type { Blame } from '../checker.js';
import type { CallerAnswer } from '../evidence.js';

/** What the drop-in's answers say of the outcome; the bank's own refusals are told by their status. */
const outcomeByCode: Readonly<Record<string, string>> = {
  LATCHKEY_NOT_LOCKED: 'not_locked',
  LATCHKEY_CANCELLED: 'cancelled',
  LATCHKEY_RETRIES_EXHAUSTED: 'failed',
  LATCHKEY_UPSTREAM_REFUSED: 'rejected',
  LATCHKEY_REJECTED: 'rejected',
};
const IN_USE = /correlation_id_in_use/i;
const refusals = [400, 403, 404, 409];

/** True for an answer that says that the request is taken in, or more. */
export function isAcceptance(answer: CallerAnswer): boolean {
  const { door, httpStatus, code } = answer;
  if (httpStatus === null || door === 'cancel' || door === 'impostor') return false;
  if (httpStatus >= 200 && httpStatus < 300) return true;
  return door === 'drop-in' && (code === 'LATCHKEY_STILL_RUNNING' || outcomeIn(answer) !== null);
}

/** What an answer says of how the request ended; null where it says nothing. */
export function outcomeIn({ door, httpStatus, code, told }: CallerAnswer): string | null {
  if (door !== 'drop-in') return told?.outcome ?? null;
  if (httpStatus === null || IN_USE.test(code ?? '')) return null;
  if (httpStatus === 204) return 'unlocked';
  const known = outcomeByCode[code ?? ''];
  if (known !== undefined) return known;
  return refusals.includes(httpStatus) && !(code ?? '').startsWith('LATCHKEY_') ? 'rejected' : null;
}

/** Nobody was told of a request that does not exist, nor anything else than what stands on record. */
export function checkAnswers({ rows, execution, answers }: Case, blame: Blame): void {
  const exists = rows.some(({ action }) => action === 'customer.unlock.requested') && execution !== null;
  const outcome = rows.find((row) => row.outcome !== null)?.outcome ?? null;
  const attempts = rows.filter(({ action }) => action === 'customer.unlock.attempt_started').length;
  for (const answer of answers) {
    const { door, httpStatus, code, told } = answer;
    const said = `${door} ${httpStatus} ${code ?? ''} ${told === null ? '' : JSON.stringify(told)}`;
    if (door === 'impostor') {
      if (httpStatus !== null && httpStatus < 400) blame('answer_contradicts_record', said);
      continue;
    }
    // Reads begin once an acceptance has been heard.
    if ((isAcceptance(answer) && !exists) || (door === 'read' && httpStatus === 404)) blame('answered_but_unknown', said);
    if (IN_USE.test(code ?? '')) blame('answer_contradicts_record', said);
    const answered = outcomeIn(answer);
    if (answered !== null && answered !== outcome) blame('answer_contradicts_record', `${said}; on record: ${outcome}`);
    if (told !== null && (told.state === 'completed') !== (told.outcome !== null)) blame('answer_contradicts_record', said);
    if (told !== null && (told.attempts > attempts || (told.outcome !== null && told.attempts !== attempts))) {
      blame('answer_contradicts_record', `${said}; attempts on record: ${attempts}`);
    }
  }
}
