import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { type AuditConnection, connectAudit } from '../../src/audit/connection.js';
import { createSealer, type Sealer } from '../../src/audit/seal.js';
import { leafHash, rootOf } from '../../src/proof/merkle-tree.js';
import { recordOf } from '../../src/proof/record.js';
import { createLoneDatabase } from '../support/database.js';
import { insertOf, sample, sql } from './audit-samples.js';

let database: Awaited<ReturnType<typeof createLoneDatabase>>;
let connection: AuditConnection;
let sealer: Sealer;
beforeAll(async () => {
  database = await createLoneDatabase();
  connection = connectAudit({ databaseUrl: database.url, role: 'latchkey_sealer' });
  sealer = createSealer({ prisma: connection.prisma, origin: 'latchkey.test/audit', batch: 50 });
}, 120_000);
afterAll(async () => {
  await connection.close();
  await database.drop();
});

async function write(client?: pg.ClientBase): Promise<string> {
  const event = sample('customer.unlock.status_checked', { correlationId: randomUUID(), metadata: { é: [1.5, null], 'a"b': '\u20ac' } });
  const { text, values } = insertOf(event);
  if (client === undefined) await sql(database.url, text, values);
  else await client.query(text, [...values]);
  return event.id;
}
const sealedIds = async (): Promise<unknown[]> =>
  (await sql(database.url, 'select event_id from audit_leaf order by tree_id, index')).map(({ event_id: id }) => id);
async function sealAll(): Promise<number> {
  let sealed = 0;
  for (;;) {
    const step = await sealer.sealNext();
    if (step === null) continue;
    sealed += step.sealed;
    if (!step.more) return sealed;
  }
}
beforeEach(sealAll);

describe('the sealer', () => {
  it('makes each committed row a leaf, once, in the order in which their transactions began', async () => {
    const before = await sealedIds();
    const ids = [await write(), await write(), await write()];
    expect(await sealAll()).toBe(3);
    expect(await sealAll()).toBe(0);
    expect((await sealedIds()).slice(before.length)).toEqual(ids);
  });

  it('keeps a root that anybody can compute from the rows', async () => {
    await write();
    await sealAll();
    const records = await sql(
      database.url,
      `select (to_jsonb(e) - 'xid' - 'position')::text as record from audit_event e join audit_leaf l on l.event_id = e.id order by l.index`,
    );
    const root = rootOf(records.map(({ record }) => leafHash(recordOf(String(record)))));
    expect((await sealer.unsignedHead())?.root).toEqual(root);
  });

  it('waits for a transaction that began earlier, so that nothing ever comes in before a leaf', async () => {
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    await client.query('BEGIN');
    const early = await write(client);
    const late = await write();
    const step = await sealer.sealNext();
    expect(step).toMatchObject({ sealed: 0, more: false });
    expect(step?.lagMs).toBeGreaterThan(0);
    await client.query('COMMIT');
    await client.end();
    expect(await sealAll()).toBe(2);
    expect((await sealedIds()).slice(-2)).toEqual([early, late]);
  });

  it('leaves out what was rolled back, and no more', async () => {
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    await client.query('BEGIN');
    const gone = await write(client);
    await client.query('ROLLBACK');
    await client.end();
    const kept = await write();
    expect(await sealAll()).toBe(1);
    const ids = await sealedIds();
    expect(ids.at(-1)).toBe(kept);
    expect(ids).not.toContain(gone);
  });

  it('goes in steps', async () => {
    for (let index = 0; index < 120; index += 1) await write();
    expect(await sealer.sealNext()).toMatchObject({ sealed: 50, more: true });
    expect(await sealer.sealNext()).toMatchObject({ sealed: 50, more: true });
    expect(await sealer.sealNext()).toMatchObject({ sealed: 20, more: false });
  });

  it('takes a transaction of more rows than a step has, in the order in which they were written', async () => {
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    await client.query('BEGIN');
    const ids: string[] = [];
    for (let index = 0; index < 120; index += 1) ids.push(await write(client));
    await client.query('COMMIT');
    await client.end();
    const after = await write();
    expect(await sealer.sealNext()).toMatchObject({ sealed: 50, more: true });
    expect(await sealAll()).toBe(71);
    expect((await sealedIds()).slice(-121)).toEqual([...ids, after]);
  });

  it('keeps the root of every 256 leaves', async () => {
    for (let index = 0; index < 260; index += 1) await write();
    await sealAll();
    const leaves = (await sql(database.url, 'select hash from audit_leaf order by index')).map(({ hash }) => hash as Buffer);
    const nodes = await sql(database.url, 'select height, index::int, hash from audit_node order by index');
    expect(nodes.length).toBe(Math.floor(leaves.length / 256));
    for (const { height, index, hash } of nodes) {
      expect(height).toBe(8);
      expect(hash).toEqual(rootOf(leaves.slice(256 * Number(index), 256 * (Number(index) + 1))));
    }
  });

  it('is one alone, however many there are, and leaves no row out while others write', async () => {
    let writing = true;
    const written: string[] = [];
    const writers = Array.from({ length: 4 }, async () => {
      while (writing) written.push(await write());
    });
    const sealers = Array.from({ length: 4 }, async () => {
      while (writing) await sealer.sealNext();
    });
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    writing = false;
    await Promise.all([...writers, ...sealers]);
    await sealAll();
    const ids = await sealedIds();
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toEqual(expect.arrayContaining(written));
    const rows = await sql(
      database.url,
      'select count(*)::int as open from audit_event e where not exists (select from audit_leaf l where l.event_id = e.id)',
    );
    expect(rows).toEqual([{ open: 0 }]);
  });

  it('hands out the newest head until something was signed of it', async () => {
    await write();
    await sealAll();
    const head = await sealer.unsignedHead();
    if (head === null) throw new Error('there is a head');
    await sealer.keepCheckpoint(head, 'a note');
    await sealer.keepCheckpoint(head, 'another note');
    expect(await sealer.unsignedHead()).toBeNull();
    const rows = await sql(database.url, 'select note from audit_checkpoint where size = $1', [head.size]);
    expect(rows).toEqual([{ note: 'a note' }]);
  });

  it.each(['audit_tree', 'audit_leaf', 'audit_tree_head', 'audit_checkpoint'])(
    '%s refuses every change, and everybody else as a writer',
    async (table) => {
      for (const change of [
        `delete from ${table}`,
        `truncate ${table} cascade`,
        `update ${table} set tree_id = 1`.replace('audit_tree set tree_id', 'audit_tree set id'),
      ]) {
        await expect(sql(database.url, change)).rejects.toMatchObject({ code: 'LK000' });
      }
      for (const role of ['latchkey_app', 'latchkey_auditor']) {
        await expect(sql(database.url, `insert into ${table} default values`, [], `-c role=${role}`)).rejects.toMatchObject({
          code: '42501',
        });
      }
    },
  );
});
