import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { migrate } from '../../src/audit/migrate.js';
import { startEmbeddedPostgres } from '../../src/local/postgres.js';
import { makeTemporaryDataDir } from '../../src/local/temporary-data-dir.js';
import { fromHouse } from './house-variables.js';

export interface TestDatabase {
  /** As the cluster's superuser. */
  readonly url: string;
  /** Also where connections to it are still open. */
  drop(): Promise<void>;
}

/** A migrated database of a test file's own, cloned from the house's template. */
export async function createTestDatabase(): Promise<TestDatabase> {
  return createDatabase(databaseNameOf(fromHouse('templateDatabaseUrl')));
}

/** What a restored backup is: a database as another one is now. Nobody may be connected to that one. */
export async function copyDatabase({ url }: TestDatabase): Promise<TestDatabase> {
  return createDatabase(databaseNameOf(url));
}

/** A database of a test file's own without any migration. */
export async function createEmptyDatabase(): Promise<TestDatabase> {
  return createDatabase('template1');
}

/**
 * A migrated database on a server of its own: for what looks at the transactions of the whole server, which other test files have too.
 */
export async function createLoneDatabase(): Promise<TestDatabase> {
  const say = (): void => undefined;
  const directory = await makeTemporaryDataDir({ prefix: 'latchkey-test-lone-', name: 'Tests', say });
  const settings = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' };
  const postgres = await startEmbeddedPostgres({ dataDir: join(directory, 'postgres'), port: null, settings, say });
  await migrate({ databaseUrl: postgres.url });
  return {
    url: postgres.url,
    async drop() {
      await postgres.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function createDatabase(template: string): Promise<TestDatabase> {
  const name = `test_${randomBytes(8).toString('hex')}`;
  await administer(`CREATE DATABASE ${name} TEMPLATE ${template}`);
  const url = new URL(fromHouse('templateDatabaseUrl'));
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => administer(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) };
}

async function administer(statement: string): Promise<void> {
  const url = new URL(fromHouse('templateDatabaseUrl'));
  // The template may have no connection while it is cloned.
  url.pathname = '/postgres';
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

function databaseNameOf(url: string): string {
  return new URL(url).pathname.slice(1);
}
