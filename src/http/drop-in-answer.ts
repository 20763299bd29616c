import type { UnlockRecord } from '../domain/unlock-record.js';
import { dropInCode, RETRY_AFTER_SECONDS } from './error-codes.js';
import { bankError, Problem } from './problem.js';
import { diagnosisOf, unlockPath } from './representation.js';
import type { Answer } from './route.js';
import type { InstitutionRules } from './settings.js';

type Policy = Pick<InstitutionRules, 'notLockedPolicy'>;

/** What the drop-in endpoint answers for what stands on record; never a 2xx while it is running, because callers read that as unlocked. */
export function dropInAnswer(correlationId: string, record: UnlockRecord, { notLockedPolicy }: Policy): Answer {
  switch (record.completed?.outcome ?? 'running') {
    case 'unlocked':
      return { httpStatus: 204 };
    case 'not_locked':
      if (notLockedPolicy === 'accept') return { httpStatus: 204 };
      return asAnswer(
        new Problem('not_locked', { detail: diagnosisOf(record) ?? 'The customer is not locked, so an unlock will not help.' }),
      );
    case 'rejected':
      return rejection(record);
    case 'cancelled':
      return asAnswer(
        new Problem('cancelled', {
          detail: declineOf(record) ?? 'The unlock was cancelled on request; for another try use a new correlationId.',
        }),
      );
    case 'failed':
      return asAnswer(new Problem('retries_exhausted', { detail: exhaustion(record) }));
    default:
      return asAnswer(
        new Problem('still_running', {
          detail: `${whatGoesOn(record)} Send the same request with the same correlationId again to wait for its end.`,
          headers: { 'retry-after': RETRY_AFTER_SECONDS, location: unlockPath(correlationId) },
        }),
      );
  }
}

function declineOf({ approval }: UnlockRecord): string | null {
  return approval?.decision?.kind === 'decline' ? 'A second person declined the unlock; for another try use a new correlationId.' : null;
}

function exhaustion({ approval }: UnlockRecord): string {
  if (approval !== null && approval.decision === null)
    return 'No second person approved the unlock in time; for another try use a new correlationId.';
  return 'Attempts or time are used up; for another try use a new correlationId.';
}

function whatGoesOn({ approval }: UnlockRecord): string {
  if (approval !== null && approval.decision === null) return 'A second person must approve the unlock, because there were many lately.';
  return 'The unlock goes on.';
}

function asAnswer(problem: Problem): Answer {
  return { httpStatus: problem.httpStatus, headers: problem.headers, body: bankError(problem) };
}

interface BankAnswer {
  readonly httpStatus: number | null;
  readonly upstreamCode: string | null;
  readonly upstreamMessage: string | null;
  readonly meaning: unknown;
}

function rejection(record: UnlockRecord): Answer {
  const { httpStatus, upstreamCode, upstreamMessage, meaning } = rejectingAnswer(record);
  if (httpStatus === 401 || meaning === 'stale_token') {
    return asAnswer(
      new Problem('upstream_refused', { detail: 'The bank does not accept the credentials of Latchkey: its operators must mend that.' }),
    );
  }
  const message = upstreamMessage ?? 'The bank rejected the unlock and gave no reason.';
  if (httpStatus === null || httpStatus < 400 || httpStatus > 499) return asAnswer(new Problem('rejected', { detail: message }));
  return { httpStatus, body: { status: httpStatus, message, code: upstreamCode ?? dropInCode('rejected') } };
}

/** The answer that settled it: the attempt that was rejected, else the status read that was, else whatever came last. */
function rejectingAnswer({ attempts, statusChecks }: UnlockRecord): BankAnswer {
  const finished = attempts.filter(({ finishedAt }) => finishedAt !== null);
  const rejected = finished.findLast(({ result }) => result === 'rejected');
  if (rejected !== undefined) return rejected;
  const read = statusChecks.findLast(({ httpStatus }) => httpStatus !== null && httpStatus >= 400);
  if (read !== undefined) return { ...read, meaning: read.metadata.meaning };
  return finished.at(-1) ?? { httpStatus: null, upstreamCode: null, upstreamMessage: null, meaning: null };
}
