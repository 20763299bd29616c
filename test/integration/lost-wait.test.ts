import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startLossyGrpc, type LossyGrpc } from '../crash/lossy-grpc.js';
import { eventually } from '../support/eventually.js';
import { inShort, openLatchkey, type Latchkey } from '../support/latchkey.js';
import { steering } from '../support/steering.js';
import { testTemporal } from '../support/temporal.js';

let way: LossyGrpc;
let latchkey: Latchkey;
beforeAll(async () => {
  way = await startLossyGrpc(Number(testTemporal().address.split(':')[1]));
  latchkey = await openLatchkey({
    temporalAddress: `127.0.0.1:${way.port}`,
    budget: { retryAfterMaxMs: 600_000, deadlineMs: 900_000 },
  });
});
afterAll(async () => {
  await latchkey.close();
  await way.close();
});

const { act } = steering(() => latchkey);
/** Temporal gives a workflow task up after this time. */
const TASK_TIMEOUT_MS = 10_000;
const awayFor = (seconds: number) => ({ httpStatus: 503, headers: { 'Retry-After': String(seconds) } });
const LONG = { limitMs: 60_000, intervalMs: 100 };

/** Begins an unlock of which Temporal never hears what the workflow task with its first PUT came to: another one runs it all again. */
async function beginUnheard(customerId: string, retryAfterSeconds: number) {
  const correlationId = randomUUID();
  latchkey.sandbox.customers.set(customerId, { script: [awayFor(retryAfterSeconds)] });
  way.loseReport(correlationId);
  expect((await latchkey.call('/v1/unlocks', { method: 'POST', body: { customerId }, headers: { correlationId } })).status).toBe(202);
  await eventually(() => expect(way.isReportAwaited(correlationId)).toBe(false), LONG);
  const handle = latchkey.client.workflow.getHandle(`unlock-${correlationId}`);
  const taskWasLost = async (): Promise<void> => {
    const { events } = await handle.fetchHistory();
    expect(events?.some((event) => Boolean(event.workflowTaskTimedOutEventAttributes ?? event.workflowTaskFailedEventAttributes))).toBe(
      true,
    );
  };
  await eventually(taskWasLost, LONG);
  expect(latchkey.puts(correlationId)).toHaveLength(1);
  return { correlationId, handle };
}

describe('a workflow task that was lost with the wait that the bank had asked for', () => {
  it('has the next PUT come no earlier than the bank had said', async () => {
    const waitMs = TASK_TIMEOUT_MS + 5_000;
    const { correlationId, handle } = await beginUnheard('unheard', waitMs / 1_000);
    expect(await handle.result()).toMatchObject({ outcome: 'unlocked', attempts: 2 });
    const [first = '', second = ''] = latchkey.puts(correlationId).map(({ arrivedAt }) => arrivedAt);
    expect(Date.parse(second) - Date.parse(first)).toBeGreaterThanOrEqual(waitMs);
  }, 90_000);

  it('leaves an operator who hurries it the last word', async () => {
    const { correlationId, handle } = await beginUnheard('unheard-and-hurried', 300);
    await eventually(async () => expect((await act('retry-now', correlationId)).httpStatus).toBe(202), LONG);
    expect(await handle.result()).toMatchObject({ outcome: 'unlocked', attempts: 2 });
    expect(inShort(await latchkey.story(correlationId))).toEqual(
      expect.arrayContaining(['retried_now', 'attempt_finished 2 succeeded 204']),
    );
  }, 90_000);
});

describe('a step that was lost with the wait that the bank had asked for', () => {
  it('has the next PUT come no earlier than the bank had said', async () => {
    const correlationId = randomUUID();
    latchkey.sandbox.customers.set('unheard-step', { script: [1, 12].map(awayFor) });
    const wish = { method: 'POST', body: { customerId: 'unheard-step' }, headers: { correlationId } };
    expect((await latchkey.call('/v1/unlocks', wish)).status).toBe(202);
    const handle = latchkey.client.workflow.getHandle(`unlock-${correlationId}`);
    const waitsForTheSecond = async () => expect((await handle.describe()).raw.pendingActivities?.[0]?.attempt).toBe(2);
    await eventually(waitsForTheSecond, { intervalMs: 50 });
    way.loseReport(correlationId);
    expect(await handle.result()).toMatchObject({ outcome: 'unlocked', attempts: 3 });
    expect(way.isReportAwaited(correlationId)).toBe(false);
    const [, second = '', third = ''] = latchkey.puts(correlationId).map(({ arrivedAt }) => arrivedAt);
    expect(Date.parse(third) - Date.parse(second)).toBeGreaterThanOrEqual(12_000);
  }, 90_000);
});
