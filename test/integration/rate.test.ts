import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { createPace } from '../../src/audit/index.js';
import { connectAudit } from '../../src/audit/connection.js';
import { sendQueueBeside, taskQueue as productTaskQueue } from '../../src/temporal/settings.js';
import { createTestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { inShort, openLatchkey, PAYLOAD_KEYS, type Latchkey } from '../support/latchkey.js';
import { buildProduct, startLatchkeyProcess, type LatchkeyProcess } from '../support/latchkey-process.js';
import { peakWithin } from '../support/peak.js';
import { testTemporal, uniqueTaskQueue } from '../support/temporal.js';

const open: Latchkey[] = [];
async function opened(...wishes: Parameters<typeof openLatchkey>): Promise<Latchkey> {
  const latchkey = await openLatchkey(...wishes);
  open.push(latchkey);
  return latchkey;
}
afterEach(async () => {
  await Promise.all(open.splice(0).map((latchkey) => latchkey.close()));
});

/** When each unlock PUT arrived at the bank, in milliseconds since the epoch. */
const putsAt = ({ sandbox }: Latchkey) =>
  sandbox
    .calls()
    .filter(({ endpoint }) => endpoint === 'unlock')
    .map(({ arrivedAt }) => Date.parse(arrivedAt));

const ask = async (latchkey: Latchkey, customerId: string): Promise<string> => {
  const correlationId = randomUUID();
  const { status } = await latchkey.call('/v1/unlocks', { method: 'POST', body: { customerId }, headers: { correlationId } });
  expect(status).toBe(202);
  return correlationId;
};

/** Asks for so many at once, each for a customer of its own. */
function askMany(latchkey: Latchkey, count: number, script: NonNullable<Parameters<Latchkey['sandbox']['customers']['set']>[1]['script']>) {
  return Promise.all(
    Array.from({ length: count }, (_, index) => {
      latchkey.sandbox.customers.set(`many-${index}`, { script });
      return ask(latchkey, `many-${index}`);
    }),
  );
}

/** The sandbox's. */
const INSTITUTION = 'sandbox-bank';

const outcomesOf = async ({ sql }: Latchkey) =>
  (await sql<{ outcome: string | null }>('select outcome from unlock_request')).map(({ outcome }) => outcome);

/** The attempts that Temporal put on the queue for limited PUTs. */
async function sendQueuesOf({ client }: Latchkey, correlationId: string): Promise<string[]> {
  const { events } = await client.workflow.getHandle(`unlock-${correlationId}`).fetchHistory();
  return (events ?? []).flatMap(({ activityTaskScheduledEventAttributes: scheduled }) =>
    scheduled?.activityType?.name === 'sendUnlock' ? [scheduled.taskQueue?.name ?? ''] : [],
  );
}

describe('three workers with a rate set', () => {
  const maxPerSecond = 8;
  const workers: LatchkeyProcess[] = [];
  let dataDir: string;
  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'latchkey-test-rate-'));
    buildProduct();
  }, 180_000);
  afterAll(async () => {
    await Promise.all(workers.map((worker) => worker.end('SIGKILL')));
    await rm(dataDir, { recursive: true, force: true });
  });

  it('never send more PUTs in a second, all three together and retries included', async () => {
    const latchkey = await opened({
      withWorker: false,
      forProcesses: true,
      settings: { sendQueue: sendQueueBeside(productTaskQueue, INSTITUTION) },
    });
    for (let started = 0; started < 3; started += 1) workers.push(startLatchkeyProcess(['worker'], workerSettings(latchkey)));
    await Promise.all(workers.map((worker) => worker.says(/the worker polls/)));
    const correlationIds = await askMany(latchkey, 40, [{ httpStatus: 503 }]);
    await eventually(async () => expect(await outcomesOf(latchkey)).toEqual(correlationIds.map(() => 'unlocked')), { limitMs: 120_000 });
    const moments = putsAt(latchkey);
    expect(moments).toHaveLength(80);
    expect(peakWithin(1_000, moments)).toBeLessThanOrEqual(maxPerSecond);
  }, 180_000);

  const workerSettings = ({ sandbox, database, namespace }: Latchkey) => ({
    DATABASE_URL: database.url,
    TEMPORAL_ADDRESS: testTemporal().address,
    TEMPORAL_NAMESPACE: namespace,
    UPSTREAM_BASE_URL: sandbox.bankBaseUrl,
    UPSTREAM_TOKEN_URL: sandbox.bankTokenUrl,
    UPSTREAM_CLIENT_ID: sandbox.clientId,
    UPSTREAM_CLIENT_SECRET: sandbox.clientSecret,
    UPSTREAM_INSTITUTION_ID: sandbox.institutionId,
    UPSTREAM_MAX_PER_SECOND: String(maxPerSecond),
    PAYLOAD_KEYS,
    DATA_DIR: dataDir,
  });
});

