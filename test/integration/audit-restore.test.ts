import { randomUUID } from 'node:crypto';
import { ScheduleOverlapPolicy, type Client } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ReconcilerProgress } from '../../activities/contract.js';
import { connectAudit, type AuditConnection } from '../../src/audit/connection.js';
import { continueLog } from '../../src/audit/continue-log.js';
import { createSealer } from '../../src/audit/seal.js';
import { createTestDatabase, copyDatabase, type TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { inShort, openLatchkey, type Latchkey } from '../support/latchkey.js';
import { uniqueTaskQueue } from '../support/temporal.js';

const ORIGIN = 'latchkey.test/restored';
const scheduleId = `reconcile-${randomUUID()}`;
const taskQueue = uniqueTaskQueue('restore');
const closers: (() => Promise<unknown>)[] = [];
const opened: Latchkey[] = [];
afterAll(async () => {
  await Promise.all(opened.splice(0).map((latchkey) => latchkey.close()));
  for (const close of closers.reverse()) await close();
});

async function open(database: TestDatabase, wishes: Parameters<typeof openLatchkey>[0] = {}): Promise<Latchkey> {
  const latchkey = await openLatchkey({ database, taskQueue, reconciler: { afterMs: 1, openAfterMs: 1 }, ...wishes });
  opened.push(latchkey);
  return latchkey;
}

async function close(latchkey: Latchkey): Promise<void> {
  opened.splice(opened.indexOf(latchkey), 1);
  await latchkey.close();
}

async function ask(latchkey: Latchkey, customerId: string): Promise<string> {
  const correlationId = randomUUID();
  const { status } = await latchkey.call('/v1/unlocks', {
    method: 'POST',
    body: { customerId, reason: 'calls us' },
    headers: { correlationId },
  });
  expect(status).toBe(202);
  return correlationId;
}

/** Its attempts go on until the worker stops; another house's bank is not busy. */
async function askWhileBankIsBusy(latchkey: Latchkey, customerId: string): Promise<string> {
  latchkey.sandbox.customers.set(customerId, { script: Array.from({ length: 100 }, () => ({ httpStatus: 503 })) });
  const correlationId = await ask(latchkey, customerId);
  await eventually(async () => expect(await ending(latchkey, correlationId)).toMatch(/^attempt_finished/));
  return correlationId;
}

const ending = async (latchkey: Latchkey, correlationId: string) => inShort(await latchkey.story(correlationId)).at(-1);
const ended = (latchkey: Latchkey, correlationId: string): Promise<void> =>
  eventually(async () => expect(await ending(latchkey, correlationId)).toMatch(/^completed/));

async function forget({ client, executions }: Latchkey, correlationId: string): Promise<void> {
  const { workflowId } = client.workflow.getHandle(`unlock-${correlationId}`);
  await client.workflowService.deleteWorkflowExecution({ namespace: 'default', workflowExecution: { workflowId } });
  await eventually(async () => expect(await executions.find(correlationId)).toBeNull(), { limitMs: 90_000 });
}

/** One run by the schedule, which is handed the result of the last one: not where runs may overlap, as they may by a trigger's own default. */
async function reconcile(client: Client): Promise<ReconcilerProgress> {
  const schedule = client.schedule.getHandle(scheduleId);
  const before = (await schedule.describe()).info.numActionsTaken;
  await schedule.trigger(ScheduleOverlapPolicy.BUFFER_ONE);
  const workflowId = await eventually(async () => {
    const { numActionsTaken, recentActions } = (await schedule.describe()).info;
    expect(numActionsTaken).toBeGreaterThan(before);
    return recentActions.at(-1)?.action.workflow.workflowId ?? '';
  });
  return (await client.workflow.getHandle(workflowId).result()) as ReconcilerProgress;
}

async function withSealer(database: TestDatabase, work: (parts: AuditConnection) => Promise<unknown>): Promise<void> {
  const connection = connectAudit({ databaseUrl: database.url, role: null });
  await work(connection).finally(connection.close);
}

const seal = (database: TestDatabase): Promise<void> =>
  withSealer(database, ({ prisma }) =>
    eventually(async () => expect(await createSealer({ prisma, origin: ORIGIN }).sealNext()).toMatchObject({ more: false, lagMs: 0 })),
  );
const continueSealing = (database: TestDatabase): Promise<void> =>
  withSealer(database, ({ prisma }) =>
    continueLog({ prisma, link: () => ({ origin: `${ORIGIN}/2`, note: 'signed elsewhere', checkpoint: null }) }),
  );

describe('an audit log that was restored from a backup', () => {
  let latchkey: Latchkey;
  let early: string;
  let earlyStory: string[];
  let waiting: string;
  let late: string;
  let forgotten: string;

  beforeAll(async () => {
    const original = await createTestDatabase();
    closers.push(original.drop);

    const first = await open(original, { withWorker: false, budget: { deadlineMs: 30_000, maxAttempts: 100 } });
    await first.client.schedule.create({
      scheduleId,
      spec: { calendars: [{ year: 2099 }] },
      action: { type: 'startWorkflow', workflowType: 'reconcileAudit', workflowId: scheduleId, taskQueue },
    });
    closers.push(async () => {
      const again = await openLatchkey({ withWorker: false });
      await again.client.schedule.getHandle(scheduleId).delete();
      await again.close();
    });
    const worker = await first.addWorker();
    early = await ask(first, 'locked-1');
    await ended(first, early);
    earlyStory = inShort(await first.story(early));
    waiting = await askWhileBankIsBusy(first, 'locked-2');
    forgotten = await askWhileBankIsBusy(first, 'locked-4');
    await worker.stop();
    const [last] = await first.sql<{ position: string }>('SELECT max(position)::text AS position FROM audit_event');
    await close(first);
    await seal(original);

    const backup = await copyDatabase(original);
    closers.push(backup.drop);

    const second = await open(original);
    late = await ask(second, 'locked-3');
    await ended(second, waiting);
    await ended(second, forgotten);
    await ended(second, late);
    await seal(original);
    const [newest] = await second.sql<{ recorded: Date }>('SELECT max(recorded_at) AS recorded FROM audit_event');
    // From here on what was lost is behind it, in both of its ways to look.
    await eventually(
      async () => {
        const { comparison, scannedTo } = await reconcile(second.client);
        expect(Number(scannedTo)).toBeGreaterThan(Number(last?.position));
        expect(Date.parse(comparison.comparedUntil ?? '')).toBeGreaterThan((newest?.recorded.getTime() ?? Infinity) + 1_000);
      },
      { limitMs: 60_000, intervalMs: 500 },
    );
    await forget(second, forgotten);
    await close(second);

    await continueSealing(backup);
    latchkey = await open(backup);
  }, 240_000);

  it('is given what Temporal still knows of the requests that it lost', async () => {
    await reconcile(latchkey.client);
    const story = await latchkey.story(late);
    expect(inShort(story).slice(0, 3)).toEqual(['requested', 'completed unlocked confirmed', 'reconciled']);
    const findings = story.filter(({ action }) => action === 'reconciled').map(({ metadata }) => metadata.finding);
    expect(findings).toEqual(['missing_request', 'missing_outcome', 'disagreement']);
  });

  it('is given the end of a request of which it holds the beginning alone', async () => {
    const story = inShort(await latchkey.story(waiting));
    expect(story.slice(0, 3)).toEqual(['requested', 'status_checked locked', 'attempt_started 1']);
    expect(story.slice(-3)).toEqual(['completed unlocked confirmed', 'reconciled', 'reconciled']);
  });

  it('is given an end for what Temporal has forgotten too', async () => {
    await eventually(
      async () => {
        await reconcile(latchkey.client);
        expect(await ending(latchkey, forgotten)).toMatch(/^reconciled/);
      },
      { limitMs: 60_000, intervalMs: 1_000 },
    );
    expect((await latchkey.story(forgotten)).at(-1)?.metadata).toMatchObject({ finding: 'missing_outcome', temporal: { state: 'gone' } });
  }, 90_000);

  it('keeps what it held', async () => {
    expect(inShort(await latchkey.story(early))).toEqual(earlyStory);
  });
});
