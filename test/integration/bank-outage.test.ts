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
    // A busy machine's late answer would be one more attempt in doubt, and one more PUT.
    upstreamTimeoutMs: 30_000,
  });
});
afterAll(() => latchkey.close());

const COUNT = 120;
/** How long it took to accept the unlocks of the last outage; a guess before the first one. */
let acceptanceMs = 2_000;
const away = { httpStatus: 503, times: 'always' } as const;

/** When the customers of one outage were asked for at the bank. */
function putsFor(name: string): { readonly customerId: string; readonly moment: number }[] {
  return latchkey.sandbox
    .calls()
    .flatMap(({ endpoint, customerId, arrivedAt }) =>
      endpoint === 'unlock' && customerId?.startsWith(`${name}-`) === true ? [{ customerId, moment: Date.parse(arrivedAt) }] : [],
    );
}

/** When each customer's request first heard a 503 for its PUT; one whose answer was lost has not. */
async function toldMoments(name: string): Promise<Map<string, number>> {
  const rows = await latchkey.sql<{ customer: string; told: Date }>(
    `select customer_id as customer, min(occurred_at) as told from audit_event
      where action = 'customer.unlock.attempt_finished' and http_status = 503 and customer_id like $1 || '-%' group by customer_id`,
    [name],
  );
  return new Map(rows.map(({ customer, told }) => [customer, told.getTime()]));
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
  return putsFor(name)
    .map(({ moment }) => moment - returnedMs)
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
      eventually(async () => expect((await toldMoments('maintained')).size).toBe(COUNT), { limitMs: 60_000, intervalMs: 100 });
    const puts = await outage('maintained', [maintenance], everybodyWasTold);
    expect(puts).toHaveLength(COUNT);
    const told = await toldMoments('maintained');
    const again = putsFor('maintained').filter(({ customerId, moment }) => moment > (told.get(customerId) ?? 0));
    expect(again.length).toBeGreaterThanOrEqual(COUNT);
    expect(again.filter(({ moment }) => moment < returnAt.getTime())).toEqual([]);
    expect(peakWithin(1_000, puts)).toBeLessThanOrEqual(0.4 * COUNT);
    expect(peakWithin(250, puts)).toBeLessThanOrEqual(COUNT / 4);
  }, 180_000);
});
