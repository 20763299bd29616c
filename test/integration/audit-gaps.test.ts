import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { connectAudit, type AuditConnection } from '../../src/audit/connection.js';
import { createAuditLog, type InstitutionLog } from '../../src/audit/index.js';
import type { AuditAction, NewAuditEvent } from '../../src/domain/audit-event.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { sql } from './audit-samples.js';

const REQUESTS = 6_000;
/** Every thousandth request has no end. */
const OPEN = REQUESTS / 1_000;

let database: TestDatabase;
let connection: AuditConnection;
let audit: InstitutionLog;
beforeAll(async () => {
  database = await createTestDatabase();
  await sql(
    database.url,
    `INSERT INTO audit_event (id, occurred_at, action, correlation_id, institution_id, customer_id, actor_type, actor_id,
       attempt, execution_id, result, outcome, metadata)
     SELECT gen_random_uuid(), now(), 'customer.unlock.' || step.action, md5(request::text)::uuid, 'bank', 'customer', step.actor_type,
       step.actor_id, step.attempt, CASE step.action WHEN 'attempt_started' THEN gen_random_uuid() END, step.result, step.outcome,
       CASE step.action WHEN 'completed' THEN '{"attempts": 1}' ELSE '{}' END::jsonb
     FROM generate_series(1, ${REQUESTS}) request CROSS JOIN (VALUES
       (1, 'requested', 'user', 'agent-1', NULL, NULL, NULL),
       (2, 'attempt_started', NULL, NULL, 1, NULL, NULL),
       (3, 'attempt_finished', NULL, NULL, 1, 'succeeded', NULL),
       (4, 'completed', NULL, NULL, NULL, NULL, 'unlocked')
     ) step (number, action, actor_type, actor_id, attempt, result, outcome)
     WHERE step.number < 3 OR request % 1000 <> 0
     ORDER BY request, step.number`,
    [],
    // Rows whose commit has not reached the disk are not marked as visible to all, and an index alone would not do.
    '-c synchronous_commit=on',
  );
  await sql(database.url, 'VACUUM (ANALYZE) audit_event');
  connection = connectAudit({ databaseUrl: database.url, role: 'latchkey_app', institutionId: 'bank' });
  audit = createAuditLog(connection);
}, 120_000);
afterAll(async () => {
  await connection.close();
  await database.drop();
});

const correlationIdOf = async (request: number): Promise<unknown> => {
  const [row] = await sql(database.url, 'SELECT md5($1::text)::uuid::text AS id', [String(request)]);
  return row?.id;
};

describe('the search for requests without an end', () => {
  it('finds each of them once, in slices that go on where the last one stopped', async () => {
    const found: string[] = [];
    let slices = 0;
    let place = { scannedTo: 0n, more: true };
    while (place.more) {
      const slice = await audit.openRequests({ after: place.scannedTo, olderThanMs: 0, limit: 500 });
      found.push(...slice.correlationIds);
      expect(slice.scannedTo).toBeGreaterThanOrEqual(place.scannedTo);
      place = slice;
      slices += 1;
    }
    expect(slices).toBe((2 * REQUESTS) / 500 + 1);
    expect(found).toHaveLength(OPEN);
    expect(found).toContain(await correlationIdOf(1_000));
  });

  it('does not look at what is young', async () => {
    expect(await audit.openRequests({ after: 0n, olderThanMs: 3_600_000, limit: 500 })).toEqual({
      correlationIds: [],
      scannedTo: 0n,
      newest: expect.any(BigInt),
      more: false,
    });
  });

  it.each(['force_custom_plan', 'force_generic_plan'])('reads two indexes and never the whole table (%s)', async (mode) => {
    const plan = await planOfLastSearch(mode);
    expect(plan).toContain('Index Only Scan using audit_event_openings');
    expect(plan).toMatch(/Index (Only )?Scan using audit_event_one_completed/);
    expect(plan).not.toMatch(/Seq Scan|Hash|Merge/);
  });
});

