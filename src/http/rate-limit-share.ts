import type { RateLimitCounts, StandingCount } from '../audit/rate-limit-counts.js';
import type { HttpLog } from './settings.js';

/** One subject's requests that this process may still let through in the current window. */
export interface Share {
  /** `empty`: more must be fetched before it can be told. */
  state(): 'some' | 'empty' | 'used_up';
  /** Takes one; only where there are some. */
  take(): void;
  /** Fetches more, or learns that there are none; never fails. */
  refill(): Promise<void>;
  /** About how many are left in the window, over all processes. */
  remaining(): number;
  endsInMs(): number;
}

interface ShareParts {
  readonly counts: RateLimitCounts;
  readonly windowMs: number;
  readonly patienceMs: number;
  readonly log: HttpLog;
}

interface Held {
  readonly limit: number;
  /** Fetched and not yet taken. */
  left: number;
  /** Taken in this window. */
  taken: number;
  /** Not yet fetched by anybody when this process last looked. */
  elsewhere: number;
  /** By `performance.now()`; from then on a new window counts. */
  endsAtMs: number;
  /** Who waits for a refill. */
  waiting: number;
}

/** Of a limit so much is fetched at once: one statement serves as many requests, and no more than that lies idle in a process. */
const PORTIONS = 50;
/** How long a database that failed is left alone. */
const AWAY_MS = 5_000;

/**
 * What this process has fetched of the limits that all processes share. Fetching is one statement for all who wait at that moment; together
 * the processes never let more through than the limit. While the database is away each goes by its own count: nobody is refused for that.
 */
export function createShare({ counts, windowMs, patienceMs, log }: ShareParts) {
  const held = new Map<string, Held>();
  const lacking = new Map<string, Held>();
  let fetching: Promise<void> = Promise.resolve();
  let next: Promise<void> | null = null;
  let awayUntilMs = 0;
  let sweptAtMs = performance.now();

  async function fetchPortions(): Promise<void> {
    next = null;
    const batch = new Map(lacking);
    lacking.clear();
    const wanted = new Map([...batch].map(([subject, { limit, waiting }]) => [subject, Math.max(Math.ceil(limit / PORTIONS), waiting)]));
    const standing = await standingCounts(wanted);
    const nowMs = performance.now();
    for (const [subject, each] of batch) {
      each.waiting = 0;
      const asked = wanted.get(subject) ?? 0;
      const { count, endsInMs } = standing.get(subject) ?? { count: each.limit + asked, endsInMs: windowMs };
      if (nowMs >= each.endsAtMs) Object.assign(each, { taken: 0, left: 0 });
      each.endsAtMs = nowMs + Math.min(Math.max(endsInMs, 1), windowMs);
      each.left =
        standing.size === 0 ? Math.max(0, each.limit - each.taken) : each.left + Math.min(asked, Math.max(0, each.limit - count + asked));
      each.elsewhere = Math.max(0, each.limit - count);
    }
    sweep(nowMs);
  }

  /** @returns nothing where the database does not answer */
  async function standingCounts(wanted: ReadonlyMap<string, number>): Promise<ReadonlyMap<string, StandingCount>> {
    if (performance.now() < awayUntilMs) return new Map();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${patienceMs} ms`)), patienceMs);
    });
    try {
      return await Promise.race([counts.add(wanted), late]);
    } catch (error) {
      awayUntilMs = performance.now() + AWAY_MS;
      log.warn({ err: error }, 'rate limits go by the count of this process alone');
      return new Map();
    } finally {
      clearTimeout(timer);
    }
  }

  /** Forgets whose window is over, here and in the database. */
  function sweep(nowMs: number): void {
    if (nowMs - sweptAtMs < windowMs) return;
    sweptAtMs = nowMs;
    for (const [subject, { endsAtMs, waiting }] of held) if (endsAtMs < nowMs && waiting === 0) held.delete(subject);
    if (nowMs >= awayUntilMs) counts.prune().catch((error: unknown) => log.warn({ err: error }, 'old rate limit counts were not removed'));
  }

  function of(subject: string, limit: number): Share {
    const each = held.get(subject) ?? { limit, left: 0, taken: 0, elsewhere: limit, endsAtMs: 0, waiting: 0 };
    held.set(subject, each);
    const isOver = () => performance.now() >= each.endsAtMs;
    return {
      state() {
        if (isOver()) return 'empty';
        if (each.left > 0) return 'some';
        return each.elsewhere > 0 ? 'empty' : 'used_up';
      },
      take() {
        each.left -= 1;
        each.taken += 1;
      },
      refill() {
        each.waiting += 1;
        lacking.set(subject, each);
        next ??= fetching = fetching.then(fetchPortions);
        return next;
      },
      remaining: () => each.left + each.elsewhere,
      endsInMs: () => Math.max(0, each.endsAtMs - performance.now()),
    };
  }

  return { of };
}
