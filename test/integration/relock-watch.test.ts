import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { silentObserver } from '../../src/domain/observer.js';
import { eventually } from '../support/eventually.js';
import { openLatchkey, type Latchkey } from '../support/latchkey.js';

const AFTER_MS = 1_500;
const counted: string[] = [];
let latchkey: Latchkey;
beforeAll(async () => {
  latchkey = await openLatchkey({
    settings: { relockWatchMs: AFTER_MS },
    observer: { ...silentObserver, relockChecked: (found) => void counted.push(found) },
  });
});
afterAll(() => latchkey.close());

const checkOf = async (correlationId: string) =>
  (await latchkey.story(correlationId)).filter(({ action }) => action === 'relock_checked').map(({ lock_status: found }) => found);
const checked = (correlationId: string, found: string): Promise<void> =>
  eventually(async () => expect(await checkOf(correlationId)).toEqual([found]), { limitMs: 60_000 });

async function unlocked(customerId: string): Promise<string> {
  const correlationId = randomUUID();
  latchkey.sandbox.customers.set(customerId, {});
  expect((await latchkey.unlock(customerId, correlationId)).status).toBe(204);
  return correlationId;
}

describe('some time after an unlock', () => {
  it('a customer who is locked again is found, on record and counted', async () => {
    const correlationId = await unlocked('guessed-at');
    latchkey.sandbox.customers.set('guessed-at', { state: { locked: true } });
    await checked(correlationId, 'locked');
    const row = (await latchkey.story(correlationId)).at(-1);
    expect(row?.metadata).toMatchObject({ afterMs: AFTER_MS, flags: { locked: true } });
    expect(counted).toContain('locked');
    expect(latchkey.puts(correlationId)).toHaveLength(1);
  });

  it('one who is not is told as that', async () => {
    await checked(await unlocked('at-ease'), 'not_locked');
  });

  it('it is looked again where the bank does not tell', async () => {
    const correlationId = await unlocked('unwell-later');
    latchkey.sandbox.customers.set('unwell-later', { state: { locked: true }, script: [{ on: 'status', httpStatus: 503 }] });
    await checked(correlationId, 'locked');
  }, 90_000);

  it('it is looked although nobody was there when the time came', async () => {
    const alone = await openLatchkey({ settings: { relockWatchMs: 500 }, withWorker: false });
    try {
      const worker = await alone.addWorker();
      const correlationId = randomUUID();
      expect((await alone.unlock('locked-1', correlationId)).status).toBe(204);
      await worker.stop();
      await new Promise((resolve) => setTimeout(resolve, 700));
      await alone.addWorker();
      await eventually(async () => expect((await alone.story(correlationId)).at(-1)?.action).toBe('relock_checked'), { limitMs: 60_000 });
    } finally {
      await alone.close();
    }
  }, 90_000);

  it('nobody looks after a request that unlocked nobody', async () => {
    latchkey.sandbox.customers.set('never-locked', { state: { locked: false } });
    const correlationId = randomUUID();
    expect((await latchkey.unlock('never-locked', correlationId)).status).toBe(409);
    await expect(latchkey.client.workflow.getHandle(`relock-watch-${correlationId}`).describe()).rejects.toThrow(/not found/i);
  });
});

describe('without the watch', () => {
  it('an unlock starts nothing besides', async () => {
    const plain = await openLatchkey();
    try {
      const correlationId = randomUUID();
      expect((await plain.unlock('locked-1', correlationId)).status).toBe(204);
      await expect(plain.client.workflow.getHandle(`relock-watch-${correlationId}`).describe()).rejects.toThrow(/not found/i);
    } finally {
      await plain.close();
    }
  });
});
