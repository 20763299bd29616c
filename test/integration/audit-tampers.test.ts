import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { signCheckpoint } from '../../src/proof/checkpoint.js';
import { GrowingTree, leafHash } from '../../src/proof/merkle-tree.js';
import { recordOf } from '../../src/proof/record.js';
import { readVerifier, verifierKey } from '../../src/proof/signed-note.js';
import { newSigner, openSealedLog, ORIGIN, whileTampered, type SealedLog } from '../support/sealed-log.js';

let log: SealedLog;
beforeAll(async () => {
  log = await openSealedLog();
  for (let request = 0; request < 6; request += 1) {
    await log.record();
    if (request % 2 === 1) await log.seal();
  }
}, 120_000);
afterAll(() => log.close());

const at = (index: number): string => `(SELECT event_id FROM audit_leaf WHERE index = ${index})`;
const kindsOf = async (statements: readonly string[]): Promise<string[]> =>
  whileTampered(log, statements, async () => [...new Set((await log.check()).offences.map(({ kind }) => kind))]);

/** Another value for each column, that every check of the table takes or that a superuser has dropped. */
const forgeries: Readonly<Record<string, string>> = {
  id: 'gen_random_uuid()',
  occurred_at: "occurred_at + interval '1 millisecond'",
  recorded_at: "recorded_at + interval '1 microsecond'",
  action: "'customer.unlock.joined'",
  correlation_id: 'gen_random_uuid()',
  institution_id: "'bank-2'",
  customer_id: "'another'",
  actor_type: "'service'",
  actor_id: "'agent-9'",
  actor_name: "'Somebody Else'",
  on_behalf_of: "'somebody'",
  reason: "'another reason'",
  reason_code: "'X'",
  ticket: 'NULL',
  source: `'{"component": "worker"}'`,
  workflow_id: "'unlock-x'",
  run_id: "'run-2'",
  attempt: '7',
  activity_attempt: 'activity_attempt + 1',
  execution_id: 'gen_random_uuid()',
  result: "'succeeded'",
  outcome: "'failed'",
  verification: "'still_locked'",
  http_status: '200',
  upstream_code: "'UXU_1'",
  upstream_message: "'x'",
  duration_ms: '1',
  lock_status: "'unknown'",
  metadata: `metadata || '{"a": 1}'`,
};

describe('what a superuser may change of a sealed row', () => {
  it('is every column but its place and its transaction, which are no part of the record', async () => {
    const { rows } = await log.client.query<{ name: string }>(
      "SELECT column_name AS name FROM information_schema.columns WHERE table_name = 'audit_event'",
    );
    expect(rows.map(({ name }) => name).sort()).toEqual([...Object.keys(forgeries), 'position', 'xid'].sort());
  });

  it.each(Object.entries(forgeries))('%s is found, and the row is named', async (column, value) => {
    const constraints = `DO $$ DECLARE c record; BEGIN FOR c IN SELECT conname FROM pg_constraint WHERE conrelid = 'audit_event'::regclass AND contype = 'c' LOOP
      EXECUTE format('ALTER TABLE audit_event DROP CONSTRAINT %I', c.conname); END LOOP; END $$`;
    const report = await whileTampered(log, [constraints, `UPDATE audit_event SET ${column} = ${value} WHERE id = ${at(6)}`], () =>
      log.check(),
    );
    expect(report.offences[0]).toMatchObject({ kind: column === 'id' ? 'row_deleted' : 'row_changed', origin: ORIGIN, index: 6 });
  });
});

/** Makes leaves, nodes and heads anew from the rows as they stand now, as a forger without the key would. */
async function forgeSeal(): Promise<string[]> {
  const { rows } = await log.client.query<{ index: string; record: string }>(
    "SELECT l.index, (to_jsonb(e) - 'xid' - 'position')::text AS record FROM audit_leaf l JOIN audit_event e ON e.id = l.event_id ORDER BY l.index",
  );
  const tree = new GrowingTree();
  const roots = new Map<number, string>();
  for (const { index, record } of rows) {
    const hash = leafHash(recordOf(record));
    tree.append(hash);
    roots.set(tree.size, `\\x${tree.root().toString('hex')}`);
    await log.client.query('UPDATE audit_leaf SET hash = $1 WHERE index = $2', [hash, index]);
  }
  for (const [size, root] of roots) await log.client.query('UPDATE audit_tree_head SET root = $1 WHERE size = $2', [root, size]);
  return [];
}

