import { isDatabaseUnavailable } from '../src/audit/failures.js';
import type { UnlockRecord } from '../src/domain/unlock-record.js';
import type { RetryBudget } from '../src/domain/unlock-request.js';
import type { UnrecordedAnswer } from './contract.js';
import type { Execution } from './execution.js';
import { RecordingOverdueError } from './failures.js';
import type { Recorder } from './recorder.js';

/** Kept free at the end of an execution, so that Temporal hears how it ended. */
const REPORTING_MS = 2_000;
const RECORD_AGAIN_MS = 250;

/** True where this answer stands on record, be it as a late one; or where another one stands in its place. */
export function isOnRecord({ attempts }: UnlockRecord, { attempt, result, answer }: UnrecordedAnswer): boolean {
  const known = attempts.find((each) => each.attempt === attempt);
  if (known === undefined || known.result === null) return false;
  return known.lateResult !== null || (known.result === result && known.httpStatus === answer.httpStatus);
}

/**
 * Puts the bank's answer on record: tried for as long as this execution may last, and where Postgres is away for longer,
 * held for the next one. A known answer must not become `unknown`.
 * @returns false where the attempt had been closed meanwhile
 * @throws what the audit log threw, once there is no time left; at once where it will not change its mind, or the worker is to stop
 */
export async function putOnRecord(
  recorder: Recorder,
  held: UnrecordedAnswer,
  execution: Execution,
  { activityTimeoutMs }: RetryBudget,
): Promise<boolean> {
  const leftMs = () => activityTimeoutMs - REPORTING_MS - execution.elapsedMs();
  for (;;) {
    try {
      const written = recorder.attemptFinished(held.attempt, held.result, held.answer, new Date(held.answeredAt));
      const inTime = await within(leftMs(), written);
      execution.hold(null);
      return inTime;
    } catch (error) {
      execution.hold(held);
      execution.throwIfHandingOver();
      if (!isDatabaseUnavailable(error) || leftMs() <= RECORD_AGAIN_MS) throw error;
      await new Promise((resolve) => setTimeout(resolve, RECORD_AGAIN_MS));
    }
  }
}

/** A server that is gone without a word must not cost the time in which the answer can be handed on. */
async function within<Value>(limitMs: number, work: Promise<Value>): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const overdue = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new RecordingOverdueError('no answer of the audit log in time')), limitMs);
  });
  try {
    return await Promise.race([work, overdue]);
  } finally {
    clearTimeout(timer);
  }
}
