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

/**
 * Asks for many unlocks while the bank is away, and lets it come back.
 * @returns when each call came to the bank after its return, in milliseconds from then
 */
async function outage(name: string, script: NonNullable<CustomerSetup['script']>, lastsMs: number) {
  const customerIds = Array.from({ length: COUNT }, (_, index) => `${name}-${index}`);
  for (const customerId of customerIds) latchkey.sandbox.customers.set(customerId, { script });
  const began = performance.now();
  await Promise.all(
    customerIds.map(async (customerId) => {
      const { status } = await latchkey.call('/v1/unlocks', {
        method: 'POST',
        body: { customerId, ticket: name },
        headers: { correlationId: randomUUID() },
      });
      expect(status).toBe(202);
    }),
  );
  acceptanceMs = performance.now() - began;
  await sleep(lastsMs);
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
  return (endpoint: 'unlock' | 'status') =>
    latchkey.sandbox
      .calls()
      .filter((call) => call.endpoint === endpoint && call.customerId?.startsWith(`${name}-`) === true)
      .map(({ arrivedAt }) => Date.parse(arrivedAt) - returnedMs)
      .filter((moment) => moment >= 0);
}

describe('a bank that comes back', () => {
  it('from an outage is asked by those who waited one after the other, not by all at once', async () => {
    const calls = await outage('down', [{ on: 'status', times: 2 }, { ...away, on: 'status' }, away], 10_000);
    const puts = calls('unlock');
    expect(puts).toHaveLength(COUNT);
    // Their next tries are spread over some six seconds.
    expect(peakWithin(1_000, puts)).toBeLessThanOrEqual(COUNT / 2);
    expect(peakWithin(250, puts)).toBeLessThanOrEqual(COUNT / 4);
  }, 180_000);

  it('at a moment that it told everybody is asked no earlier, and not by all at that moment', async () => {
    // Late enough that everybody has been told before the bank is back, also where accepting is slow.
    const returnAt = new Date(Math.ceil((Date.now() + 2 * acceptanceMs) / 1_000) * 1_000 + 8_000);
    const maintenance = { ...away, headers: { 'Retry-After': returnAt.toUTCString() } };
    const calls = await outage('maintained', [maintenance], Math.max(0, returnAt.getTime() - Date.now() - 4_000));
    const puts = calls('unlock');
    expect(puts).toHaveLength(COUNT);
    const asked = latchkey.sandbox
      .calls()
      .filter(({ endpoint, customerId }) => endpoint === 'unlock' && customerId?.startsWith('maintained-'));
    const again = asked.map(({ arrivedAt }) => Date.parse(arrivedAt)).filter((moment) => moment >= returnAt.getTime());
    expect(again).toHaveLength(COUNT);
    expect(peakWithin(1_000, puts)).toBeLessThanOrEqual(0.4 * COUNT);
    expect(peakWithin(250, puts)).toBeLessThanOrEqual(COUNT / 4);
  }, 180_000);
});
