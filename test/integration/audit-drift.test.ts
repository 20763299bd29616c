import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createEmptyDatabase, createTestDatabase } from '../support/database.js';
import { withPrismaEngine } from './audit-prisma-engine.js';
import { sql } from './audit-samples.js';

let migrated: Awaited<ReturnType<typeof createTestDatabase>>;
let modelled: Awaited<ReturnType<typeof createEmptyDatabase>>;
beforeAll(async () => {
  migrated = await createTestDatabase();
  modelled = await createEmptyDatabase();
  await sql(modelled.url, await withPrismaEngine(modelled.url, (prisma) => prisma.schemaAsSql()));
});
afterAll(async () => {
  await migrated.drop();
  await modelled.drop();
});

const columnsOf = `
  SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS required
  FROM pg_attribute a WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`;

// Partial indexes, those over expressions and checks are told by the migrations alone.
const indexesOf = `
  SELECT c.relname AS name, i.indisunique AS is_unique, i.indisprimary AS is_primary, pg_get_indexdef(i.indexrelid) AS definition
  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
  WHERE i.indrelid = $1::regclass AND i.indpred IS NULL AND i.indexprs IS NULL ORDER BY c.relname`;

describe('schema.prisma', () => {
  test.each([
    ['audit_event', 31, 7],
    ['upstream_pace', 2, 1],
    ['rate_limit_count', 3, 1],
    ['desk_session', 6, 2],
    ['audit_tree', 4, 2],
    ['audit_leaf', 4, 2],
    ['audit_node', 4, 1],
    ['audit_tree_head', 6, 1],
    ['audit_checkpoint', 4, 1],
  ])(
    'has the columns and keys of the table %s that the migrations make, in order, type and nullability',
    async (table, columns, indexes) => {
      const made = await sql(migrated.url, columnsOf, [table]);
      expect(made).toHaveLength(columns);
      expect(await sql(modelled.url, columnsOf, [table])).toEqual(made);
      const keys = await sql(migrated.url, indexesOf, [table]);
      expect(keys).toHaveLength(indexes);
      expect(await sql(modelled.url, indexesOf, [table])).toEqual(keys);
    },
  );

  // Postgres does not know which of a view's columns may be null.
  test.each(['unlock_attempt', 'unlock_request'])('has the columns of the view %s', async (view) => {
    const namesAndTypes = async (url: string): Promise<unknown> =>
      (await sql(url, columnsOf, [view])).map(({ name, type }) => ({ name, type }));
    expect(await namesAndTypes(modelled.url)).toEqual(await namesAndTypes(migrated.url));
  });

  test('is told apart where one column more is in the database', async () => {
    await sql(migrated.url, 'ALTER TABLE audit_event ADD COLUMN forgotten text');
    expect(await sql(modelled.url, columnsOf, ['audit_event'])).not.toEqual(await sql(migrated.url, columnsOf, ['audit_event']));
  });
});
