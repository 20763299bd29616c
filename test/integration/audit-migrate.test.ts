import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { migrate, MigrationError } from '../../src/audit/migrate.js';
import { createEmptyDatabase } from '../support/database.js';
import { migrationsDir, withPrismaEngine } from './audit-prisma-engine.js';
import { insertOf, sample, sql } from './audit-samples.js';

let database: Awaited<ReturnType<typeof createEmptyDatabase>>;
let scratch: string;
let names: string[];
beforeEach(async () => {
  database = await createEmptyDatabase();
  scratch = await mkdtemp(join(tmpdir(), 'latchkey-migrate-'));
  names = (await readdir(migrationsDir, { withFileTypes: true }))
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
});
afterEach(async () => {
  await database.drop();
  await rm(scratch, { recursive: true });
});

const records = (): Promise<Record<string, unknown>[]> =>
  sql(
    database.url,
    'SELECT migration_name, finished_at IS NOT NULL AS finished, applied_steps_count, logs, rolled_back_at FROM _prisma_migrations ORDER BY started_at',
  );
const deploy = (): Promise<string[]> => withPrismaEngine(database.url, (prisma) => prisma.deploy());
const plainRecord = (name: string) => ({ migration_name: name, finished: true, applied_steps_count: 1, logs: null, rolled_back_at: null });

async function copyOfMigrations(change: (text: string) => string = (text) => text): Promise<string> {
  await cp(migrationsDir, scratch, { recursive: true });
  const last = join(scratch, names.at(-1) ?? '', 'migration.sql');
  await writeFile(last, change(await readFile(last, 'utf8')));
  return scratch;
}

describe('migrate', () => {
  test('applies what is missing, in order, once', async () => {
    const said: string[] = [];
    expect(await migrate({ databaseUrl: database.url, say: (line) => said.push(line) })).toEqual({ applied: names });
    expect(said).toEqual(names.map((name) => `applying migration ${name}`));
    expect(await records()).toEqual(names.map(plainRecord));
    expect(await migrate({ databaseUrl: database.url })).toEqual({ applied: [] });
  });

  test('beside three others of the same database is done once', async () => {
    const done = await Promise.all(Array.from({ length: 4 }, () => migrate({ databaseUrl: database.url })));
    expect(done.flatMap(({ applied }) => applied).sort()).toEqual(names);
    expect(await records()).toHaveLength(names.length);
  });

  test('of several databases of one cluster at once succeeds in each', async () => {
    const others = await Promise.all(Array.from({ length: 3 }, () => createEmptyDatabase()));
    try {
      const done = await Promise.all([database, ...others].map(({ url }) => migrate({ databaseUrl: url })));
      expect(done).toEqual(Array(4).fill({ applied: names }));
    } finally {
      for (const other of others) await other.drop();
    }
  });

  test('is followed by Prisma, which finds nothing left to do', async () => {
    await migrate({ databaseUrl: database.url });
    expect(await deploy()).toEqual([]);
    expect(await withPrismaEngine(database.url, (prisma) => prisma.history())).toEqual({ history: null, edited: [], failed: [] });
  });

  test('follows Prisma, finds nothing left to do, and would have written the same records', async () => {
    expect(await deploy()).toEqual(names);
    expect(await records()).toEqual(names.map(plainRecord));
    expect(await migrate({ databaseUrl: database.url })).toEqual({ applied: [] });
    const columns =
      "SELECT column_name, data_type, character_maximum_length, is_nullable, column_default FROM information_schema.columns WHERE table_name = '_prisma_migrations'";
    const byPrisma = [
      await sql(database.url, columns),
      await sql(database.url, 'SELECT migration_name, checksum FROM _prisma_migrations ORDER BY 1'),
    ];
    const other = await createEmptyDatabase();
    try {
      await migrate({ databaseUrl: other.url });
      expect([
        await sql(other.url, columns),
        await sql(other.url, 'SELECT migration_name, checksum FROM _prisma_migrations ORDER BY 1'),
      ]).toEqual(byPrisma);
    } finally {
      await other.drop();
    }
  });

  test('goes on where Prisma stopped', async () => {
    await deploy();
    await sql(
      database.url,
      'DROP VIEW unlock_attempt, unlock_request; DELETE FROM _prisma_migrations WHERE migration_name LIKE $$%_audit_views$$',
    );
    expect(await migrate({ databaseUrl: database.url })).toEqual({ applied: names.filter((name) => name.endsWith('_audit_views')) });
  });

  test('refuses a migration that was changed after it was applied', async () => {
    await migrate({ databaseUrl: database.url });
    const changed = await copyOfMigrations((text) => `${text}-- one line more\n`);
    await expect(migrate({ databaseUrl: database.url, migrationsDir: changed })).rejects.toThrow(
      /was changed after it was applied: restore its file/,
    );
  });

  test('takes a checkout with other line endings for the same', async () => {
    await migrate({ databaseUrl: database.url });
    const windows = await copyOfMigrations((text) => text.replaceAll('\n', '\r\n'));
    expect(await migrate({ databaseUrl: database.url, migrationsDir: windows })).toEqual({ applied: [] });
  });

  test('that fails leaves nothing behind, says why, and may be tried again', async () => {
    const broken = await copyOfMigrations((text) => `${text}SELECT nothing_of_the_kind();\n`);
    await expect(migrate({ databaseUrl: database.url, migrationsDir: broken })).rejects.toThrow(
      new RegExp(`${names.at(-1)} failed, and nothing of it was kept: .*nothing_of_the_kind`),
    );
    expect(await records()).toEqual(names.slice(0, -1).map(plainRecord));
    expect(await migrate({ databaseUrl: database.url })).toEqual({ applied: names.slice(-1) });
  });

  test('refuses to go on after a migration that failed under Prisma, and goes on once it is resolved', async () => {
    await deploy();
    await sql(database.url, 'DROP VIEW unlock_request; DELETE FROM _prisma_migrations WHERE migration_name LIKE $$%_audit_views$$');
    await expect(deploy()).rejects.toThrow('audit_views');
    await expect(migrate({ databaseUrl: database.url })).rejects.toThrow(/_audit_views has failed before: .*migrate resolve --rolled-back/);
    await sql(database.url, 'DROP VIEW unlock_attempt; UPDATE _prisma_migrations SET rolled_back_at = now() WHERE finished_at IS NULL');
    expect(await migrate({ databaseUrl: database.url })).toEqual({ applied: names.filter((name) => name.endsWith('_audit_views')) });
  });

  test('says what is wrong with a database that is not there, and with a folder that is not there', async () => {
    const nowhere = new URL(database.url);
    nowhere.pathname = '/no_such_database';
    await expect(migrate({ databaseUrl: nowhere.href })).rejects.toThrow(
      /cannot connect to the database: .*"no_such_database" does not exist/,
    );
    await expect(migrate({ databaseUrl: 'postgresql://postgres@localhost:1/x' })).rejects.toThrow(
      /cannot connect to the database: .*ECONNREFUSED/,
    );
    await mkdir(join(scratch, 'empty'));
    await expect(migrate({ databaseUrl: database.url, migrationsDir: join(scratch, 'missing') })).rejects.toThrow(/no migrations at/);
    await expect(migrate({ databaseUrl: database.url, migrationsDir: join(scratch, 'empty') })).rejects.toThrow(/no migrations at/);
  });
});

