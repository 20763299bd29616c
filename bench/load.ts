import { randomUUID } from 'node:crypto';
import { Agent } from 'undici';

export interface Caller {
  /** The front door. */
  readonly url: string;
  readonly token: string;
  /** Begins the customers' ids, so that their rows are found again. */
  readonly customerPrefix: string;
}

interface Load {
  readonly concurrency: number;
  /** No unlock begins later than this, in milliseconds from the start; those under way are awaited. */
  readonly forMs: number;
  /** Unlocks at most. */
  readonly atMost?: number;
}

export interface LoadResult {
  /** From the start to the end of the last unlock. */
  readonly elapsedMs: number;
  /** Of every unlock that was answered 204, in milliseconds. */
  readonly durationsMs: readonly number[];
  /** Of those, how many had their answer within `forMs`. */
  readonly inTime: number;
  readonly correlationIds: readonly string[];
  /** Unlocks with any other answer, by what it was. */
  readonly failures: ReadonlyMap<string, number>;
}

/** Keeps a number of unlocks going at once, each for a customer of its own and sent when the one before it is answered. */
export async function putUnderLoad(caller: Caller, { concurrency, forMs, atMost = Infinity }: Load): Promise<LoadResult> {
  const agent = new Agent({ connections: concurrency, pipelining: 1, headersTimeout: 60_000 });
  const durationsMs: number[] = [];
  const correlationIds: string[] = [];
  const failures = new Map<string, number>();
  let begun = 0;
  let inTime = 0;
  const startedMs = performance.now();
  const sinceStartMs = () => performance.now() - startedMs;

  async function oneAfterAnother(): Promise<void> {
    while (sinceStartMs() < forMs && begun < atMost) {
      begun += 1;
      const correlationId = randomUUID();
      const beganMs = performance.now();
      const answer = await unlock(agent, caller, correlationId);
      if (answer === null) {
        durationsMs.push(performance.now() - beganMs);
        correlationIds.push(correlationId);
        if (sinceStartMs() <= forMs) inTime += 1;
      } else {
        failures.set(answer, (failures.get(answer) ?? 0) + 1);
      }
    }
  }

  await Promise.all(Array.from({ length: concurrency }, oneAfterAnother));
  const elapsedMs = sinceStartMs();
  await agent.close();
  return { elapsedMs, durationsMs, inTime, correlationIds, failures };
}

/** @returns null where the customer is unlocked, else what was answered */
async function unlock(agent: Agent, { url, token, customerPrefix }: Caller, correlationId: string): Promise<string | null> {
  try {
    const { statusCode, body } = await agent.request({
      origin: url,
      path: `/v1/customers/${customerPrefix}-${correlationId}:unlock-user`,
      method: 'PUT',
      headers: { authorization: `Bearer ${token}`, correlationId, accept: 'application/json' },
    });
    const text = await body.text();
    return statusCode === 204 ? null : `${statusCode} ${text.slice(0, 200)}`;
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  }
}
