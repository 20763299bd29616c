import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Client, Connection, WorkflowFailedError } from '@temporalio/client';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import pg from 'pg';
import { createSealActivities } from '../../activities/seal-rows.js';
import { connectAudit, type AuditConnection } from '../../src/audit/connection.js';
import { continueLog, NothingSealedError } from '../../src/audit/continue-log.js';
import { createSealer } from '../../src/audit/seal.js';
import { silentObserver } from '../../src/domain/observer.js';
import { openCheckpoint, signCheckpoint } from '../../src/proof/checkpoint.js';
import { openContinuation, signContinuation } from '../../src/proof/continuation.js';
import { leafHash, rootOf } from '../../src/proof/merkle-tree.js';
import { recordOf } from '../../src/proof/record.js';
import { readSigner, readVerifier, verifierKey } from '../../src/proof/signed-note.js';
import { createDirectoryPublication } from '../../src/publication/directory.js';
import { createDataConverter } from '../../src/temporal/data-converter.js';
import { startSealWorker, type SealWorker } from '../../src/temporal/seal-worker.js';
import { localSigningKey } from '../../src/cli/local-keys.js';
import type { sealAudit } from '../../workflows/index.js';
import { createLoneDatabase, type TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { PAYLOAD_KEYS } from '../support/latchkey.js';
import { testTemporal, uniqueTaskQueue } from '../support/temporal.js';
import { insertOf, sample, sql } from './audit-samples.js';

const origin = 'latchkey.test/audit';
Runtime.install({
  shutdownSignals: [],
  logger: new DefaultLogger('ERROR'),
  telemetryOptions: { logging: { filter: 'ERROR', console: {} } },
});

let database: TestDatabase;
let temporal: Client;
beforeAll(async () => {
  database = await createLoneDatabase();
  const { address, namespace } = testTemporal();
  temporal = new Client({
    connection: await Connection.connect({ address }),
    namespace,
    dataConverter: createDataConverter(PAYLOAD_KEYS),
  });
}, 120_000);
afterAll(async () => {
  await temporal.connection.close();
  await database.drop();
});

let directory: string;
let taskQueue: string;
let databaseUrl: string;
let counts: { checkpoints: number; broken: number };
const opened: { close(): Promise<void> }[] = [];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'latchkey-test-checkpoints-'));
  taskQueue = uniqueTaskQueue('seal');
  databaseUrl = await copyOf(database.url);
  counts = { checkpoints: 0, broken: 0 };
});
afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each.close();
  await rm(directory, { recursive: true, force: true });
});

/** What a restore of a backup brings: the database as it was, on the same server. */
async function copyOf(url: string): Promise<string> {
  const name = `copy_${randomUUID().replaceAll('-', '')}`;
  const copy = new URL(url);
  const source = copy.pathname.slice(1);
  copy.pathname = '/postgres';
  await sql(copy.href, `CREATE DATABASE ${name} TEMPLATE ${source}`);
  copy.pathname = `/${name}`;
  return copy.href;
}

const signer = async () => readSigner(await localSigningKey(directory), origin);
const trusted = async () => [readVerifier(verifierKey(await signer()))];

function connect(url: string, role: 'latchkey_sealer' | null = 'latchkey_sealer'): AuditConnection {
  const connection = connectAudit({ databaseUrl: url, role });
  opened.push(connection);
  return connection;
}

async function startSealing(url = databaseUrl, runForMs = 60_000): Promise<{ worker: SealWorker; die: () => Promise<void> }> {
  const { address, namespace, workflowBundle } = testTemporal();
  const handOver = new AbortController();
  const { prisma } = connect(url);
  const worker = await startSealWorker({
    settings: { address, namespace, tls: undefined, apiKey: undefined },
    activities: createSealActivities({
      sealer: createSealer({ prisma, origin, batch: 100 }),
      signer: await signer(),
      publication: createDirectoryPublication(directory),
      intervalMs: 50,
      runForMs,
      observer: {
        ...silentObserver,
        checkpointPublished: () => void (counts.checkpoints += 1),
        sealBroken: () => void (counts.broken += 1),
      },
      handOver: handOver.signal,
    }),
    dataConverter: createDataConverter(PAYLOAD_KEYS),
    workflowBundle,
    taskQueue,
  });
  const stop = async (): Promise<void> => {
    handOver.abort();
    await worker.stop();
  };
  opened.push({ close: stop });
  return { worker, die: stop };
}

const begin = () => temporal.workflow.start<typeof sealAudit>('sealAudit', { taskQueue, workflowId: `seal-${randomUUID()}` });

async function write(url = databaseUrl): Promise<string> {
  const event = sample('customer.unlock.status_checked', { correlationId: randomUUID() });
  const { text, values } = insertOf(event);
  await sql(url, text, values);
  return event.id;
}

async function published(of = origin): Promise<string[]> {
  const names = await readdir(join(directory, encodeURIComponent(of))).catch(() => []);
  return names.filter((name) => name.endsWith('.checkpoint')).sort();
}
const newest = (of = origin): Promise<string> => readFile(join(directory, encodeURIComponent(of), 'newest.checkpoint'), 'utf8');
const untilSealed = (rows: number, of = origin): Promise<void> =>
  eventually(async () => expect(Number((await newest(of)).split('\n')[1])).toBe(rows));

