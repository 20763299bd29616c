import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { databaseFailure, sqlStateOf } from '../../src/audit/failures.js';
import { migrate } from '../../src/audit/migrate.js';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../src/local/postgres.js';
import { makeTemporaryDataDir } from '../../src/local/temporary-data-dir.js';
import { eventually } from '../support/eventually.js';
import { openLatchkey, type Latchkey } from '../support/latchkey.js';
import { sql } from './audit-samples.js';

const say = (): void => undefined;
// What a crash of the machine would lose does not matter here; what a crash of the server loses does.
const quick = { fsync: 'off', full_page_writes: 'off' };
let root: string;
let primary: EmbeddedPostgres;
let standby: EmbeddedPostgres;
let latchkey: Latchkey;
beforeAll(async () => {
  root = await makeTemporaryDataDir({ prefix: 'latchkey-test-failover-', name: 'Tests', say });
  primary = await startEmbeddedPostgres({ dataDir: join(root, 'primary'), port: null, say, settings: quick });
  await migrate({ databaseUrl: primary.url });
  await copyCluster();
  standby = await startStandby(null, primary.url);
  // Whatever is acknowledged stands on both, or a failover could lose it.
  await sql(primary.url, "ALTER SYSTEM SET synchronous_standby_names = '*'");
  await sql(primary.url, 'SELECT pg_reload_conf()');
  await eventually(async () =>
    expect(await sql(primary.url, 'SELECT sync_state FROM pg_stat_replication')).toEqual([{ sync_state: 'sync' }]),
  );
  const here = async () => primary.url;
  latchkey = await openLatchkey({ apiDatabaseUrl: here, workerDatabaseUrl: here, budget: { deadlineMs: 300_000 } });
}, 180_000);
afterAll(async () => {
  await latchkey.close();
  await primary.stop();
  await standby.stop();
  await rm(root, { recursive: true, force: true });
});

/** A base backup of the running primary, as its standby needs it. */
async function copyCluster(): Promise<void> {
  const client = new pg.Client({ connectionString: primary.url });
  await client.connect();
  await client.query("SELECT pg_backup_start('standby', true)");
  await mkdir(join(root, 'standby'));
  for (const part of ['cluster', 'password'])
    await promisify(execFile)('cp', ['-a', join(root, 'primary', part), join(root, 'standby', part)]);
  const { rows } = await client.query<{ labelfile: string }>('SELECT labelfile FROM pg_backup_stop()');
  await client.end();
  const inCluster = (file: string): string => join(root, 'standby', 'cluster', file);
  await rm(inCluster('postmaster.pid'));
  await writeFile(inCluster('backup_label'), rows[0]?.labelfile ?? '');
  await writeFile(inCluster('standby.signal'), '');
}

function startStandby(port: number | null, primaryUrl: string): Promise<EmbeddedPostgres> {
  const settings = { ...quick, primary_conninfo: primaryUrl, wal_retrieve_retry_interval: '200ms' };
  return startEmbeddedPostgres({ dataDir: join(root, 'standby'), port, say, settings });
}

async function begin(customerId: string): Promise<string> {
  const correlationId = randomUUID();
  latchkey.sandbox.customers.set(customerId, { script: [{ times: 3, httpStatus: 503 }] });
  const { status } = await latchkey.call('/v1/unlocks', { method: 'POST', body: { customerId }, headers: { correlationId } });
  expect(status).toBe(202);
  return correlationId;
}

const refused = { status: 503, body: { code: 'LATCHKEY_TEMPORARILY_UNAVAILABLE' } };
const notReady = { status: 503, body: { parts: expect.arrayContaining([{ part: 'postgres', ready: false }]) } };

describe('a failover of Postgres under running unlocks', () => {
  it('loses no acknowledged row and doubles none, and every unlock goes on where it was', async () => {
    const early = randomUUID();
    expect((await latchkey.unlock('locked-1', early)).status).toBe(204);
    const running = await Promise.all(['one', 'two', 'three', 'four'].map(begin));
    await eventually(() => {
      for (const correlationId of running) expect(latchkey.puts(correlationId).length).toBeGreaterThan(0);
    });
    process.kill(primary.pid, 'SIGKILL');
    await primary.stop();
    expect(await latchkey.unlock('locked-2')).toMatchObject(refused);
    expect(await latchkey.call('/readyz')).toMatchObject(notReady);

    // The standby comes to the primary's address, and is a standby still.
    await standby.stop();
    standby = await startStandby(primary.port, 'host=127.0.0.1 port=1');
    await eventually(async () => expect(await latchkey.unlock('locked-2')).toMatchObject(refused));
    expect(await latchkey.unlock('locked-1', early)).toMatchObject({ status: 204 });
    expect(await latchkey.call('/readyz')).toMatchObject(notReady);

    await sql(standby.url, 'SELECT pg_promote()');
    await eventually(async () => expect((await latchkey.unlock('locked-2')).status).toBe(204));
    for (const correlationId of running) {
      await latchkey.client.workflow.getHandle(`unlock-${correlationId}`).result();
      const attempts = await sql(
        standby.url,
        'SELECT attempt, result IS NOT NULL AS ended FROM unlock_attempt WHERE correlation_id = $1 ORDER BY attempt',
        [correlationId],
      );
      expect(attempts).toEqual(attempts.map((_, index) => ({ attempt: index + 1, ended: true })));
      expect(latchkey.puts(correlationId).length).toBeLessThanOrEqual(attempts.length);
      expect(latchkey.puts(correlationId)).toHaveLength(4);
      expect(await sql(standby.url, 'SELECT outcome FROM unlock_request WHERE correlation_id = $1', [correlationId])).toEqual([
        { outcome: 'unlocked' },
      ]);
    }
  }, 300_000);

  it('lets nobody in while the server ends, which is told as unreachable', async () => {
    const stays = new pg.Client({ connectionString: standby.url });
    stays.on('error', () => undefined);
    await stays.connect();
    // The patient way to end: who is in may stay.
    process.kill(standby.pid, 'SIGTERM');
    const failure = await eventually(async () => {
      const error = await sql(standby.url, 'SELECT 1').catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(Error);
      return error;
    });
    await stays.end();
    expect([sqlStateOf(failure), databaseFailure(failure)]).toEqual(['57P03', 'unreachable']);
  });
});
