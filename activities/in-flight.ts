import { openAttempts, type Attempt } from '../src/domain/attempt.js';
import { failureTypes, tryAgain } from './failures.js';
import type { Recorder } from './recorder.js';

/**
 * How long after its claim a PUT may still leave, in milliseconds. Whoever was stopped for longer sends nothing: by then
 * another execution may take the attempt for lost and send the next one.
 */
export const PUT_LEAVES_WITHIN_MS = 2_000;
/** For the answer's way from the socket to the audit table. */
const SETTLING_MS = 1_000;

/**
 * Closes the attempts that a crash left open. One that another execution may still be sending is left alone for as long as that can take.
 * @throws ApplicationFailure where one of them may still be on its way; it is tried again when that is over
 */
export async function closeOpenAttempts(
  recorder: Recorder,
  attempts: readonly Attempt[],
  readAt: Date,
  putTimeoutMs: number,
): Promise<void> {
  for (const open of openAttempts(attempts)) {
    const delayMs = inFlightMs(open, readAt, putTimeoutMs);
    if (delayMs > 0) {
      throw tryAgain({ type: failureTypes.attemptInFlight, message: `attempt ${open.attempt} may still be on its way`, delayMs });
    }
    await recorder.attemptLost(open.attempt);
  }
}

/** Both times are the database's, so that no worker's clock counts. */
function inFlightMs(attempt: Attempt, readAt: Date, putTimeoutMs: number): number {
  return Math.max(0, attempt.claimedAt.getTime() + PUT_LEAVES_WITHIN_MS + putTimeoutMs + SETTLING_MS - readAt.getTime());
}
