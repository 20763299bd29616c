import type { Case } from '../case.js';
import type { Blame } from '../checker.js';
import type { AuditRow } from '../evidence.js';
import { isAcceptance } from './answers.js';
import { CLOCK_TOLERANCE_MS } from './attempts.js';

/** One outcome each, borne out by the bank, and the same in Temporal. */
export function checkOutcome(unlock: Case, blame: Blame): void {
  const { rows, execution, answers } = unlock;
  const completed = rows.filter(({ action }) => action === 'customer.unlock.completed');
  const [ending] = completed;
  if (completed.length > 1) blame('two_outcomes', completed.map(({ outcome }) => outcome).join(', '));
  if (ending === undefined) {
    const accepted = rows.length > 0 || execution !== null || answers.some(isAcceptance);
    if (accepted) blame('no_outcome', `rows: ${rows.length}, Temporal: ${execution?.status ?? 'unknown'}`);
    return;
  }
  checkAgainstBank(unlock, ending, blame);

  const attempts = rows.filter(({ action }) => action === 'customer.unlock.attempt_started').length;
  const { outcome, verification } = ending;
  const result = execution?.result ?? null;
  const same = result !== null && result.outcome === outcome && result.verification === verification && result.attempts === attempts;
  if (!same) {
    const inTemporal = result === null ? (execution?.status ?? 'nothing') : JSON.stringify(result);
    blame('temporal_contradicts_audit', `audit ${JSON.stringify({ outcome, verification, attempts })}, Temporal ${inTemporal}`);
  }
}

function checkAgainstBank({ rows, puts, statusReads, answers, locks }: Case, ending: AuditRow, blame: Blame): void {
  const { outcome, verification, committedAtMs: endedAtMs } = ending;
  const contradicts = (detail: string): void => blame('outcome_contradicts_bank', `${outcome}, ${verification}: ${detail}`);
  const begunAtMs = rows[0]?.committedAtMs ?? endedAtMs;
  const appliedInTime = puts.filter(({ call }) => {
    const appliedAtMs = call?.appliedAtMs ?? null;
    return appliedAtMs !== null && appliedAtMs <= endedAtMs + CLOCK_TOLERANCE_MS;
  });
  const wasTold = (locked: boolean): boolean => statusReads.some(({ toldLocked }) => toldLocked === locked);
  const hasResult = (wanted: string): boolean => rows.some(({ result }) => result === wanted);

  if (verification === 'confirmed' || verification === 'attributed' || outcome === 'not_locked') {
    if (!wasTold(false)) contradicts('no status read found the customer unlocked');
    if (!locks.unlockedWithin(begunAtMs - CLOCK_TOLERANCE_MS, endedAtMs + CLOCK_TOLERANCE_MS))
      contradicts('the customer was locked all the time');
  }
  if (verification === 'still_locked' && !wasTold(true)) contradicts('no status read found the customer locked');
  if (outcome === 'unlocked' && verification !== 'attributed' && appliedInTime.length === 0) contradicts('the bank applied no PUT');
  if (verification === 'attributed' && !hasResult('unknown')) contradicts('no attempt is unknown');
  if (outcome !== 'unlocked' && hasResult('succeeded')) contradicts('an attempt succeeded');
  if (outcome === 'not_locked' && appliedInTime.some(({ call }) => call?.wasLocked === true)) contradicts('a PUT took the lock away');
  if (outcome === 'rejected' && !hasResult('rejected') && !rows.some(isRefusedReading)) contradicts('nothing was rejected');
  if (outcome === 'cancelled' && !answers.some(({ door }) => door === 'cancel')) contradicts('nobody asked for that');
}

function isRefusedReading({ action, httpStatus }: AuditRow): boolean {
  return action === 'customer.unlock.status_checked' && httpStatus !== null && httpStatus >= 400;
}
