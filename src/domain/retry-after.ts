import type { RetryBudget } from './unlock-request.js';

/** A weekday first and a time of day, as all three forms of an HTTP date have them (RFC 9110, 5.6.7). */
const HTTP_DATE = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? .*\d{2}:\d{2}:\d{2}/i;

/**
 * Reads a `Retry-After` header (RFC 9110, 10.2.3): seconds or an HTTP date.
 * @param nowMs the clock, in milliseconds since the epoch
 * @returns milliseconds from now, never negative; null where the header is absent or cannot be read
 */
export function parseRetryAfter(header: string | null | undefined, nowMs: number): number | null {
  const text = header?.trim();
  if (!text) return null;
  // However many digits: a finite number, for rows and timers.
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1000, Number.MAX_SAFE_INTEGER);
  // Date.parse alone would find a date in `-5`, in `1.5` and in `soon, 5`.
  if (!HTTP_DATE.test(text)) return null;
  // The oldest of the three forms names no zone, and means GMT.
  const atMs = Date.parse(/ \d{4}$/.test(text) ? `${text} GMT` : text);
  return Number.isNaN(atMs) ? null : Math.max(0, atMs - nowMs);
}

/** Why the next try waits, and how often it has waited before. */
export interface Wait {
  readonly kind: 'none' | 'back_off' | 'long_back_off';
  /** Failures before this one, from 0. */
  readonly failures: number;
  /** What the bank asked for, in milliseconds; null where it asked for nothing. */
  readonly retryAfterMs: number | null;
}

type Intervals = Pick<RetryBudget, 'initialIntervalMs' | 'maxIntervalMs' | 'retryAfterMaxMs'>;

/**
 * How long to wait before the next try, in milliseconds: what the bank asked for (capped), else exponential back-off; never less.
 * Chance adds to the former and spreads the latter over the upper half of its interval, so that many customers who wait for one bank,
 * all told the same moment perhaps, do not come back at once.
 * @param random a number in [0, 1)
 */
export function waitMs(wait: Wait, intervals: Intervals, random: number): number {
  if (wait.kind === 'none') return 0;
  const exponentialMs = Math.min(intervals.initialIntervalMs * 2 ** Math.min(wait.failures, 30), intervals.maxIntervalMs);
  if (wait.retryAfterMs !== null && wait.retryAfterMs > 0) {
    const askedMs = Math.min(wait.retryAfterMs, intervals.retryAfterMaxMs);
    return Math.round(askedMs + Math.max(Math.floor(askedMs / 2), exponentialMs) * random);
  }
  const intervalMs = wait.kind === 'long_back_off' ? intervals.maxIntervalMs : exponentialMs;
  return Math.round(intervalMs * (0.5 + 0.5 * random));
}
