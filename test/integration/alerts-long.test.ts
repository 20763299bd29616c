import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { taskQueue } from '../../src/temporal/settings.js';
import { eventually } from '../support/eventually.js';
import { hasPrometheus, startWatchedSystem, type WatchedSystem } from '../support/watched-system.js';

/** For `npm run test:long`: what they exercise takes minutes. */
const withTime = hasPrometheus && process.env.LATCHKEY_TEST_LONG_ALERTS === '1' ? describe : describe.skip;

let system: WatchedSystem;

withTime('the running system, watched by Prometheus: long exercises', () => {
  beforeAll(async () => {
    system = await startWatchedSystem({ api: { UNLOCK_DEADLINE_MS: '60000' } });
    system.startSealer();
  }, 240_000);
  afterAll(() => system.close());

  it('tells of a transaction that keeps rows from being sealed, until it ends', async () => {
    const idle = new pg.Client({ connectionString: system.latchkey.database.url });
    await idle.connect();
    try {
      await idle.query('begin; select pg_current_xact_id()');
      await system.whileAskingForGoodOnes(() => system.fires('LatchkeySealingLags'));
    } finally {
      await idle.end();
    }
    await system.whileAskingForGoodOnes(() => system.isOver('LatchkeySealingLags'));
  }, 300_000);

  it('tells of a request that outlasts its deadline because its end cannot be put on record, until it can', async () => {
    const { client, sql } = system.latchkey;
    await sql("alter table audit_event add constraint exercise check (action <> 'customer.unlock.completed') not valid");
    const looking = setInterval(() => {
      const workflowId = `reconcile-audit-${randomUUID()}`;
      void client.workflow.execute('reconcileAudit', { taskQueue, workflowId }).catch(() => undefined);
    }, 5_000);
    try {
      await system.askForMany(1, [{ httpStatus: 503, headers: { 'Retry-After': '300' } }]);
      await eventually(async () => expect(await system.firing()).toContain('LatchkeyRequestsStuck'), {
        limitMs: 540_000,
        intervalMs: 1_000,
      });
      await sql('alter table audit_event drop constraint exercise');
      await system.isOver('LatchkeyRequestsStuck');
    } finally {
      clearInterval(looking);
      await sql('alter table audit_event drop constraint if exists exercise');
    }
  }, 700_000);
});

withTime('a worker that is watched by Prometheus', () => {
  beforeAll(async () => {
    // The bank keeps a step for longer than it takes to fill all slots, on a slow machine too: the API says so, and the worker waits for the bank.
    const patience = { UPSTREAM_TIMEOUT_MS: '240000', SHUTDOWN_LIMIT_MS: '300000' };
    system = await startWatchedSystem({ api: patience, worker: patience });
  }, 240_000);
  afterAll(() => system.close());

  it('tells when it has no free slot, because the bank keeps all of them waiting, until it has', async () => {
    const slowly = { limitMs: 420_000, intervalMs: 1_000 };
    // Steps that failed once: those within a workflow task are fewer, because their workflows stay in the worker's cache.
    const script = [
      { on: 'status', httpStatus: 503 },
      { on: 'status', delayMs: 180_000 },
    ] as const;
    const timer = setInterval(() => void system.askForMany(20, [...script]).catch(() => undefined), 500);
    const full = eventually(async () => expect(await system.firing()).toContain('LatchkeyWorkersFull'), slowly);
    await full.finally(() => clearInterval(timer));
    await eventually(async () => expect(await system.firing()).not.toContain('LatchkeyWorkersFull'), slowly);
  }, 900_000);
});
