import pg from 'pg';
import { z } from 'zod';

/** One kind of statement, as pg_stat_statements has it. */
export interface StatementCost {
  readonly query: string;
  readonly callsPerUnlock: number;
  /** Within the server, triggers included. */
  readonly meanMs: number;
}

const statementRows = z.array(z.object({ query: z.string(), calls: z.coerce.number(), mean_exec_time: z.number() }));
const countRows = z.array(z.object({ unlocks: z.coerce.number() })).length(1);

const FIVE_ROWS = [
  'customer.unlock.requested',
  'customer.unlock.status_checked',
  'customer.unlock.attempt_started',
  'customer.unlock.attempt_finished',
  'customer.unlock.completed',
];

export interface DatabaseObserver {
  /** Begins to count anew. */
  resetStatements(): Promise<void>;
  /** What the role `latchkey_app` ran since, the most frequent first. */
  statements(unlocks: number): Promise<StatementCost[]>;
  /** Unlock requests of these customers that have their five rows, in their order, and no other row. */
  completeUnlocks(customerPrefix: string): Promise<number>;
  /** Unlock requests of these customers that have any row. */
  recordedUnlocks(customerPrefix: string): Promise<number>;
  close(): Promise<void>;
}

/** Looks at the database from beside; as the superuser, and under another role than what it watches. */
export async function observeDatabase(databaseUrl: string): Promise<DatabaseObserver> {
  const client = new pg.Client({ connectionString: databaseUrl, application_name: 'latchkey-bench' });
  await client.connect();
  await client.query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements');

  async function countUnlocks(customerPrefix: string, having: string): Promise<number> {
    const { rows } = await client.query(
      `SELECT count(*) AS unlocks FROM (
         SELECT FROM audit_event WHERE customer_id LIKE $1 || '-%' AND $2::text[] IS NOT NULL GROUP BY correlation_id ${having}) each_unlock`,
      [customerPrefix, FIVE_ROWS],
    );
    return countRows.parse(rows)[0]?.unlocks ?? 0;
  }

  return {
    async resetStatements() {
      await client.query('SELECT pg_stat_statements_reset()');
    },
    async statements(unlocks) {
      const { rows } = await client.query(`
        SELECT regexp_replace(query, '\\s+', ' ', 'g') AS query, calls, mean_exec_time FROM pg_stat_statements
        WHERE userid = 'latchkey_app'::regrole ORDER BY calls DESC`);
      return statementRows
        .parse(rows)
        .map(({ query, calls, mean_exec_time: meanMs }) => ({ query, callsPerUnlock: calls / unlocks, meanMs }));
    },
    completeUnlocks: (prefix) => countUnlocks(prefix, 'HAVING array_agg(action ORDER BY position) = $2::text[]'),
    recordedUnlocks: (prefix) => countUnlocks(prefix, ''),
    close: () => client.end(),
  };
}
