import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { connectAudit, type AuditConnection } from '../../src/audit/connection.js';
import { createAuditReview } from '../../src/audit/review.js';
import type { InstitutionReview } from '../../src/audit/audit-review.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { sql } from './audit-samples.js';

/** One a minute. */
const REQUESTS = 6_000;
const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

let database: TestDatabase;
let connection: AuditConnection;
let review: InstitutionReview;
beforeAll(async () => {
  database = await createTestDatabase();
  await sql(
    database.url,
    `INSERT INTO audit_event (id, occurred_at, action, correlation_id, institution_id, customer_id, actor_type, actor_id,
       attempt, execution_id, result, outcome, metadata)
     SELECT gen_random_uuid(), now() - make_interval(mins => ${REQUESTS} - request, secs => 1), 'customer.unlock.' || step.action,
       md5(request::text)::uuid, 'bank', 'customer', step.actor_type, step.actor_id, step.attempt,
       CASE step.action WHEN 'attempt_started' THEN gen_random_uuid() END, CASE WHEN request % 100 = 0 THEN replace(step.result, 'succeeded', 'retryable') ELSE step.result END,
       step.outcome, CASE step.action WHEN 'completed' THEN '{"attempts": 1}' ELSE '{}' END::jsonb
     FROM generate_series(1, ${REQUESTS}) request CROSS JOIN (VALUES
       (1, 'requested', 'user', 'agent-1', NULL, NULL, NULL),
       (2, 'attempt_started', NULL, NULL, 1, NULL, NULL),
       (3, 'attempt_finished', NULL, NULL, 1, 'succeeded', NULL),
       (4, 'completed', NULL, NULL, NULL, NULL, 'unlocked')
     ) step (number, action, actor_type, actor_id, attempt, result, outcome)
     WHERE step.number < 4 OR request % 100 <> 0
     ORDER BY request, step.number`,
    [],
    '-c synchronous_commit=on',
  );
  await sql(database.url, 'VACUUM (ANALYZE) audit_event');
  connection = connectAudit({ databaseUrl: database.url, role: 'latchkey_auditor', institutionId: 'bank', plansAnew: true });
  review = createAuditReview({ prisma: connection.prisma, institutionId: 'bank', atOnce: 2 });
}, 120_000);
afterAll(async () => {
  await connection.close();
  await database.drop();
});

describe('a look at the health of the house', () => {
  it('counts what lies within its times, as the rows do', async () => {
    const { running, lately } = await review.health({ runningWithinMs: DAY_MS, recentMs: HOUR_MS, limit: 20_000 });
    const [rows] = await sql(
      database.url,
      `SELECT
         (SELECT count(*)::integer FROM audit_event e WHERE e.action = 'customer.unlock.requested' AND e.occurred_at > now() - interval '1 day'
           AND NOT EXISTS (SELECT FROM audit_event c WHERE c.correlation_id = e.correlation_id AND c.action = 'customer.unlock.completed')) AS open,
         (SELECT count(*)::integer FROM audit_event WHERE outcome = 'unlocked' AND occurred_at > now() - interval '1 hour') AS unlocked,
         (SELECT count(*)::integer FROM audit_event WHERE result = 'retryable' AND occurred_at > now() - interval '1 hour') AS retryable`,
    );
    expect(rows?.open).toBeGreaterThan(10);
    expect(running).toMatchObject({ count: rows?.open, waitingForRetry: rows?.open, waitingForApproval: 0, paused: 0, complete: true });
    expect([lately.outcomes.get('unlocked'), lately.attempts.get('retryable')]).toEqual([rows?.unlocked, rows?.retryable]);
  });

  it('says so where there is more than it may look at', async () => {
    const { running, lately } = await review.health({ runningWithinMs: DAY_MS, recentMs: HOUR_MS, limit: 100 });
    expect([running.complete, lately.complete]).toEqual([false, false]);
    expect(running.count).toBe(1);
  });

  it.each([
    ['requests under way', 'asked AS MATERIALIZED', /Scan (Backward )?using audit_event_requests /],
    ['the last hour', 'lately AS MATERIALIZED', /Scan (Backward )?using audit_event_by_time /],
    ['the seal', '"checkpointAt"', /Scan Backward using audit_event_by_time /],
  ])('reads indexes and never the whole table: %s', async (_what, part, index) => {
    await review.health({ runningWithinMs: DAY_MS, recentMs: HOUR_MS, limit: 20_000 });
    const plan = await planOf(part);
    expect(plan).toMatch(index);
    expect(plan).not.toMatch(/Seq Scan on audit_event|Hash Join|Merge/);
  });
});

/** The plan of what was sent, so that it is this very statement. */
async function planOf(part: string): Promise<string> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  try {
    const sent = await client.query<{ query: string }>(
      "SELECT query FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%' || $1 || '%' AND pid <> pg_backend_pid()",
      [part],
    );
    const values: Readonly<Record<string, string>> = {
      asked: `'bank', 86400, 20000, 'bank'`,
      lately: `'bank', 3600, 20000`,
      '"checkpointAt"': `'bank'`,
    };
    await client.query("SET ROLE latchkey_auditor; SET latchkey.institution_id = 'bank'; SET plan_cache_mode = force_custom_plan");
    await client.query(`PREPARE look AS ${sent.rows[0]?.query ?? ''}`);
    const plan = await client.query<{ 'QUERY PLAN': string }>(`EXPLAIN EXECUTE look (${values[part.split(' ')[0] ?? ''] ?? ''})`);
    return plan.rows.map((row) => row['QUERY PLAN']).join('\n');
  } finally {
    await client.end();
  }
}
