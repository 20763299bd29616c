import pg from 'pg';

interface Wish {
  readonly rows: number;
  readonly institutionId: string;
}

/** Rows of one unlock that succeeded at its first attempt. */
const ROWS_PER_UNLOCK = 5;
/** Each takes a lock of its own until its transaction ends. */
const UNLOCKS_AT_ONCE = 4_000;

/** Writes what so many unlocks leave behind, with columns filled as the product fills them. */
export async function fillAuditLog(client: pg.ClientBase, { rows, institutionId }: Wish): Promise<void> {
  const unlocks = Math.ceil(rows / ROWS_PER_UNLOCK);
  for (let from = 1; from <= unlocks; from += UNLOCKS_AT_ONCE) {
    const to = Math.min(from + UNLOCKS_AT_ONCE - 1, unlocks);
    await client.query(
      `INSERT INTO audit_event (id, occurred_at, action, correlation_id, institution_id, customer_id, actor_type, actor_id, actor_name,
         source, reason, ticket, workflow_id, run_id, activity_attempt, attempt, execution_id, lock_status, result, http_status, duration_ms,
         outcome, verification, metadata)
       SELECT gen_random_uuid(), now(), 'customer.unlock.' || step.action, md5(request::text)::uuid, $3, 'customer-' || request,
         CASE step.number WHEN 1 THEN 'user' ELSE 'service' END, CASE step.number WHEN 1 THEN 'agent-1' ELSE 'latchkey' END,
         CASE step.number WHEN 1 THEN 'Sam Support' END,
         CASE step.number WHEN 1 THEN '{"ip": "192.0.2.7", "component": "api", "userAgent": "desk/4.2"}' ELSE '{"component": "worker"}' END::jsonb,
         CASE step.number WHEN 1 THEN 'Too many failed logins; identity checked by phone' END,
         CASE step.number WHEN 1 THEN 'INC-' || request END,
         'unlock-' || md5(request::text)::uuid, CASE WHEN step.number > 1 THEN gen_random_uuid()::text END,
         CASE WHEN step.number > 1 THEN 1 END, CASE WHEN step.number IN (3, 4) THEN 1 END,
         CASE step.number WHEN 3 THEN gen_random_uuid() END, CASE WHEN step.number = 2 THEN 'locked' END,
         CASE step.number WHEN 4 THEN 'succeeded' END, CASE step.number WHEN 4 THEN 204 END, CASE step.number WHEN 4 THEN 87 END,
         CASE step.number WHEN 5 THEN 'unlocked' END, CASE step.number WHEN 5 THEN 'confirmed' END,
         CASE step.number WHEN 1 THEN '{"deadlineAt": "2026-01-01T00:00:00.000Z"}' WHEN 5 THEN '{"attempts": 1}' ELSE '{}' END::jsonb
       FROM generate_series($1::bigint, $2::bigint) request CROSS JOIN (VALUES
         (1, 'requested'), (2, 'status_checked'), (3, 'attempt_started'), (4, 'attempt_finished'), (5, 'completed')
       ) step (number, action)
       ORDER BY request, step.number`,
      [from, to, institutionId],
    );
  }
}

/** Requests from all over the log. */
export async function someCorrelationIds(databaseUrl: string, count: number): Promise<string[]> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ id: string }>(
      `SELECT correlation_id AS id FROM audit_event WHERE action = 'customer.unlock.completed' ORDER BY md5(id::text) LIMIT $1`,
      [count],
    );
    return rows.map(({ id }) => id);
  } finally {
    await client.end();
  }
}
