import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { setCurrentVersion } from '../../src/temporal/worker-version.js';
import { sendQueueBeside } from '../../src/temporal/settings.js';
import { eventually } from '../support/eventually.js';
import { openLatchkey, type Latchkey } from '../support/latchkey.js';
import { uniqueTaskQueue } from '../support/temporal.js';

let latchkey: Latchkey;
afterEach(() => latchkey.close());

const house = async (more: Parameters<typeof openLatchkey>[0] = {}) =>
  (latchkey = await openLatchkey({ withWorker: false, budget: { retryAfterMaxMs: 600_000, deadlineMs: 900_000 }, ...more }));

function versions() {
  const deploymentName = uniqueTaskQueue('deployment');
  const version = (buildId: string) => ({ deploymentName, buildId });
  return {
    old: version('1.0'),
    new: version('2.0'),
    makeCurrent: (buildId: string | null) => setCurrentVersion(latchkey.client, { deploymentName, buildId }),
  };
}

const workflowOf = (correlationId: string) => latchkey.client.workflow.getHandle(`unlock-${correlationId}`);

/** Which versions completed its workflow tasks, in order. */
async function versionsOf(correlationId: string): Promise<string[]> {
  const { events } = await workflowOf(correlationId).fetchHistory();
  return (events ?? []).flatMap(({ workflowTaskCompletedEventAttributes: completed }) =>
    completed === null || completed === undefined ? [] : [completed.deploymentVersion?.buildId ?? 'none'],
  );
}

async function ask(customerId: string): Promise<string> {
  const correlationId = randomUUID();
  expect((await latchkey.call('/v1/unlocks', { method: 'POST', body: { customerId }, headers: { correlationId } })).status).toBe(202);
  return correlationId;
}

/** Begins an unlock whose next attempt is some seconds away. */
async function beginOneThatWaits(customerId: string, seconds = 8): Promise<string> {
  latchkey.sandbox.customers.set(customerId, { script: [{ httpStatus: 429, headers: { 'Retry-After': String(seconds) } }] });
  const correlationId = await ask(customerId);
  await eventually(async () => expect((await pendingOf(correlationId))?.attempt).toBe(2));
  return correlationId;
}

async function pendingOf(correlationId: string) {
  return (await workflowOf(correlationId).describe()).raw.pendingActivities?.[0];
}

/** As an operator does it: pause and unpause. */
async function hurry(correlationId: string): Promise<void> {
  const { workflowService } = latchkey.client;
  const execution = { workflowId: `unlock-${correlationId}` };
  const activity = { namespace: 'default', execution, id: (await pendingOf(correlationId))?.activityId ?? '', identity: 'operator' };
  await workflowService.pauseActivity(activity);
  await workflowService.unpauseActivity(activity);
}

const finished = async (correlationId: string) => {
  await eventually(async () => expect((await workflowOf(correlationId).describe()).status.name).toBe('COMPLETED'), { limitMs: 60_000 });
  return versionsOf(correlationId);
};

