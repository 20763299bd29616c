import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { CustomerSetup } from '../../src/sandbox/index.js';
import { eventually } from '../support/eventually.js';
import { inShort, openLatchkey, type Latchkey } from '../support/latchkey.js';

let latchkey: Latchkey;
beforeAll(async () => {
  latchkey = await openLatchkey({ budget: { maxIntervalMs: 5_000, initialIntervalMs: 3_000 } });
});
afterAll(() => latchkey.close());

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
  expect(started.map(({ attempt }) => attempt)).toEqual(puts.map((_, index) => index + 1));
  expect(result.attempts).toBe(puts.length);
  expect(story.filter(({ action }) => action === 'attempt_finished')).toHaveLength(started.length);
  expect(result.outcome === 'unlocked').toBe(puts.some(({ applied, wasLocked }) => applied && wasLocked));
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
      Array.from({ length: 48 }, async (_, index) => {
        const { correlationId, handle } = await begin(`any-moment-${index}`, { script: scripts[index % scripts.length] ?? [] });
        await sleep(index * 6);
        // One that has ended already has nothing to cancel.
        await handle.cancel().catch(() => undefined);
        return expectAgreement(correlationId);
      }),
    );
    expect(new Set(outcomes)).toEqual(new Set(['cancelled', 'unlocked']));
  });
});
