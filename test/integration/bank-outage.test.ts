import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { CustomerSetup } from '../../src/sandbox/index.js';
import { eventually } from '../support/eventually.js';
import { openLatchkey, type Latchkey } from '../support/latchkey.js';
import { peakWithin } from '../support/peak.js';

let latchkey: Latchkey;
beforeAll(async () => {
  latchkey = await openLatchkey({
    budget: { maxAttempts: 50, initialIntervalMs: 500, maxIntervalMs: 8_000, retryAfterMaxMs: 60_000, deadlineMs: 300_000 },
  });
});
afterAll(() => latchkey.close());

const COUNT = 120;
/** How long it took to accept the unlocks of the last outage; a guess before the first one. */
let acceptanceMs = 2_000;
const away = { httpStatus: 503, times: 'always' } as const;

/** Moments at which the customers of one outage were asked for at the bank, by customer, in order. */
function putsByCustomer(name: string): number[][] {
  const moments = new Map<string, number[]>();
  for (const { endpoint, customerId, arrivedAt } of latchkey.sandbox.calls()) {
    if (endpoint !== 'unlock' || customerId?.startsWith(`${name}-`) !== true) continue;
    moments.set(customerId, [...(moments.get(customerId) ?? []), Date.parse(arrivedAt)]);
  }
  return [...moments.values()];
}

/**
 * Asks for many unlocks while the bank is away, and lets it come back once `over` resolves.
 * @returns when each PUT came to the bank after its return, in milliseconds from then
 */
async function outage(name: string, script: NonNullable<CustomerSetup['script']>, over: () => Promise<unknown>): Promise<number[]> {
  const customerIds = Array.from({ length: COUNT }, (_, index) => `${name}-${index}`);
  for (const customerId of customerIds) latchkey.sandbox.customers.set(customerId, { script });
  const began = performance.now();
  await Promise.all(
    customerIds.map(async (customerId) => {
      const correlationId = randomUUID();
      // Whoever is told to come back, on a busy machine, comes back.
      await eventually(
        async () => {
          const wish = { method: 'POST', body: { customerId, ticket: name }, headers: { correlationId } };
          expect((await latchkey.call('/v1/unlocks', wish)).status).toBe(202);
        },
        { intervalMs: 1_000 },
      );
    }),
  );
  acceptanceMs = performance.now() - began;
  await over();
  const returnedMs = Date.now();
  for (const customerId of customerIds) latchkey.sandbox.customers.set(customerId, {});
  await eventually(
    async () => {
      const query = `select count(*)::int as count from audit_event e join audit_event r using (correlation_id)
        where e.action = 'customer.unlock.completed' and e.outcome = 'unlocked' and r.action = 'customer.unlock.requested' and r.ticket = $1`;
      expect(await latchkey.sql(query, [name])).toEqual([{ count: COUNT }]);
    },
    { limitMs: 120_000, intervalMs: 200 },
  );
  return putsByCustomer(name)
    .flat()
    .map((moment) => moment - returnedMs)
    .filter((moment) => moment >= 0);
}

describe('a bank that comes back', () => {
  it('from an outage is asked by those who waited one after the other, not by all at once', async () => {
    const puts = await outage('down', [{ on: 'status', times: 2 }, { ...away, on: 'status' }, away], () => sleep(10_000));
    expect(puts).toHaveLength(COUNT);
    // Their next tries are spread over some six seconds.
    expect(peakWithin(1_000, puts)).toBeLessThanOrEqual(COUNT / 2);
    expect(peakWithin(250, puts)).toBeLessThanOrEqual(COUNT / 4);
  }, 180_000);

  it('at a moment that it told everybody is asked no earlier, and not by all at that moment', async () => {
    // Late enough that everybody has been told before then, also where accepting is slow.
    const returnAt = new Date(Math.ceil((Date.now() + 2 * acceptanceMs) / 1_000) * 1_000 + 10_000);
    const maintenance = { ...away, headers: { 'Retry-After': returnAt.toUTCString() } };
    const everybodyWasTold = () =>
      eventually(() => expect(putsByCustomer('maintained')).toHaveLength(COUNT), { limitMs: 60_000, intervalMs: 100 });
    const puts = await outage('maintained', [maintenance], everybodyWasTold);
    expect(puts).toHaveLength(COUNT);
    const again = putsByCustomer('maintained').flatMap(([, ...later]) => later);
    expect(again.length).toBeGreaterThanOrEqual(COUNT);
    expect(again.filter((moment) => moment < returnAt.getTime())).toEqual([]);
    expect(peakWithin(1_000, puts)).toBeLessThanOrEqual(0.4 * COUNT);
    expect(peakWithin(250, puts)).toBeLessThanOrEqual(COUNT / 4);
  }, 180_000);
});
