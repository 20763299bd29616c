import { unlockSchema, type UnlockAnswer } from '../http/answer-schemas.js';
import { exitCodes, outcomeExitCodes } from './exit-codes.js';
import { follow } from './follow.js';
import type { FrontDoor } from './front-door.js';
import type { Interruption } from './signals.js';
import { followLine, sayHappenings, sayHowItStands, sayWhich } from './unlock-view.js';
import { waitingWords } from './unlock-words.js';
import type { Voice } from './voice.js';

/** `words`, for people; `end`, one JSON document; `changes`, one a line for each change. */
export type Manner = 'words' | 'end' | 'changes';

interface WatchParts {
  readonly door: FrontDoor;
  readonly first: UnlockAnswer;
  readonly manner: Manner;
  readonly voice: Voice;
  readonly interruption: Interruption;
  readonly limitMs: number | null;
}

/** One look at a request. */
export function lookAt(door: FrontDoor, correlationId: string, signal: AbortSignal): Promise<UnlockAnswer> {
  return door.ask({ path: `/v1/unlocks/${correlationId}`, scope: 'institution-users:read', answer: unlockSchema, signal });
}

/**
 * Shows how a request goes until it ends, the time is up or a signal stops the watching.
 * @returns the exit code
 * @throws CallFailure where the front door will not tell any more
 */
export async function watch({ door, first, manner, voice, interruption, limitMs }: WatchParts): Promise<number> {
  const { correlationId } = first;
  if (manner === 'words') sayWhich(first, voice);
  const { kind, unlock } = await follow({
    first,
    look: () => lookAt(door, correlationId, interruption.signal),
    changed(before, now) {
      if (manner === 'words') sayHappenings(before, now, voice);
      if (manner === 'changes') voice.say(JSON.stringify(now));
    },
    waiting(now) {
      if (manner === 'words') voice.passing(waitingWords(now, Date.now()));
    },
    note: voice.note,
    signal: interruption.signal,
    limitMs,
  }).finally(() => voice.passing(''));
  if (manner === 'words') sayHowItStands(unlock, voice);
  if (manner === 'end') voice.say(JSON.stringify(unlock));
  if (kind === 'interrupted') {
    voice.note(`the unlock goes on; to follow it again: ${followLine(correlationId)}`);
    return interruption.exitCode();
  }
  if (unlock.outcome !== null) return outcomeExitCodes[unlock.outcome];
  voice.note(`the unlock is still running, and goes on; to follow it again: ${followLine(correlationId)}`);
  return exitCodes.stillRunning;
}