const swap = (column: string): string[] => [
  `CREATE TEMP TABLE two ON COMMIT DROP AS SELECT index, event_id, hash FROM audit_leaf WHERE index IN (3, 9)`,
  `ALTER TABLE audit_leaf DROP CONSTRAINT audit_leaf_event_id_key`,
  `UPDATE audit_leaf l SET ${column
    .split(',')
    .map((name) => `${name} = two.${name}`)
    .join(', ')} FROM two WHERE l.index = 12 - two.index AND l.index IN (3, 9)`,
];
const dropLast = (rows: number): string[] => [
  `DELETE FROM audit_event WHERE id IN (SELECT event_id FROM audit_leaf ORDER BY index DESC LIMIT ${rows})`,
  `DELETE FROM audit_checkpoint WHERE size > (SELECT count(*) - ${rows} FROM audit_leaf)`,
  `DELETE FROM audit_tree_head WHERE size > (SELECT count(*) - ${rows} FROM audit_leaf)`,
  `DELETE FROM audit_leaf WHERE index >= (SELECT count(*) - ${rows} FROM audit_leaf)`,
];
const insert = (columns: string, values: string): string =>
  `INSERT INTO audit_event (id, occurred_at, recorded_at, action, institution_id, ${columns}) OVERRIDING SYSTEM VALUE VALUES (gen_random_uuid(), now(), now(), 'access.denied', 'bank-1', ${values})`;

