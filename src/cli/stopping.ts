import type { Config } from '../config.js';
import type { Closers } from './closers.js';

/** Milliseconds. Together, and with what connections take to close, they stay within `SHUTDOWN_LIMIT_MS`. */
export interface StopTimes {
  /** Not ready any more, but still serving. */
  readonly delayMs: number;
  /** For HTTP answers that are on their way; what is still open then is cut. */
  readonly drainMs: number;
  /** How long the worker goes on with what it has begun as if nothing were; after it no execution begins anything new. */
  readonly graceMs: number;
}

const LONGEST_DRAIN_MS = 10_000;
/** For the rows of the last answers, and for closing connections. */
const RESERVE_MS = 5_000;

/** How the time that a stop may take is shared out: the worker keeps free what a call to the bank may take that began at the last moment. */
export function stopTimes(config: Pick<Config, 'SHUTDOWN_DELAY_MS' | 'SHUTDOWN_LIMIT_MS' | 'UPSTREAM_TIMEOUT_MS'>): StopTimes {
  const delayMs = config.SHUTDOWN_DELAY_MS;
  const leftMs = config.SHUTDOWN_LIMIT_MS - delayMs;
  const drainMs = Math.min(LONGEST_DRAIN_MS, Math.floor(leftMs / 3));
  return { delayMs, drainMs, graceMs: Math.max(0, leftMs - drainMs - config.UPSTREAM_TIMEOUT_MS - RESERVE_MS) };
}

/**
 * Stops everything in order.
 * @throws Error where that takes longer than `limitMs`; what would outlive the process has then been killed
 */
export async function stopWithin(closers: Closers, limitMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      closers.killAll();
      reject(new Error(`stopping took longer than ${limitMs} ms (SHUTDOWN_LIMIT_MS); what was still running was left`));
    }, limitMs);
  });
  try {
    await Promise.race([closers.closeAll(), late]);
  } finally {
    clearTimeout(timer);
  }
}