describe('the login that migrates', () => {
  let login: string;
  let url: string;
  async function loginWith(rights: string): Promise<void> {
    login = `latchkey_test_${randomBytes(4).toString('hex')}`;
    const password = randomBytes(12).toString('hex');
    await sql(database.url, `CREATE ROLE ${login} LOGIN PASSWORD '${password}' ${rights}`);
    const own = new URL(database.url);
    own.username = login;
    own.password = password;
    url = own.href;
  }
  const ownDatabase = (): Promise<unknown> =>
    sql(database.url, `ALTER DATABASE ${new URL(database.url).pathname.slice(1)} OWNER TO ${login}`);
  afterEach(async () => {
    await sql(database.url, `REASSIGN OWNED BY ${login} TO CURRENT_USER; DROP OWNED BY ${login}`);
    await sql(database.url, `DROP ROLE ${login}`);
  });

  // The roles may stand from other databases of the cluster: then even CREATEROLE cannot take their membership, from Postgres 16 on.
  const grantAdmin = (): Promise<unknown> =>
    sql(database.url, `GRANT latchkey_owner, latchkey_app, latchkey_auditor, latchkey_sealer TO ${login} WITH ADMIN OPTION`);
  const revokeMembership = (): Promise<unknown> =>
    sql(database.url, `REVOKE latchkey_app, latchkey_auditor, latchkey_sealer FROM ${login}`);

  test('may be a plain one with CREATEROLE that owns the database, and then serves with one URL', async () => {
    await migrateElsewhere();
    await loginWith('CREATEROLE');
    await ownDatabase();
    await grantAdmin();
    expect(await migrate({ databaseUrl: url })).toEqual({ applied: names });
    const { text, values } = insertOf(sample('audit.viewed'));
    await sql(url, text, values, '-c role=latchkey_app -c latchkey.institution_id=bank-1');
    const asAuditor = '-c role=latchkey_auditor -c latchkey.institution_id=*';
    expect(await sql(url, 'SELECT action FROM audit_event', [], asAuditor)).toEqual([{ action: 'audit.viewed' }]);
    await expect(sql(url, 'DELETE FROM audit_event')).rejects.toMatchObject({ code: 'LK000' });
    await expect(sql(url, 'DELETE FROM audit_event', [], '-c role=latchkey_app')).rejects.toMatchObject({ code: '42501' });
  });

  test('may be one that an administrator made a member of latchkey_owner, and then cannot become the app', async () => {
    await migrateElsewhere();
    await loginWith('');
    await ownDatabase();
    await sql(database.url, `GRANT latchkey_owner TO ${login}`);
    await revokeMembership();
    expect(await migrate({ databaseUrl: url })).toEqual({ applied: names });
    await expect(sql(url, 'SELECT 1', [], '-c role=latchkey_app')).rejects.toMatchObject({ code: '42501' });
  });

  test('is told what it lacks, and may try again once it has it', async () => {
    await migrateElsewhere();
    await loginWith('');
    await ownDatabase();
    const refused = migrate({ databaseUrl: url });
    await expect(refused).rejects.toThrow(MigrationError);
    await expect(refused).rejects.toThrow(`Have an administrator run: GRANT latchkey_owner TO ${login};`);
    await sql(database.url, `GRANT latchkey_owner TO ${login}`);
    expect(await migrate({ databaseUrl: url })).toEqual({ applied: names });
  });

  test('is told where it does not own the schema', async () => {
    await migrateElsewhere();
    await loginWith('');
    await sql(database.url, `GRANT latchkey_owner TO ${login}; GRANT CREATE ON SCHEMA public TO ${login}`);
    await expect(migrate({ databaseUrl: url })).rejects.toThrow(/GRANT CREATE, USAGE ON SCHEMA public TO latchkey_owner;/);
  });

  /** So that the roles stand. */
  async function migrateElsewhere(): Promise<void> {
    const other = await createEmptyDatabase();
    await migrate({ databaseUrl: other.url });
    await other.drop();
  }
});