describe('two versions of the worker side by side', () => {
  it('share nothing new: it goes to the current one; what waits is taken over and finished there, also when the old one is gone', async () => {
    await house();
    const deployment = versions();
    const oldWorker = await latchkey.addWorker({ version: deployment.old });
    await deployment.makeCurrent('1.0');
    expect(await finished(await ask('locked-1'))).toEqual(['1.0']);

    await latchkey.addWorker({ version: deployment.new });
    const before = await Promise.all(['locked-2', 'locked-3', 'locked-4'].map(ask));
    for (const correlationId of before) expect(await finished(correlationId)).toEqual(['1.0']);
    const waiting = await beginOneThatWaits('waits-1');
    const alsoWaiting = await beginOneThatWaits('waits-2');

    await deployment.makeCurrent('2.0');
    await oldWorker.stop();
    await eventually(async () => expect(await finished(await ask('locked-5'))).toEqual(['2.0']));
    const taken = await finished(waiting);
    expect([taken[0], taken.at(-1)]).toEqual(['1.0', '2.0']);
    expect((await finished(alsoWaiting)).at(-1)).toBe('2.0');
    for (const correlationId of [waiting, alsoWaiting])
      expect(await workflowOf(correlationId).result()).toMatchObject({ outcome: 'unlocked', attempts: 2 });
  }, 180_000);

  it('may be rolled back: new ones go to the old version again, and it finishes what the new one began', async () => {
    await house();
    const deployment = versions();
    await latchkey.addWorker({ version: deployment.old });
    const newWorker = await latchkey.addWorker({ version: deployment.new });
    await deployment.makeCurrent('2.0');
    const waiting = await beginOneThatWaits('waits');
    await deployment.makeCurrent('1.0');
    await newWorker.stop();
    await eventually(async () => expect(await finished(await ask('locked-1'))).toEqual(['1.0']));
    expect((await finished(waiting)).at(-1)).toBe('1.0');
  }, 180_000);

  // Server 1.29.1 moves the workflow over at the first hurried try and drops the try: the second one goes through.
  it('let an operator hurry what was begun by the other one, at the second time at the latest', async () => {
    await house();
    const deployment = versions();
    await latchkey.addWorker({ version: deployment.old });
    await deployment.makeCurrent('1.0');
    const waiting = await beginOneThatWaits('waits', 300);
    await latchkey.addWorker({ version: deployment.new });
    await deployment.makeCurrent('2.0');
    await hurry(waiting);
    await eventually(async () => expect((await versionsOf(waiting)).at(-1)).toBe('2.0'));
    if ((await workflowOf(waiting).describe()).status.name === 'RUNNING' && (await pendingOf(waiting)) !== undefined) await hurry(waiting);
    expect((await finished(waiting)).at(-1)).toBe('2.0');
    expect(latchkey.puts(waiting)).toHaveLength(2);
  }, 180_000);
});

describe('versions that are switched', () => {
  it('on and off again, leave nothing behind', async () => {
    await house();
    const deployment = versions();
    const plain = await latchkey.addWorker();
    const begunWithout = await beginOneThatWaits('waits-1');
    const versioned = await latchkey.addWorker({ version: deployment.old });
    await deployment.makeCurrent('1.0');
    await plain.stop();
    expect((await finished(begunWithout)).at(-1)).toBe('1.0');

    const begunWith = await beginOneThatWaits('waits-2');
    await latchkey.addWorker();
    await deployment.makeCurrent(null);
    await versioned.stop();
    expect((await finished(begunWith)).at(-1)).toBe('none');
  }, 180_000);
});

describe('a worker whose version is not current', () => {
  it('takes nothing; an unlock waits until it is', async () => {
    await house();
    const deployment = versions();
    const worker = await latchkey.addWorker({ version: deployment.old });
    expect(worker.client).toBeNull();
    const correlationId = await ask('locked-1');
    await sleep(2_000);
    expect(await versionsOf(correlationId)).toEqual([]);
    await deployment.makeCurrent('1.0');
    expect(await finished(correlationId)).toEqual(['1.0']);
  }, 120_000);

  it('serves the queue for limited PUTs too once it is', async () => {
    const taskQueue = uniqueTaskQueue();
    await house({ taskQueue, settings: { sendQueue: sendQueueBeside(taskQueue, 'sandbox-bank') } });
    const deployment = versions();
    await latchkey.addWorker({ version: deployment.old });
    await deployment.makeCurrent('1.0');
    expect(await finished(await ask('locked-1'))).toEqual(['1.0', '1.0']);
    await latchkey.addWorker({ version: deployment.new });
    await deployment.makeCurrent('2.0');
    await eventually(async () => expect(await finished(await ask('locked-2'))).toEqual(['2.0', '2.0']));
  }, 120_000);
});
