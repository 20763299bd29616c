import { setTimeout as sleep } from 'node:timers/promises';

interface Patience {
  /** Milliseconds until it gives up; generous by default, because a busy machine is no fault of ours. */
  readonly limitMs?: number;
  readonly intervalMs?: number;
}

/**
 * Repeats what throws until it does not: an expectation on something that happens by itself.
 * @returns what it returned at last
 * @throws its last error when the time is up
 */
export async function eventually<T>(attempt: () => T | Promise<T>, { limitMs = 30_000, intervalMs = 25 }: Patience = {}): Promise<T> {
  const deadline = Date.now() + limitMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    await sleep(intervalMs);
  }
}