describe('ways to falsify the record', () => {
  it.each<[string, string, readonly string[]]>([
    ['a row in the middle is deleted', 'row_deleted', [`DELETE FROM audit_event WHERE id = ${at(7)}`]],
    ['the last sealed row is deleted', 'row_deleted', [`DELETE FROM audit_event WHERE id = ${at(35)}`]],
    ['the first row is deleted', 'row_deleted', [`DELETE FROM audit_event WHERE id = ${at(0)}`]],
    [
      'a row is deleted, and its leaf',
      'leaf_missing',
      [`DELETE FROM audit_event WHERE id = ${at(7)}`, 'DELETE FROM audit_leaf WHERE index = 7'],
    ],
    ['the last rows are deleted, with all that was sealed of them', 'truncated', dropLast(3)],
    ['everything is deleted', 'truncated', ['TRUNCATE audit_event, audit_tree, audit_leaf, audit_node, audit_tree_head, audit_checkpoint']],
    ['the rows are deleted, the seal stays', 'row_deleted', ['DELETE FROM audit_event']],
    ['an older backup stands in its place', 'truncated', dropLast(12)],
    ['two rows change places among the leaves', 'row_changed', swap('event_id')],
    ['two rows change places, with their hashes', 'reordered', swap('event_id,hash')],
    ['two hashes change places', 'row_changed', swap('hash')],
    ['a leaf gets another hash', 'row_changed', [`UPDATE audit_leaf SET hash = sha256('x') WHERE index = 5`]],
    ['a row is inserted with the number of an old transaction', 'row_inserted', [insert('xid, position', "'3', 1000001")]],
    [
      'a row is inserted that says it is old',
      'row_inserted',
      [insert('xid', 'pg_current_xact_id()').replace('now(), now()', "now(), now() - interval '1 day'")],
    ],
    [
      'a row is inserted, and a leaf for it',
      'seal_tables',
      [
        insert('xid', 'pg_current_xact_id()'),
        "INSERT INTO audit_leaf SELECT 0, 36, id, sha256('x') FROM audit_event ORDER BY position DESC LIMIT 1",
      ],
    ],
    ["the sealer's head gets another root", 'seal_tables', ["UPDATE audit_tree_head SET root = sha256('x') WHERE size = 24"]],
    [
      'the newest head is deleted',
      'seal_tables',
      ['DELETE FROM audit_checkpoint WHERE size = 36', 'DELETE FROM audit_tree_head WHERE size = 36'],
    ],
    [
      'a checkpoint in the database gets another text',
      'signature',
      ["UPDATE audit_checkpoint SET note = replace(note, E'\\n24\\n', E'\\n25\\n') WHERE size = 24"],
    ],
    [
      'a checkpoint in the database loses its signature',
      'signature',
      ["UPDATE audit_checkpoint SET note = split_part(note, E'\\n\\n', 1) WHERE size = 24"],
    ],
    ['the log gets another name', 'truncated', ["UPDATE audit_tree SET origin = 'another'"]],
    [
      'a log is added that continues the true one',
      'link',
      ["INSERT INTO audit_tree (id, origin, continues) VALUES (1, 'another', 'as nobody signed')"],
    ],
    [
      'a whole request is deleted',
      'row_deleted',
      [`DELETE FROM audit_event WHERE correlation_id = (SELECT correlation_id FROM audit_event WHERE id = ${at(8)})`],
    ],
    ['a number is written differently', 'row_changed', [`UPDATE audit_event SET metadata = '{"attempts": 1.0}' WHERE id = ${at(4)}`]],
    [
      'an empty value becomes none',
      'row_changed',
      [`UPDATE audit_event SET metadata = '{"flags": {"onHold": false}}' WHERE id = ${at(1)}`],
    ],
  ])('%s: %s', async (_, kind, statements) => {
    const kinds = await kindsOf(statements);
    expect(kinds).toContain(kind);
  });

  it('rows are changed, and leaves, nodes and heads made anew: the signed root gives it away, and says between which leaves', async () => {
    const report = await whileTampered(log, [`UPDATE audit_event SET reason = 'forged' WHERE id = ${at(18)}`], async () => {
      await forgeSeal();
      return log.check();
    });
    expect(report.offences[0]).toMatchObject({ kind: 'root_differs', index: 12 });
    expect(report.offences[0]?.what).toContain('among the leaves 12 to 23');
  });

  it('all that, with checkpoints signed by a key of the forger’s', async () => {
    const forger = newSigner();
    const report = await whileTampered(log, [`UPDATE audit_event SET reason = 'forged' WHERE id = ${at(18)}`], async () => {
      await forgeSeal();
      const { rows } = await log.client.query<{ size: string; root: Buffer }>('SELECT size, root FROM audit_tree_head WHERE size > 12');
      for (const { size, root } of rows) {
        await log.client.query('UPDATE audit_checkpoint SET note = $1 WHERE size = $2', [
          signCheckpoint({ origin: ORIGIN, size: Number(size), root }, forger),
          size,
        ]);
      }
      return log.check();
    });
    expect(report.offences.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['signature', 'root_differs']));
  });

  it('with the true key, stolen: what was published before contradicts it', async () => {
    const report = await whileTampered(log, [`UPDATE audit_event SET reason = 'forged' WHERE id = ${at(18)}`], async () => {
      await forgeSeal();
      const { rows } = await log.client.query<{ size: string; root: Buffer }>('SELECT size, root FROM audit_tree_head WHERE size > 12');
      for (const { size, root } of rows) {
        await log.client.query('UPDATE audit_checkpoint SET note = $1 WHERE size = $2', [
          signCheckpoint({ origin: ORIGIN, size: Number(size), root }, log.signer),
          size,
        ]);
      }
      return log.check();
    });
    expect(report.offences.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['forked', 'root_differs']));
  });

  it('a key that was replaced signs on', async () => {
    const [current, former] = [newSigner(), log.signer];
    const last = log.published.at(-1) ?? { where: '', note: '' };
    const [, size, root = ''] = last.note.split('\n');
    const head = { origin: ORIGIN, size: Number(size), root: Buffer.from(root, 'base64') };
    const first = log.published[0] ?? last;
    const [, firstSize, firstRoot = ''] = first.note.split('\n');
    const byCurrent = signCheckpoint({ origin: ORIGIN, size: Number(firstSize), root: Buffer.from(firstRoot, 'base64') }, current);
    const trusted = [current, former].map((signer) => readVerifier(verifierKey(signer)));
    const { offences } = await log.check({
      trusted,
      published: [
        { where: 'early', note: byCurrent },
        { where: 'late', note: signCheckpoint(head, former) },
      ],
    });
    expect(offences.map(({ kind }) => kind)).toContain('retired_key');
  });

  it('a row is inserted now that says it was recorded yesterday, and the sealer seals it', async () => {
    await log.client.query('ALTER TABLE audit_event DISABLE TRIGGER ALL');
    const event = insert('xid', 'pg_current_xact_id()').replace('now(), now()', "now(), now() - interval '1 day'");
    await log.client.query(event);
    await log.client.query('ALTER TABLE audit_event ENABLE ALWAYS TRIGGER ALL').catch(() => undefined);
    await log.seal();
    const { offences } = await log.check();
    expect(offences.map(({ kind }) => kind)).toEqual(['back_dated']);
  });
});
