import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { verifyExitCodes } from '../../src/cli/exit-codes.js';
import { connectAudit } from '../../src/audit/connection.js';
import { continueLog } from '../../src/audit/continue-log.js';
import { verifyInTransaction } from '../../src/audit/verify.js';
import { openCheckpoint, signCheckpoint } from '../../src/proof/checkpoint.js';
import { signContinuation } from '../../src/proof/continuation.js';
import { readVerifier, verifierKey } from '../../src/proof/signed-note.js';
import { createDirectoryPublication } from '../../src/publication/directory.js';
import { buildProduct, startLatchkeyProcess } from '../support/latchkey-process.js';
import { openSealedLog, ORIGIN, whileTampered, type SealedLog } from '../support/sealed-log.js';

let log: SealedLog;
let directory: string;
beforeAll(async () => {
  buildProduct();
  directory = await mkdtemp(join(tmpdir(), 'latchkey-test-verify-'));
  log = await openSealedLog();
  for (let request = 0; request < 4; request += 1) {
    await log.record();
    await log.seal();
  }
  const publication = createDirectoryPublication(join(directory, 'published'));
  for (const { note } of log.published) await publication.publish({ origin: ORIGIN, size: Number(note.split('\n')[1]), note });
}, 240_000);
afterAll(async () => {
  await log.close();
  await rm(directory, { recursive: true, force: true });
});

const trusted = () => [readVerifier(verifierKey(log.signer))];

it('a server whose clock shows another zone seals and verifies the same', async () => {
  const log = await openSealedLog();
  try {
    await log.client.query(`ALTER ROLE ALL SET timezone = 'Asia/Kathmandu'`);
    await log.record();
    await log.seal();
    expect(await log.check()).toMatchObject({ offences: [], vouchedFor: true });
  } finally {
    await log.close();
  }
}, 60_000);

describe('an untouched log', () => {
  it('is intact, up to the newest checkpoint that stands outside the database', async () => {
    const report = await log.check();
    expect(report).toMatchObject({ offences: [], moreOffences: 0, unchecked: [], vouchedFor: true, unsealed: { rows: 0, oldest: null } });
    expect(report.logs).toEqual([{ origin: ORIGIN, leaves: 24, root: expect.any(String), publishedMatched: 4, publishedUpTo: 24 }]);
  });

  it('is read in pages of any size with the same result', async () => {
    const whole = await log.check();
    for (const pageSize of [1, 5, 23, 24, 25]) expect(await log.check({ pageSize })).toEqual(whole);
  });

  it('tells how far it has come', async () => {
    const told: string[] = [];
    await log.check({ pageSize: 10, onProgress: (read, of) => told.push(`${read}/${of}`) });
    expect(told).toEqual(['10/24', '20/24', '24/24']);
  });

  it('without checkpoints from outside is not vouched for, and that is said', async () => {
    const report = await log.check({ published: [] });
    expect(report).toMatchObject({ offences: [], vouchedFor: false });
    expect(report.unchecked[0]).toContain('no checkpoint from outside the database vouches for');
  });

  it('that has grown since the newest checkpoint says by how much', async () => {
    const report = await log.check({ published: log.published.slice(0, 2) });
    expect(report).toMatchObject({
      offences: [],
      vouchedFor: true,
      unchecked: ['12 leaves of latchkey.test/audit are newer than the newest checkpoint given'],
    });
  });

  it('with notes that nobody who is trusted has signed says that it passed them over', async () => {
    const { offences, unchecked } = await log.check({
      published: [...log.published, { where: 'a', note: 'x\n\n— y z\n'.replace('z', 'AAAA') }],
    });
    expect(offences).toEqual([]);
    expect(unchecked).toEqual(['a: nobody who is trusted has signed this note']);
  });

  it('is verified from a trusted checkpoint on, and says what it did not read', async () => {
    const since = openCheckpoint(log.published[1]?.note ?? '', trusted());
    const told: number[] = [];
    const report = await log.check({ since, onProgress: (read) => told.push(read) });
    expect(report).toMatchObject({ offences: [], vouchedFor: true, unchecked: [expect.stringContaining('the first 12 leaves')] });
    expect(told).toEqual([12]);
  });

  it('is not verified from a checkpoint that is of another log, or that the database does not know', async () => {
    const since = openCheckpoint(log.published[1]?.note ?? '', trusted());
    await expect(log.check({ since: { ...since, origin: 'another' } })).rejects.toThrow('which this database does not have');
    await expect(log.check({ since: { ...since, size: 13 } })).rejects.toThrow('does not know the state');
    await expect(log.check({ since: { ...since, root: Buffer.alloc(32) } })).rejects.toThrow('not what was signed');
  });

  it('is not verified by who does not see all rows', async () => {
    const client = new pg.Client({ connectionString: log.url, options: '-c role=latchkey_app' });
    await client.connect();
    await expect(verifyInTransaction({ client, trusted: trusted(), published: [] })).rejects.toMatchObject({ code: 'LK005' });
    await client.end();
  });

  it('is verified by an auditor while others write, with a look at one moment', async () => {
    const client = new pg.Client({ connectionString: log.url, options: '-c role=latchkey_auditor' });
    await client.connect();
    const writing = log.record();
    const report = await verifyInTransaction({ client, trusted: trusted(), published: log.published });
    await writing;
    expect(report.offences).toEqual([]);
    await client.end();
    await log.seal();
  });
});

