import { setTimeout as sleep } from 'node:timers/promises';
import type { UnlockAnswer } from '../http/answer-schemas.js';
import { CallFailure, mayPass } from './call-failure.js';
import { followLine } from './unlock-view.js';

interface FollowParts {
  /** As it was last seen. */
  readonly first: UnlockAnswer;
  readonly look: () => Promise<UnlockAnswer>;
  /** Told of each change; the first time of `first`, with null before it. */
  readonly changed: (before: UnlockAnswer | null, now: UnlockAnswer) => void;
  /** Told every second while it waits. */
  readonly waiting: (now: UnlockAnswer) => void;
  readonly note: (line: string) => void;
  /** Ends the following, never the request. */
  readonly signal: AbortSignal;
  /** How long it is followed at most; null: to its end. */
  readonly limitMs: number | null;
}

/** How the following ended. */
export interface Followed {
  readonly kind: 'ended' | 'still_running' | 'interrupted';
  readonly unlock: UnlockAnswer;
}

const SHORTEST_MS = 1_000;
const LONGEST_MS = 5_000;
const LONGEST_AWAY_MS = 10_000;
/** A front door may ask to be left alone for longer than anybody would watch nothing. */
const LONGEST_ASKED_MS = 60_000;
const AWAY_LIMIT_MS = 300_000;
const TICK_MS = 1_000;
const LATER = 1.5;

/**
 * Follows a request until it ends: looks a second apart, less often while nothing changes, and bears with a front door that is away for a while.
 * @throws CallFailure where the front door stays away for minutes, or will not tell any more
 */
export async function follow({ first, look, changed, waiting, note, signal, limitMs }: FollowParts): Promise<Followed> {
  const untilMs = limitMs === null ? Infinity : performance.now() + limitMs;
  let [unlock, pauseMs] = [first, SHORTEST_MS];
  let awaySinceMs: number | null = null;

  async function pause(ms: number): Promise<void> {
    const endMs = Math.min(performance.now() + ms, untilMs);
    for (let leftMs = endMs - performance.now(); leftMs > 0 && !signal.aborted; leftMs = endMs - performance.now()) {
      waiting(unlock);
      await sleep(Math.min(leftMs, TICK_MS), undefined, { signal }).catch(() => undefined);
    }
  }

  changed(null, unlock);
  while (unlock.state === 'running') {
    await pause(awaySinceMs === null ? untilNextLook(unlock, pauseMs) : pauseMs);
    if (signal.aborted) return { kind: 'interrupted', unlock };
    if (performance.now() >= untilMs) return { kind: 'still_running', unlock };
    try {
      const now = await look();
      if (awaySinceMs !== null) note('the front door answers again');
      awaySinceMs = null;
      const isNew = JSON.stringify(now) !== JSON.stringify(unlock);
      pauseMs = isNew ? SHORTEST_MS : Math.min(pauseMs * LATER, LONGEST_MS);
      if (isNew) changed(unlock, now);
      unlock = now;
    } catch (error) {
      if (signal.aborted) return { kind: 'interrupted', unlock };
      if (!(error instanceof CallFailure)) throw error;
      const goesOn = `The unlock goes on; to follow it again: ${followLine(unlock.correlationId)}`;
      if (!mayPass(error)) throw error.withAdvice(goesOn);
      if (awaySinceMs === null) {
        awaySinceMs = performance.now();
        pauseMs = SHORTEST_MS;
        note(`${error.headline}; the unlock goes on, and so does the asking`);
      }
      if (performance.now() - awaySinceMs > AWAY_LIMIT_MS) throw error.withAdvice(goesOn);
      pauseMs = Math.max(Math.min(pauseMs * LATER, LONGEST_AWAY_MS), Math.min(error.retryAfterMs ?? 0, LONGEST_ASKED_MS));
    }
  }
  return { kind: 'ended', unlock };
}

/** Sooner where the next attempt is due: that is what somebody watches for. */
function untilNextLook({ nextAttemptAt }: UnlockAnswer, pauseMs: number): number {
  const dueMs = nextAttemptAt === null ? 0 : Date.parse(nextAttemptAt) - Date.now();
  return dueMs > 0 ? Math.min(pauseMs, Math.max(SHORTEST_MS, dueMs + SHORTEST_MS / 4)) : pauseMs;
}