async function rootByHand(url = databaseUrl, tree = 0): Promise<Buffer> {
  const rows = await sql(
    url,
    `select (to_jsonb(e) - 'xid' - 'position')::text as record from audit_event e join audit_leaf l on l.event_id = e.id where l.tree_id = $1 order by l.index`,
    [tree],
  );
  return rootOf(rows.map(({ record }) => leafHash(recordOf(String(record)))));
}

describe('the sealer', () => {
  it('publishes a signed checkpoint of what was recorded, as it is recorded', async () => {
    await startSealing();
    await begin();
    await write();
    await untilSealed(1);
    await write();
    await write();
    await untilSealed(3);
    const checkpoint = openCheckpoint(await newest(), await trusted());
    expect(checkpoint).toMatchObject({ origin, size: 3 });
    expect(checkpoint.root).toEqual(await rootByHand());
    const kept = await sql(databaseUrl, 'select note from audit_checkpoint order by size');
    expect((await published()).length).toBe(kept.length + 1);
    expect(kept.at(-1)?.note).toBe(await newest());
  });

  it('is followed by another where it stops, and the log goes on', async () => {
    const first = await startSealing();
    await begin();
    await write();
    await untilSealed(1);
    await first.die();
    await write();
    await startSealing();
    await untilSealed(2);
  });

  it('ends a run after its time with what it did, so that its history stays short', async () => {
    await write();
    await startSealing(databaseUrl, 500);
    const handle = await begin();
    expect(await handle.result()).toEqual({ sealed: 1, checkpoints: 1 });
  });

  it('publishes again what it could not keep, and keeps what was published', async () => {
    await write();
    const { prisma } = connect(databaseUrl);
    const sealer = createSealer({ prisma, origin });
    await sealer.sealNext();
    const head = await sealer.unsignedHead();
    if (head === null) throw new Error('there is a head');
    const note = signCheckpoint(head, await signer());
    await createDirectoryPublication(directory).publish({ origin, size: head.size, note });
    await startSealing();
    await begin();
    await eventually(async () => expect(await sql(databaseUrl, 'select note from audit_checkpoint')).toEqual([{ note }]));
    expect(await published()).toEqual(['1.checkpoint', 'newest.checkpoint']);
  });
});

describe('after a restore from a backup', () => {
  /** A log of three rows of which the backup has two. */
  async function restore(): Promise<{ backup: string; lost: string }> {
    await write();
    await write();
    const sealing = await startSealing();
    const run = await begin();
    await untilSealed(2);
    await sealing.die();
    await run.terminate();
    for (const each of opened.splice(0).reverse()) await each.close();
    const backup = await copyOf(databaseUrl);
    const lost = await write();
    await startSealing();
    const again = await begin();
    await untilSealed(3);
    await again.terminate();
    for (const each of opened.splice(0).reverse()) await each.close();
    return { backup, lost };
  }

  it('the sealer notices before it seals anything, says so, and stops', async () => {
    const { backup } = await restore();
    await write(backup);
    await startSealing(backup);
    const handle = await begin();
    const failure = await handle.result().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(WorkflowFailedError);
    expect(String((failure as WorkflowFailedError).cause?.cause)).toContain('restored from a backup?');
    expect(counts.broken).toBe(1);
    expect(await sql(backup, 'select count(*)::int as leaves from audit_leaf')).toEqual([{ leaves: 2 }]);
  });

  it('a new log goes on, with a signed link to the old one, and holds what had no leaf', async () => {
    const { backup } = await restore();
    await write(backup);
    const key = await signer();
    const end = openCheckpoint(await newest(), await trusted());
    const next = `${origin}/2`;
    const { prisma } = connect(backup, null);
    const { restored, rows } = await continueLog({
      prisma,
      link: (old) => ({
        origin: next,
        note: signContinuation({ origin: next, continues: old.origin, published: end, restored: old, reason: 'the disk failed' }, key),
        checkpoint: signCheckpoint(old, key),
      }),
    });
    expect({ ...restored, rows }).toMatchObject({ origin, size: 2, rows: 1 });
    await startSealing(backup);
    await begin();
    await untilSealed(1, next);
    await write(backup);
    await untilSealed(2, next);
    expect(openCheckpoint(await newest(next), await trusted()).root).toEqual(await rootByHand(backup, 1));
    const [tree] = await sql(backup, 'select origin, continues from audit_tree where id = 1');
    expect(tree?.origin).toBe(next);
    expect(openContinuation(String(tree?.continues), await trusted())).toMatchObject({
      continues: origin,
      published: { size: 3 },
      restored: { size: 2 },
      reason: 'the disk failed',
    });
  });

  it('no new log begins where none was sealed', async () => {
    const { prisma } = connect(databaseUrl, null);
    await expect(continueLog({ prisma, link: () => ({ origin: 'x', note: 'x', checkpoint: null }) })).rejects.toThrow(NothingSealedError);
  });

  it('a server that counts its transactions anew is noticed', async () => {
    await write();
    const { prisma } = connect(databaseUrl);
    const sealer = createSealer({ prisma, origin });
    await sealer.sealNext();
    const client = new pg.Client({ connectionString: databaseUrl });
    await client.connect();
    await client.query(
      "insert into audit_tree_head select tree_id, size + 1, root, edge, '99999999999999'::xid8, now() from audit_tree_head where size = 1",
    );
    await client.query("insert into audit_tree (id, origin, continues) values (1, 'another', 'x')");
    await client.query(
      "insert into audit_tree_head select 1, size, root, edge, '99999999999999'::xid8, now() from audit_tree_head where size = 1",
    );
    await client.end();
    await expect(sealer.sealNext()).rejects.toThrow('restored from a dump?');
  });
});