describe('what is running', () => {
  it('is what has begun and not ended, of those that are asked about', async () => {
    const ids = await Promise.all([1, 2, 1_000, 2_000].map(correlationIdOf));
    const { count, oldestMs, overdueMs } = await audit.runningAmong(ids.map(String));
    expect({ count, overdueMs }).toEqual({ count: 2, overdueMs: 0 });
    expect(oldestMs).toBeGreaterThan(0);
    expect(await audit.runningAmong([])).toEqual({ count: 0, oldestMs: 0, overdueMs: 0 });
    expect(await audit.runningAmong([String(ids[0])])).toEqual({ count: 0, oldestMs: 0, overdueMs: 0 });
  });

  it('tells how long the first deadline has passed', async () => {
    const late = await begun(new Date(Date.now() - 600_000));
    const inTime = await begun(new Date(Date.now() + 600_000));
    const { count, overdueMs } = await audit.runningAmong([late, inTime]);
    expect(count).toBe(2);
    expect(overdueMs).toBeGreaterThanOrEqual(600_000 - CLOCKS_MAY_DIFFER_MS);
    expect((await audit.runningAmong([inTime])).overdueMs).toBe(0);
  });

  it('is not late while a second person is waited for, nor in the time that an approval grants', async () => {
    const late = await begun(new Date(Date.now() - 600_000));
    const told = async (action: AuditAction, columns: Partial<NewAuditEvent>): Promise<number> => {
      const subject = { correlationId: late, institutionId: 'bank', customerId: 'customer' };
      await audit.append({ id: randomUUID(), occurredAt: new Date(), action, ...subject, ...columns });
      return (await audit.runningAmong([late])).overdueMs;
    };
    const expiresAt = new Date(Date.now() + 600_000).toISOString();
    expect(await told('customer.unlock.approval_required', { metadata: { expiresAt } })).toBe(0);
    const decider = { actorType: 'user', actorId: 'agent-2', reason: 'known' } as const;
    // The deadline lay ten minutes before the request; now it lies as long before the approval.
    const approved = await told('customer.unlock.approved', { ...decider, occurredAt: new Date(Date.now() + 900_000) });
    expect(approved).toBe(0);
  });

  it.each(['force_custom_plan', 'force_generic_plan'])('costs as much as is asked about, however long the log is (%s)', async (mode) => {
    await audit.runningAmong([String(await correlationIdOf(1))]);
    const plan = await planOf('running AS MATERIALIZED', `search ('{}')`, mode);
    expect(plan).toMatch(/Index Scan using audit_event_(one_requested|by_correlation)/);
    expect(plan).toMatch(/Index (Only )?Scan using audit_event_one_completed/);
    expect(plan).not.toMatch(/Seq Scan|Hash|Merge/);
  });
});

const CLOCKS_MAY_DIFFER_MS = 5_000;

/** @returns the correlationId of a request that was accepted and has not ended */
async function begun(deadlineAt: Date): Promise<string> {
  const correlationId = randomUUID();
  const who = { institutionId: 'bank', customerId: 'customer', actorType: 'user', actorId: 'agent-1' } as const;
  const metadata = { deadlineAt: deadlineAt.toISOString() };
  await audit.append({ id: randomUUID(), occurredAt: new Date(), action: 'customer.unlock.requested', correlationId, ...who, metadata });
  return correlationId;
}

async function planOfLastSearch(mode: string): Promise<string> {
  await audit.openRequests({ after: 0n, olderThanMs: 0, limit: 500 });
  return planOf('scanned AS MATERIALIZED', 'search (0, 0, 500)', mode);
}

/** The plan of what was sent, so that it is this very statement. */
async function planOf(part: string, execution: string, mode: string): Promise<string> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  try {
    const sent = await client.query<{ query: string }>(
      "SELECT query FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%' || $1 || '%' AND pid <> pg_backend_pid()",
      [part],
    );
    await client.query("SET ROLE latchkey_app; SET latchkey.institution_id = 'bank'");
    await client.query(`SET plan_cache_mode = ${mode}`);
    await client.query(`PREPARE search AS ${sent.rows[0]?.query ?? ''}`);
    const plan = await client.query<{ 'QUERY PLAN': string }>(`EXPLAIN EXECUTE ${execution}`);
    return plan.rows.map((row) => row['QUERY PLAN']).join('\n');
  } finally {
    await client.end();
  }
}

describe('the ends of many requests', () => {
  it('tell outcome and attempts; who has no end is left out', async () => {
    const [ended, open] = [await correlationIdOf(1), await correlationIdOf(1_000)];
    expect(await audit.endingsOf([String(ended), String(open)])).toEqual([{ correlationId: ended, outcome: 'unlocked', attempts: 1 }]);
    expect(await audit.endingsOf([])).toEqual([]);
  });
});
