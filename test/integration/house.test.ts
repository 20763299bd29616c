import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../support/database.js';
import { testTemporal, uniqueTaskQueue } from '../support/temporal.js';

async function tablesOf({ url }: TestDatabase): Promise<string[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ name: string }>("SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'");
    return rows.map(({ name }) => name);
  } finally {
    await client.end();
  }
}

describe('the house that the tests share', () => {
  const databases: TestDatabase[] = [];
  beforeAll(async () => {
    databases.push(...(await Promise.all([createTestDatabase(), createTestDatabase(), createEmptyDatabase()])));
  });
  afterAll(() => Promise.all(databases.map((database) => database.drop())));

  it('gives each test file a migrated database of its own, or an empty one', async () => {
    const [one, other, empty] = databases;
    if (!one || !other || !empty) throw new Error('databases are missing');
    expect(one.url).not.toBe(other.url);
    expect(await tablesOf(one)).toContain('audit_event');
    expect(await tablesOf(other)).toContain('audit_event');
    expect(await tablesOf(empty)).toEqual([]);
  });

  it('has a Temporal server that takes workflows, and the workflows bundled', async () => {
    const { address, namespace, workflowBundle } = testTemporal();
    const connection = await Connection.connect({ address });
    try {
      const workflowId = uniqueTaskQueue('nobody');
      await new Client({ connection, namespace }).workflow.start('anything', { workflowId, taskQueue: workflowId });
    } finally {
      await connection.close();
    }
    expect(await readFile(workflowBundle.codePath, 'utf8')).toContain('unlockCustomer');
  });
});
