import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { AuditLog } from '../../src/audit/audit-log.js';
import type { CustomerSetup } from '../../src/sandbox/index.js';
import { eventually } from '../support/eventually.js';
import { inShort, openLatchkey, type Latchkey } from '../support/latchkey.js';

/** Customers of whose rows of this action the reply is lost, once: the execution ends without a report of what it recorded. */
const forgetful = new Map<string, string>();

function forgetting(audit: AuditLog): AuditLog {
  return {
    ...audit,
    async append(event) {
      const written = await audit.append(event);
      if (forgetful.get(event.customerId ?? '') !== event.action) return written;
      forgetful.delete(event.customerId ?? '');
      throw new Error('the reply is lost');
    },
  };
}

let latchkey: Latchkey;
beforeAll(async () => {
  latchkey = await openLatchkey({
    budget: { maxAttempts: 1, initialIntervalMs: 30_000, maxIntervalMs: 30_000 },
    bricks: ({ audit }) => ({ audit: forgetting(audit) }),
  });
});
afterAll(() => latchkey.close());

async function begin(house: Latchkey, customerId: string, setup: CustomerSetup) {
  const correlationId = randomUUID();
  house.sandbox.customers.set(customerId, setup);
  await house.call('/v1/unlocks', { method: 'POST', body: { customerId }, headers: { correlationId } });
  const handle = house.client.workflow.getHandle(`unlock-${correlationId}`);
  return {
    handle,
    /** Until Temporal waits for the next try. */
    waits: () => eventually(async () => expect((await handle.describe()).raw.pendingActivities?.[0]?.attempt).toBeGreaterThan(1)),
    story: async () => inShort(await house.story(correlationId)),
  };
}

describe('a request to cancel that comes after', () => {
  it('the customer was found not locked ends the request `not_locked`, though the look was never reported', async () => {
    forgetful.set('found-open', 'customer.unlock.status_checked');
    const { handle, waits, story } = await begin(latchkey, 'found-open', { state: { locked: false } });
    await waits();
    await handle.cancel();
    expect(await handle.result()).toMatchObject({ outcome: 'not_locked', attempts: 0 });
    expect(await story()).toEqual(['requested', 'status_checked not_locked', 'completed not_locked']);
  });

  it('the bank refused the look ends the request `rejected`', async () => {
    forgetful.set('refused', 'customer.unlock.status_checked');
    const { handle, waits } = await begin(latchkey, 'refused', { script: [{ on: 'status', httpStatus: 403, times: 'always' }] });
    await waits();
    await handle.cancel();
    expect(await handle.result()).toMatchObject({ outcome: 'rejected', attempts: 0 });
  });

  it('the last attempt was answered ends the request `failed`', async () => {
    forgetful.set('used-up', 'customer.unlock.attempt_finished');
    const { handle, waits, story } = await begin(latchkey, 'used-up', { script: [{ httpStatus: 503 }] });
    await waits();
    await handle.cancel();
    expect(await handle.result()).toMatchObject({ outcome: 'failed', attempts: 1 });
    expect((await story()).at(-1)).toBe('completed failed');
  });

  it('the deadline ends the request `failed`, though no worker had noticed that it was over', async () => {
    const house = await openLatchkey({ withWorker: false, budget: { deadlineMs: 12_000, initialIntervalMs: 3_000, maxIntervalMs: 3_000 } });
    const worker = await house.addWorker();
    const { handle, waits } = await begin(house, 'too-late', { script: [{ httpStatus: 503, times: 'always' }] });
    await waits();
    await worker.stop();
    await eventually(async () => {
      const { events } = await handle.fetchHistory();
      expect(events?.some((event) => Boolean(event.activityTaskTimedOutEventAttributes))).toBe(true);
    });
    await handle.cancel();
    await house.addWorker();
    expect(await handle.result()).toMatchObject({ outcome: 'failed' });
    await house.close();
  }, 60_000);
});
