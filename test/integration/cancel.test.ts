import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { CustomerSetup } from '../../src/sandbox/index.js';
import { eventually } from '../support/eventually.js';
import { inShort, openLatchkey, type Latchkey } from '../support/latchkey.js';

let latchkey: Latchkey;
beforeAll(async () => {
  // A busy machine answers late: what it says must not be taken for silence.
  latchkey = await openLatchkey({
    upstreamTimeoutMs: 5_000,
    budget: { maxIntervalMs: 5_000, initialIntervalMs: 3_000, activityTimeoutMs: 20_000 },
  });
});
afterAll(() => latchkey.close());

/** Requests under way at once. */
const LANES = 8;

async function begin(customerId: string, setup: CustomerSetup) {
  const correlationId = randomUUID();
  latchkey.sandbox.customers.set(customerId, setup);
  await latchkey.call('/v1/unlocks', { method: 'POST', body: { customerId }, headers: { correlationId } });
  return { correlationId, handle: latchkey.client.workflow.getHandle(`unlock-${correlationId}`) };
}

/** Outcome, audit rows, Temporal and the bank's own log tell one story. */
async function expectAgreement(correlationId: string): Promise<string> {
  const result = (await latchkey.client.workflow.getHandle(`unlock-${correlationId}`).result()) as { outcome: string; attempts: number };
  const story = await latchkey.story(correlationId);
  const completed = story.filter(({ action }) => action === 'completed');
  expect(completed).toHaveLength(1);
  expect(completed[0]?.outcome).toBe(result.outcome);
  const puts = latchkey.puts(correlationId);
  const started = story.filter(({ action }) => action === 'attempt_started');
  expect(started.map(({ attempt }) => attempt)).toEqual(started.map((_, index) => index + 1));
  expect(result.attempts).toBe(started.length);
  const finished = story.filter(({ action }) => action === 'attempt_finished');
  expect(finished).toHaveLength(started.length);
  // One that was held up for longer than a PUT may be, on a busy machine, is on record as not sent.
  expect(finished.filter(({ metadata }) => metadata.meaning !== 'not_sent')).toHaveLength(puts.length);
  const unlockedAtBank = puts.some(({ applied, wasLocked }) => applied && wasLocked);
  expect({ unlocked: result.outcome === 'unlocked', story: inShort(story) }).toEqual({ unlocked: unlockedAtBank, story: inShort(story) });
  return result.outcome;
}

describe('a request to cancel', () => {
  it('during the status read of the fast phase is heard when that phase is over: what the record says is what happened', async () => {
    const { correlationId, handle } = await begin('slow-status', { script: [{ on: 'status', delayMs: 600 }] });
    await eventually(() => expect(latchkey.sandbox.calls().some((each) => each.customerId === 'slow-status')).toBe(true));
    await handle.cancel();
    expect(await expectAgreement(correlationId)).toBe('unlocked');
  });

  it('during the PUT of the fast phase waits for its answer: the customer is unlocked and the record says so', async () => {
    const { correlationId, handle } = await begin('slow-put', { script: [{ delayMs: 600 }] });
    await eventually(() => expect(latchkey.puts(correlationId)).toHaveLength(1));
    await handle.cancel();
    expect(await expectAgreement(correlationId)).toBe('unlocked');
  });

  it('during a PUT that is then answered 503 ends the request cancelled', async () => {
    const { correlationId, handle } = await begin('slow-503', { script: [{ delayMs: 500, httpStatus: 503, times: 'always' }] });
    await eventually(() => expect(latchkey.puts(correlationId)).toHaveLength(1));
    await handle.cancel();
    expect(await expectAgreement(correlationId)).toBe('cancelled');
    expect(latchkey.puts(correlationId)).toHaveLength(1);
  });

  it('during a PUT whose answer is lost after it took effect ends the request unlocked, attributed', async () => {
    const { correlationId, handle } = await begin('slow-lost', { script: [{ answerDelayMs: 500, loseConnection: 'after_applying' }] });
    await eventually(() => expect(latchkey.puts(correlationId)).toHaveLength(1));
    await handle.cancel();
    expect(await expectAgreement(correlationId)).toBe('unlocked');
    expect(inShort(await latchkey.story(correlationId)).at(-1)).toContain('attributed');
  });

  it('while the next attempt is waited for takes effect at once', async () => {
    const { correlationId, handle } = await begin('waiting', { script: [{ httpStatus: 503, times: 'always' }] });
    await eventually(async () => {
      const { raw } = await handle.describe();
      expect(raw.pendingActivities).toHaveLength(1);
    });
    await handle.cancel();
    expect(await expectAgreement(correlationId)).toBe('cancelled');
    expect(latchkey.puts(correlationId)).toHaveLength(1);
  });

  it('during a PUT of the steerable phase waits for its answer', async () => {
    const { correlationId, handle } = await begin('steered', { script: [{ httpStatus: 503 }, { delayMs: 900 }] });
    await eventually(() => expect(latchkey.puts(correlationId)).toHaveLength(2));
    await handle.cancel();
    expect(await expectAgreement(correlationId)).toBe('unlocked');
  });

  it('while the lock status cannot be had ends the request cancelled', async () => {
    const { correlationId, handle } = await begin('status-away', { script: [{ on: 'status', httpStatus: 503, times: 'always' }] });
    await eventually(async () => expect((await handle.describe()).raw.pendingActivities).toHaveLength(1));
    await handle.cancel();
    expect(await expectAgreement(correlationId)).toBe('cancelled');
  });

  it('at any moment leaves outcome, audit rows and the log of the bank in agreement', async () => {
    const scripts: CustomerSetup['script'][] = [
      [],
      [{ httpStatus: 503 }],
      [{ delayMs: 80 }],
      [{ loseConnection: 'after_applying' }],
      [{ loseConnection: 'before_applying' }],
      [{ on: 'status', delayMs: 60 }],
    ];
    const outcomes = await Promise.all(
      Array.from({ length: LANES }, async (_, lane) => {
        const seen: string[] = [];
        for (let index = lane; index < 48; index += LANES) {
          const { correlationId, handle } = await begin(`any-moment-${index}`, { script: scripts[index % scripts.length] ?? [] });
          await sleep(index * 6);
          // One that has ended already has nothing to cancel.
          await handle.cancel().catch(() => undefined);
          seen.push(await expectAgreement(correlationId));
        }
        return seen;
      }),
    );
    expect(new Set(outcomes.flat())).toEqual(new Set(['cancelled', 'unlocked']));
  });
});
