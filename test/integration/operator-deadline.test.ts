import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import proto from '@temporalio/proto';
import { eventually } from '../support/eventually.js';
import { inShort, openLatchkey, type Latchkey } from '../support/latchkey.js';
import { steering } from '../support/steering.js';

const DEADLINE_MS = 15_000;

let hasty: Latchkey;
let patient: Latchkey;
beforeAll(async () => {
  hasty = await openLatchkey({ budget: { retryAfterMaxMs: 600_000, deadlineMs: DEADLINE_MS, activityTimeoutMs: 4_000 } });
  patient = await openLatchkey({ withWorker: false, budget: { retryAfterMaxMs: 600_000, deadlineMs: 900_000 } });
});
afterAll(async () => {
  await hasty.close();
  await patient.close();
});

const soon = (seconds: number) => ({ httpStatus: 429, headers: { 'Retry-After': String(seconds) } });

/** Paused while it waits; when this resolves, its deadline has passed. */
async function pausedBeyondItsDeadline(customerId: string) {
  const request = await steering(() => hasty).begin(customerId, [soon(5)]);
  await request.waits();
  expect((await request.act('pause')).httpStatus).toBe(202);
  await sleep(DEADLINE_MS);
  return request;
}

describe('a request that is paused beyond its deadline', () => {
  it('ends failed without a further PUT, be it resumed or not', async () => {
    const [resumed, forgotten] = await Promise.all([pausedBeyondItsDeadline('resumed-late'), pausedBeyondItsDeadline('forgotten')]);
    const reply = await resumed.act('resume');
    expect([202, 409]).toContain(reply.httpStatus);
    for (const { handle, puts, correlationId } of [resumed, forgotten]) {
      expect(await handle.result()).toMatchObject({ outcome: 'failed', attempts: 1 });
      expect(puts()).toHaveLength(1);
      expect(inShort(await hasty.story(correlationId)).at(-1)).toBe('completed failed');
    }
  });
});

const { begin } = steering(() => patient);

/** Takes the step that is due and never speaks of it again, as a worker does that is killed. */
async function takeAndDie(request: Awaited<ReturnType<typeof begin>>): Promise<void> {
  const { connection, workflowService } = patient.client;
  const { PollActivityTaskQueueRequest } = proto.temporal.api.workflowservice.v1;
  const wish = PollActivityTaskQueueRequest.fromObject({
    namespace: 'default',
    taskQueue: { name: patient.taskQueue },
    identity: 'doomed',
  });
  await eventually(
    async () => {
      const task = await connection.withDeadline(Date.now() + 10_000, () => workflowService.pollActivityTaskQueue(wish));
      expect(task.workflowExecution?.workflowId).toBe(request.handle.workflowId);
    },
    { limitMs: 60_000 },
  );
}

describe('a request that is paused while a worker holds it, and whose worker dies', () => {
  it.each(['cancel', 'resume'] as const)('comes to its end by :%s', async (action) => {
    const worker = await patient.addWorker();
    const request = await begin(`orphaned-${action}`, [soon(2)]);
    await request.waits();
    await worker.stop();
    await takeAndDie(request);
    expect(await request.act('pause')).toMatchObject({ httpStatus: 202, body: { paused: true } });
    await eventually(async () => expect(await request.pending()).toMatchObject({ state: 5 }));
    const successor = await patient.addWorker();
    expect((await request.act(action)).httpStatus).toBe(202);
    // Of a request that nobody steered, the deadline would make `failed`.
    expect(await request.handle.result()).toMatchObject({ outcome: action === 'cancel' ? 'cancelled' : 'unlocked' });
    await successor.stop();
  });
});
