import { setTimeout as sleep } from 'node:timers/promises';
import { unlockSchema, type UnlockAnswer } from '../http/answer-schemas.js';
import { CallFailure, mayPass } from './call-failure.js';
import type { FrontDoor } from './front-door.js';
import type { Interruption } from './signals.js';
import { followLine } from './unlock-view.js';

interface AcceptParts {
  readonly door: FrontDoor;
  readonly wish: object;
  /** The same at every try, so that the front door takes it in once at most. */
  readonly correlationId: string;
  readonly isFollowed: boolean;
  readonly note: (line: string) => void;
  readonly interruption: Interruption;
}

const AGAIN_FOR_MS = 60_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 8_000;
const TOO_MANY_REQUESTS = 429;

/**
 * Has an unlock request taken in; where the answer does not come it is asked again under the same correlationId.
 * @returns null where a signal came before the answer
 * @throws CallFailure
 */
export async function accept({ door, wish, correlationId, isFollowed, note, interruption }: AcceptParts): Promise<UnlockAnswer | null> {
  const { signal } = interruption;
  const untilMs = performance.now() + AGAIN_FOR_MS;
  // Most unlocks end within a moment.
  const headers = { correlationId, ...(isFollowed ? { prefer: 'wait=1' } : {}) };
  const unknown = ['Whether it was accepted is not known. Its correlationId finds it, and it is never done twice under that:'];
  const advice = [...unknown, followLine(correlationId), `or the same command again with --correlation-id ${correlationId}`];
  let mayBeAccepted = false;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    try {
      return await door.ask({
        method: 'POST',
        path: '/v1/unlocks',
        scope: 'institution-users:write',
        body: wish,
        headers,
        answer: unlockSchema,
        signal,
      });
    } catch (error) {
      if (!signal.aborted && !(error instanceof CallFailure)) throw error;
      if (error instanceof CallFailure) {
        mayBeAccepted ||= error.kind === 'lost' || (error.kind === 'unavailable' && error.httpStatus !== TOO_MANY_REQUESTS);
        const nextMs = Math.max(pauseMs, error.retryAfterMs ?? 0);
        // Where nothing was ever there to take it, nobody waits for that.
        const isOver = (error.kind === 'away' && !mayBeAccepted) || !mayPass(error) || performance.now() + nextMs > untilMs;
        if (isOver) throw mayBeAccepted ? error.withAdvice(...advice) : error;
        note(`${error.headline}; asking again with the same correlationId ${correlationId}`);
        await sleep(nextMs, undefined, { signal }).catch(() => undefined);
      }
      if (signal.aborted) {
        note(advice.join('\n  '));
        return null;
      }
    }
  }
}
