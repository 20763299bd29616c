import { randomBytes } from 'node:crypto';
import pg from 'pg';
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

/** A database of a test file's own without any migration. */
export async function createEmptyDatabase(): Promise<TestDatabase> {
  return createDatabase('template1');
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
