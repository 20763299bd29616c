import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { eventually } from '../support/eventually.js';
import { hasPrometheus, startWatchedSystem, type WatchedSystem } from '../support/watched-system.js';

/** For `npm run test:long`: what they exercise takes minutes. */
const withTime = hasPrometheus && process.env.LATCHKEY_TEST_LONG_ALERTS === '1' ? describe : describe.skip;
/** All the slots of a worker, and some more. */
const MANY = 520;

let system: WatchedSystem;

withTime('the running system, watched by Prometheus: long exercises', () => {
  beforeAll(async () => {
    system = await startWatchedSystem({ worker: { UPSTREAM_TIMEOUT_MS: '90000', SHUTDOWN_LIMIT_MS: '120000' } });
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

  it('tells of a worker without a free slot, while the bank keeps all of them waiting', async () => {
    await system.askForMany(MANY, [{ on: 'status', delayMs: 60_000 }]);
    await system.fires('LatchkeyWorkersFull');
    await system.isOver('LatchkeyWorkersFull');
    await eventually(
      async () => {
        const query = "select count(*)::int as count from audit_event where action = 'customer.unlock.completed' and outcome = 'unlocked'";
        expect((await system.latchkey.sql<{ count: number }>(query))[0]?.count).toBeGreaterThanOrEqual(MANY);
      },
      { limitMs: 180_000, intervalMs: 1_000 },
    );
  }, 600_000);
});