describe('what cannot be found, and why', () => {
  it.each([
    [
      'the number of a row’s place: it is no part of the record',
      'UPDATE audit_event SET position = position + 1000000 OVERRIDING SYSTEM VALUE WHERE xid = (SELECT max(xid) FROM audit_event)',
    ],
    [
      'the number of a row’s transaction: neither is it',
      'UPDATE audit_event SET xid = (xid::text::bigint + 1)::text::xid8 WHERE xid = (SELECT max(xid) FROM audit_event)',
    ],
  ])('%s', async (_, statement) => {
    const forged = statement.replace(' OVERRIDING SYSTEM VALUE', '');
    const report = await whileTampered(log, ['ALTER TABLE audit_event ALTER position DROP IDENTITY', forged], () => log.check());
    expect(report.offences).toEqual([]);
  });

  it('a row that is changed before the sealer meets it, within its interval', async () => {
    const report = await whileTampered(
      log,
      [
        "INSERT INTO audit_event (id, occurred_at, action, institution_id, xid) VALUES (gen_random_uuid(), now(), 'access.denied', 'bank-1', pg_current_xact_id())",
        "UPDATE audit_event SET reason = 'forged' WHERE position = (SELECT max(position) FROM audit_event)",
      ],
      () => log.check(),
    );
    expect(report).toMatchObject({ offences: [], unsealed: { rows: 1 } });
  });
});

describe('a log that continues another one after a restore', () => {
  it('is intact, and what was lost is told as whoever restored it signed it', async () => {
    const restored = await openSealedLog();
    try {
      for (let request = 0; request < 2; request += 1) {
        await restored.record();
        await restored.seal();
      }
      const lost = {
        ...openCheckpoint(restored.published[1]?.note ?? '', [readVerifier(verifierKey(restored.signer))]),
        size: 17,
        root: Buffer.alloc(32, 1),
      };
      const { prisma, close } = connectAudit({ databaseUrl: restored.url, role: null });
      await restored.record();
      const next = `${ORIGIN}/2`;
      await continueLog({
        prisma,
        link: (old) => ({
          origin: next,
          checkpoint: null,
          note: signContinuation(
            { origin: next, continues: old.origin, published: lost, restored: old, reason: 'a disk' },
            restored.signer,
          ),
        }),
      });
      await restored.seal();
      await restored.record();
      await restored.seal();
      const report = await restored.check();
      expect(report).toMatchObject({ offences: [], vouchedFor: true });
      expect(report.logs.map(({ origin, leaves }) => [origin, leaves])).toEqual([
        [ORIGIN, 12],
        [next, 12],
      ]);
      expect(report.remarks).toEqual([
        `5 rows of ${ORIGIN} were lost in a restore, leaves 12 to 16, as its successor says and signs: a disk`,
      ]);
      const forged = await whileTampered(
        restored,
        [
          'DELETE FROM audit_leaf WHERE tree_id = 0 AND index = 11',
          'DELETE FROM audit_checkpoint WHERE tree_id = 0 AND size = 12',
          'DELETE FROM audit_tree_head WHERE tree_id = 0 AND size = 12',
        ],
        () => restored.check(),
      );
      expect(forged.offences.map(({ kind }) => kind)).toContain('link');
      await close();
    } finally {
      await restored.close();
    }
  }, 120_000);

  it('gives the end of the old one a checkpoint, without which its last rows could never be proved', async () => {
    const restored = await openSealedLog();
    const { prisma, close } = connectAudit({ databaseUrl: restored.url, role: null });
    try {
      await restored.record();
      await restored.seal();
      await restored.record();
      // Sealed, and the backup was taken before the sealer signed it.
      while ((await restored.sealer.sealNext())?.more !== false);
      const next = `${ORIGIN}/2`;
      const link = { origin: next, continues: ORIGIN, published: null, reason: 'a disk' };
      await continueLog({
        prisma,
        link: (old) => ({
          origin: next,
          checkpoint: signCheckpoint(old, restored.signer),
          note: signContinuation({ ...link, restored: old }, restored.signer),
        }),
      });
      const { rows } = await restored.client.query('SELECT size::int FROM audit_checkpoint WHERE tree_id = 0 ORDER BY size');
      expect(rows).toEqual([{ size: 6 }, { size: 12 }]);
      expect(await restored.check()).toMatchObject({ offences: [] });
    } finally {
      await close();
      await restored.close();
    }
  }, 120_000);
});