describe('with a rate set', () => {
  it('a single unlock does not wait for its turn, and goes by the regular activity on a queue of its own', async () => {
    const latchkey = await opened({ maxPerSecond: 0.05 });
    const correlationId = randomUUID();
    expect((await latchkey.unlock('locked-1', correlationId)).status).toBe(204);
    expect(await sendQueuesOf(latchkey, correlationId)).toEqual([sendQueueBeside(latchkey.taskQueue, INSTITUTION)]);
    expect(inShort(await latchkey.story(correlationId))).toEqual([
      'requested',
      'status_checked locked',
      'attempt_started 1',
      'attempt_finished 1 succeeded 204',
      'completed unlocked confirmed not_locked',
    ]);
  });

  it("an operator's hurried retry keeps to the rate too", async () => {
    const latchkey = await opened({ maxPerSecond: 0.4, budget: { retryAfterMaxMs: 600_000, deadlineMs: 900_000 } });
    latchkey.sandbox.customers.set('hurried', { script: [{ httpStatus: 429, headers: { 'Retry-After': '300' } }] });
    const correlationId = await ask(latchkey, 'hurried');
    const handle = latchkey.client.workflow.getHandle(`unlock-${correlationId}`);
    const activityId = await eventually(async () => {
      const [pending] = (await handle.describe()).raw.pendingActivities ?? [];
      expect(pending?.attempt).toBe(2);
      return pending?.activityId ?? '';
    });
    const activity = { namespace: 'default', execution: { workflowId: handle.workflowId }, id: activityId, identity: 'operator' };
    await latchkey.client.workflowService.pauseActivity(activity);
    await latchkey.client.workflowService.unpauseActivity(activity);
    expect(await handle.result()).toMatchObject({ outcome: 'unlocked', attempts: 2 });
    const [first = 0, second = 0] = putsAt(latchkey);
    expect(second - first).toBeGreaterThanOrEqual(2_500);
  });

  it('a request whose turn does not come before its deadline ends `failed`, and sends no PUT', async () => {
    const latchkey = await opened({ maxPerSecond: 0.02, budget: { deadlineMs: 6_000 } });
    expect((await latchkey.unlock('locked-1')).status).toBe(204);
    const correlationId = randomUUID();
    expect(await latchkey.unlock('locked-2', correlationId)).toMatchObject({ status: 503 });
    expect(latchkey.puts(correlationId)).toEqual([]);
  });
});