describe('latchkey audit verify', () => {
  const run = async (args: readonly string[], change: Readonly<Record<string, string>> = {}) => {
    const started = startLatchkeyProcess(['audit', 'verify', ...args], {
      DATABASE_URL: log.url,
      AUDIT_VERIFIERS: verifierKey(log.signer),
      AUDIT_PUBLISH_DIR: join(directory, 'published'),
      ...change,
    });
    const code = await new Promise<number | null>((resolve) => started.child.once('close', resolve));
    return { code, output: started.output() };
  };

  it('says that the log is intact, and ends with 0', async () => {
    const { code, output } = await run([]);
    expect([code, output]).toEqual([verifyExitCodes.intact, expect.stringMatching(/^INTACT: \d+ sealed rows/)]);
  });

  it('names what was falsified, and ends with 3; as JSON where it is asked to', async () => {
    const forged = await openForged();
    const words = await run([], { DATABASE_URL: forged.url });
    expect([words.code, words.output]).toEqual([
      verifyExitCodes.falsified,
      expect.stringMatching(/^FALSIFIED: [^]*row_changed: the row of leaf 2 /),
    ]);
    const { code, output } = await run(['--json'], { DATABASE_URL: forged.url });
    expect(code).toBe(3);
    expect(JSON.parse(output)).toMatchObject({ offences: [{ kind: 'row_changed', index: 2 }, { kind: 'root_differs' }] });
  });

  it('without checkpoints ends with 4, and says what is missing', async () => {
    const { code, output } = await run([], { AUDIT_PUBLISH_DIR: join(directory, 'nothing') });
    expect([code, output]).toEqual([verifyExitCodes.notVouchedFor, expect.stringMatching(/^NOT VOUCHED FOR[^]*cannot be read/)]);
  });

  it('takes files, keys and a trusted checkpoint from the command line', async () => {
    const file = join(directory, 'since.checkpoint');
    await writeFile(file, log.published[1]?.note ?? '');
    const newest = join(directory, 'published', encodeURIComponent(ORIGIN), 'newest.checkpoint');
    const { code, output } = await run(['--checkpoints', newest, '--key', verifierKey(log.signer), '--since', file], {
      AUDIT_VERIFIERS: '',
      AUDIT_PUBLISH_DIR: '',
    });
    expect([code, output]).toEqual([0, expect.stringContaining('not checked: the first 12 leaves')]);
  });

  it.each<[string, readonly string[], Readonly<Record<string, string>>, RegExp]>([
    ['the database is away', [], { DATABASE_URL: 'postgresql://postgres@127.0.0.1:9/x' }, /ECONNREFUSED/],
    ['a named file is not there', ['--checkpoints', '/nowhere'], {}, /ENOENT/],
    ['a key is none', ['--key', 'x'], {}, /name\+id\+base64/],
    ['the checkpoint to begin at is somebody else’s', ['--since', 'FOREIGN'], {}, /nobody who is trusted/],
  ])('where %s, says so and ends with 1', async (_, args, change, why) => {
    const foreign = join(directory, 'foreign');
    await writeFile(foreign, 'x\n1\n\n— y AAAA\n');
    const { code, output } = await run(
      args.map((arg) => arg.replace('FOREIGN', foreign)),
      change,
    );
    expect([code, output]).toEqual([1, expect.stringMatching(why)]);
  });

  /** A copy of the log, one row of it changed by a superuser for good. */
  async function openForged(): Promise<{ url: string }> {
    const name = `forged_${randomUUID().replaceAll('-', '')}`;
    const url = new URL(log.url);
    const admin = new pg.Client({ connectionString: new URL('/postgres', log.url).href });
    await admin.connect();
    await admin.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${url.pathname.slice(1)}' AND pid <> ${String(await pidOf(log.client))}`,
    );
    await log.client.end();
    await admin.query(`CREATE DATABASE ${name} TEMPLATE ${url.pathname.slice(1)}`);
    await admin.end();
    url.pathname = `/${name}`;
    const client = new pg.Client({ connectionString: url.href });
    await client.connect();
    await client.query('ALTER TABLE audit_event DISABLE TRIGGER ALL');
    await client.query("UPDATE audit_event SET reason = 'forged' WHERE id = (SELECT event_id FROM audit_leaf WHERE index = 2)");
    await client.end();
    return { url: url.href };
  }
});

async function pidOf(client: pg.Client): Promise<number> {
  return (await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows[0]?.pid ?? 0;
}