describe('a rate that is switched', () => {
  it('on, holds also for requests that were accepted before', async () => {
    const latchkey = await opened({ withWorker: false });
    const correlationIds = await askMany(latchkey, 10, []);
    await latchkey.addWorker({ maxPerSecond: 4 });
    await latchkey.addWorker({ maxPerSecond: 4 });
    await eventually(async () => expect(await outcomesOf(latchkey)).toEqual(correlationIds.map(() => 'unlocked')), { limitMs: 120_000 });
    expect(peakWithin(1_000, putsAt(latchkey))).toBeLessThanOrEqual(4);
  }, 180_000);

  it('off, strands no request that was accepted under it', async () => {
    const taskQueue = uniqueTaskQueue();
    const latchkey = await opened({ withWorker: false, taskQueue, settings: { sendQueue: sendQueueBeside(taskQueue, INSTITUTION) } });
    const correlationIds = await askMany(latchkey, 5, []);
    await latchkey.addWorker();
    await eventually(async () => expect(await outcomesOf(latchkey)).toEqual(correlationIds.map(() => 'unlocked')));
    expect(await sendQueuesOf(latchkey, correlationIds[0] ?? '')).toEqual([sendQueueBeside(taskQueue, INSTITUTION)]);
  });
});

describe('a turn at the bank', () => {
  it('is given to one taker at a time, over all connections, and refused beyond the patience of who asks', async () => {
    const database = await createTestDatabase();
    const connections = [1, 2, 3].map(() =>
      connectAudit({ databaseUrl: database.url, role: 'latchkey_app', institutionId: 'bank-one', poolSize: 4 }),
    );
    const paces = connections.map(({ prisma }) => createPace({ prisma, maxPerSecond: 10 }));
    const turns = await Promise.all(
      Array.from({ length: 30 }, async (_, index) => {
        const turn = await paces[index % 3]?.takeTurn('bank-one', 60_000);
        return turn === null || turn === undefined ? null : performance.now() + turn.waitMs;
      }),
    );
    const given = turns.filter((turn) => turn !== null);
    expect(given).toHaveLength(30);
    // By the database's clock they are 125 ms apart; the replies come when they come.
    expect(Math.max(...given) - Math.min(...given)).toBeGreaterThan(29 * 125 - 1_000);
    expect(await paces[0]?.takeTurn('bank-one', 1_000)).toBeNull();
    const other = connectAudit({ databaseUrl: database.url, role: 'latchkey_app', institutionId: 'bank-two' });
    expect(await createPace({ prisma: other.prisma, maxPerSecond: 10 }).takeTurn('bank-two', 0)).toMatchObject({ waitMs: 0 });
    await Promise.all([...connections, other].map(({ close }) => close()));
    await database.drop();
  });

  it('is taken although the connection for it had broken', async () => {
    const database = await createTestDatabase();
    const { prisma, close } = connectAudit({ databaseUrl: database.url, role: 'latchkey_app', institutionId: 'bank-one', poolSize: 1 });
    const pace = createPace({ prisma, maxPerSecond: 10 });
    await pace.takeTurn('bank-one', 1_000);
    const other = new pg.Client({ connectionString: database.url });
    await other.connect();
    // Within an open statement, so that no pool has noticed before.
    await other.query('BEGIN; LOCK TABLE upstream_pace IN ACCESS EXCLUSIVE MODE');
    const taken = pace.takeTurn('bank-one', 60_000);
    await eventually(async () => {
      const ended = await other.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`,
      );
      expect(ended.rowCount).toBe(1);
    });
    await other.query('COMMIT');
    expect(await taken).not.toBeNull();
    await other.end();
    await close();
    await database.drop();
  });

  it("is not held up by a database's clock that was set back", async () => {
    const database = await createTestDatabase();
    const { prisma, close } = connectAudit({ databaseUrl: database.url, role: 'latchkey_app', institutionId: 'bank-one' });
    const pace = createPace({ prisma, maxPerSecond: 10 });
    await prisma.upstreamPace.create({ data: { institutionId: 'bank-one', nextPutAt: new Date(Date.now() + 3_600_000) } });
    expect(await pace.takeTurn('bank-one', 1_000)).toMatchObject({ waitMs: 0 });
    expect((await pace.takeTurn('bank-one', 1_000))?.waitMs).toBeGreaterThan(0);
    await close();
    await database.drop();
  });
});
