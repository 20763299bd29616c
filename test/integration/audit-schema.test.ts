import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { auditActions, type NewAuditEvent } from '../../src/domain/audit-event.js';
import { createTestDatabase } from '../support/database.js';
import { insertOf, sample, sql } from './audit-samples.js';

let database: Awaited<ReturnType<typeof createTestDatabase>>;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const as = (role: string): string => `-c role=${role} -c latchkey.institution_id=bank-1`;
const write = (event: object, settings = as('latchkey_app')): Promise<unknown> => {
  const { text, values } = insertOf(event);
  return sql(database.url, text, values, settings);
};

describe('the columns of an event', () => {
  test.each(auditActions)('a plain %s is legal', async (action) => {
    await write(sample(action));
  });

  const finished = 'customer.unlock.attempt_finished';
  const started = 'customer.unlock.attempt_started';
  const completed = 'customer.unlock.completed';
  const requested = 'customer.unlock.requested';
  const checked = 'customer.unlock.status_checked';
  test.each<[constraint: string, event: NewAuditEvent | object]>([
    ['action_is_known', { ...sample('audit.viewed'), action: 'audit.burnt' }],
    ['actor_type_is_known', { ...sample(requested), actorType: 'robot' }],
    ['result_is_known', { ...sample(finished), result: 'fine' }],
    ['outcome_is_known', { ...sample(completed), outcome: 'fine' }],
    ['verification_is_known', { ...sample(completed), verification: 'fine' }],
    ['lock_status_is_known', { ...sample(checked), lockStatus: 'ajar' }],
    ['attempt_counts_from_1', sample(finished, { attempt: 0 })],
    ['activity_attempt_counts_from_1', sample(finished, { activityAttempt: 0 })],
    ['http_status_is_one', sample(finished, { httpStatus: 99 })],
    ['http_status_is_one', sample(finished, { httpStatus: 600 })],
    ['duration_ms_is_not_negative', sample(finished, { durationMs: -1 })],
    ['upstream_message_is_cut', sample(finished, { upstreamMessage: 'é'.repeat(501) })],
    ['upstream_message_is_escaped', sample(finished, { upstreamMessage: 'two\nlines' })],
    ['upstream_message_is_escaped', sample(finished, { upstreamMessage: 'esc\u009b[2J' })],
    ['source_is_an_object', { ...sample(requested), source: '[]' }],
    ['metadata_is_an_object', { ...sample(requested), metadata: '"text"' }],
    ['result_where_an_attempt_ends', sample(finished, { result: null })],
    ['result_where_an_attempt_ends', sample('customer.unlock.late_answer', { result: null })],
    ['result_where_an_attempt_ends', sample(completed, { result: 'succeeded' })],
    ['outcome_where_a_request_ends', sample(completed, { outcome: null, verification: null })],
    ['outcome_where_a_request_ends', sample(finished, { outcome: 'unlocked' })],
    ['verification_where_a_request_ends', sample(checked, { verification: 'still_locked' })],
    ['verification_fits_the_outcome', sample(completed, { outcome: 'failed', verification: 'attributed' })],
    ['attempt_where_one_is_told_of', sample(started, { attempt: null })],
    ['attempt_where_one_is_told_of', sample(finished, { attempt: null })],
    ['attempt_where_one_is_told_of', sample('customer.unlock.late_answer', { attempt: null })],
    ['execution_id_where_one_claims', sample(started, { executionId: null })],
    ['execution_id_where_one_claims', sample(finished, { executionId: randomUUID() })],
    ['unlock_names_its_request', { ...sample(requested), correlationId: null }],
    ['unlock_names_its_request', sample(checked, { institutionId: null })],
    ['unlock_names_its_request', sample(checked, { customerId: null })],
    ['lock_status_names_its_customer', sample('customer.lock_status.viewed', { customerId: null })],
    ['out_of_band_names_its_request', sample('operator.out_of_band', { actorType: 'user', actorId: 'agent-1' })],
    ['out_of_band_names_its_request', sample('operator.out_of_band', { customerId: null })],
    ['decision_is_a_persons', sample('customer.unlock.approved', { actorType: 'service' })],
    ['decision_is_a_persons', sample('customer.unlock.approved', { onBehalfOf: 'somebody' })],
    ['decision_is_a_persons', sample('customer.unlock.declined', { actorType: null, actorId: null })],
    ['decision_is_a_persons', sample('customer.unlock.declined', { reason: null })],
    ['notified_tells_what_came_of_it', sample('customer.unlock.notified', { metadata: {} })],
    ['notified_tells_what_came_of_it', sample('customer.unlock.notified', { metadata: { delivered: 'yes' } })],
    ['notified_tells_what_came_of_it', sample('customer.unlock.notified', { httpStatus: 204 })],
    ['dry_run_names_what_it_is_about', sample('customer.unlock_dry_run', { customerId: null })],
    ['dry_run_names_what_it_is_about', sample('customer.unlock_dry_run', { actorType: null, actorId: null })],
    ['actor_where_somebody_acts', sample(requested, { actorType: null, actorId: null })],
    ['actor_where_somebody_acts', sample('audit.viewed', { actorType: null, actorId: null })],
    ['actor_where_an_operator_acts', sample('customer.unlock.cancel_requested', { actorType: null, actorId: null })],
    ['actor_where_an_operator_acts', sample('customer.unlock.paused', { actorType: null, actorId: null })],
    ['actor_has_type_and_id', sample(requested, { actorType: null })],
    ['actor_name_has_an_actor', sample(checked, { actorName: 'Ada' })],
    ['on_behalf_of_comes_from_a_service', sample(requested, { onBehalfOf: 'Ada' })],
    ['on_behalf_of_comes_from_a_service', sample(checked, { onBehalfOf: 'Ada' })],
    ['lock_status_where_one_is_read', sample(checked, { lockStatus: null })],
    ['lock_status_only_where_one_is_read', sample(requested, { lockStatus: 'locked' })],
    ['answer_only_where_the_bank_was_asked', sample(started, { httpStatus: 204 })],
    ['answer_only_where_the_bank_was_asked', sample(requested, { durationMs: 1 })],
  ])('%s bites', async (constraint, event) => {
    // Whoever sees all rows: the app's own policy would refuse a row without an institution before any check does.
    await expect(write(event, as('latchkey_owner'))).rejects.toMatchObject({ code: '23514', constraint });
  });

  test('what stands once only is refused a second time by an index that says what it is', async () => {
    const correlationId = randomUUID();
    const again = (event: NewAuditEvent): NewAuditEvent => ({ ...event, id: randomUUID() });
    for (const [event, constraint] of [
      [sample(requested, { correlationId }), 'audit_event_one_requested'],
      [sample(started, { correlationId }), 'audit_event_one_attempt_started'],
      [sample(finished, { correlationId }), 'audit_event_one_attempt_finished'],
      [sample(completed, { correlationId }), 'audit_event_one_completed'],
    ] as const) {
      await write(event);
      await expect(write(again(event))).rejects.toMatchObject({ code: '23505', constraint });
    }
  });
});

describe('what stands in the log', () => {
  const changes = [
    'UPDATE audit_event SET reason = $$other$$',
    'UPDATE audit_event SET reason = NULL WHERE false',
    'DELETE FROM audit_event',
    'TRUNCATE audit_event',
  ];
  const overwrite =
    "INSERT INTO audit_event (id, occurred_at, action, actor_type, actor_id) VALUES (gen_random_uuid(), now(), 'audit.viewed', 'user', 'x') ON CONFLICT (id) DO UPDATE SET reason = 'x'";
  const superuser = '';

  test.each([
    ...['latchkey_app', 'latchkey_auditor', 'latchkey_sealer'].flatMap((role) =>
      changes.map((change) => [role, change, as(role), '42501']),
    ),
    ...[...changes, overwrite].flatMap((change) => [
      ['latchkey_owner', change, as('latchkey_owner'), 'LK000'],
      ['a superuser', change, superuser, 'LK000'],
      ['a superuser in replica mode', change, '-c session_replication_role=replica', 'LK000'],
    ]),
  ])('%s is refused: %s', async (_who, change, settings, code) => {
    await write(sample('audit.viewed', { id: randomUUID() }));
    const count = 'SELECT count(*)::int AS rows FROM audit_event';
    const before = await sql(database.url, count);
    await expect(sql(database.url, change ?? '', [], settings)).rejects.toMatchObject({ code });
    expect(await sql(database.url, count)).toEqual(before);
  });

  test('says why it refuses', async () => {
    await expect(sql(database.url, 'DELETE FROM audit_event')).rejects.toThrow('audit_event is append-only: DELETE is refused');
  });

  test.each(['position', 'xid', 'recordedAt'])('the app may not forge %s', async (column) => {
    const forged = { position: 1, xid: '1', recordedAt: new Date(0) }[column];
    const { text, values } = insertOf({ ...sample('audit.viewed'), id: randomUUID(), [column]: forged });
    const overriding = sql(database.url, text.replace('VALUES', 'OVERRIDING SYSTEM VALUE VALUES'), values, as('latchkey_app'));
    await expect(overriding).rejects.toMatchObject({ code: '42501' });
  });

  test.each([superuser, as('latchkey_owner'), '-c session_replication_role=replica'])(
    'the database stamps time and transaction itself (%s)',
    async (settings) => {
      const id = randomUUID();
      await write({ ...sample('audit.viewed'), id, recordedAt: new Date(0), xid: '3' }, settings);
      const [row] = await sql(
        database.url,
        "SELECT recorded_at > now() - interval '1 hour' AS fresh, xid::text <> '3' AS own FROM audit_event WHERE id = $1",
        [id],
      );
      expect(row).toEqual({ fresh: true, own: true });
    },
  );

  test.each(['latchkey_auditor', 'latchkey_sealer'])('%s reads table and views and writes nothing', async (role) => {
    for (const relation of ['audit_event', 'unlock_attempt', 'unlock_request'])
      await sql(database.url, `SELECT * FROM ${relation}`, [], as(role));
    await expect(write(sample('audit.viewed'), as(role))).rejects.toMatchObject({ code: '42501' });
  });

  test('nobody else reads anything, and no role of ours can log in', async () => {
    await sql(database.url, 'CREATE ROLE latchkey_test_stranger NOLOGIN').catch(() => {});
    for (const relation of ['audit_event', 'unlock_attempt', 'unlock_request']) {
      await expect(sql(database.url, `SELECT * FROM ${relation}`, [], as('latchkey_test_stranger'))).rejects.toMatchObject({
        code: '42501',
      });
    }
    expect(
      await sql(
        database.url,
        "SELECT rolname FROM pg_roles WHERE rolname LIKE 'latchkey\\_%' AND (rolcanlogin OR rolsuper OR rolbypassrls)",
      ),
    ).toEqual([]);
  });

  test('table, views and functions belong to latchkey_owner, and the functions find nothing by search path', async () => {
    const relations =
      "SELECT relname FROM pg_class WHERE relname IN ('audit_event', 'unlock_attempt', 'unlock_request') AND relowner = 'latchkey_owner'::regrole";
    expect(await sql(database.url, relations)).toHaveLength(3);
    const functions = "SELECT proconfig FROM pg_proc WHERE proname LIKE 'audit\\_event\\_%' AND proowner = 'latchkey_owner'::regrole";
    expect(await sql(database.url, functions)).toEqual(Array(3).fill({ proconfig: ['search_path=pg_catalog, pg_temp'] }));
  });
});

describe('attempts and the end of their request', () => {
  test('an attempt that starts after the end is refused', async () => {
    const correlationId = randomUUID();
    await write(sample('customer.unlock.completed', { correlationId, outcome: 'failed', verification: null }));
    await expect(write(sample('customer.unlock.attempt_started', { correlationId }))).rejects.toMatchObject({ code: 'LK001' });
  });

  test('a request does not end while an attempt is open', async () => {
    const correlationId = randomUUID();
    await write(sample('customer.unlock.attempt_started', { correlationId }));
    await expect(write(sample('customer.unlock.completed', { correlationId }))).rejects.toMatchObject({ code: 'LK002' });
    await write(sample('customer.unlock.attempt_finished', { correlationId }));
    await write(sample('customer.unlock.completed', { correlationId }));
  });

  test('a request does not end with another number of attempts than its end tells', async () => {
    const correlationId = randomUUID();
    await write(sample('customer.unlock.attempt_started', { correlationId }));
    await write(sample('customer.unlock.attempt_finished', { correlationId }));
    const end = (attempts: number): NewAuditEvent => sample('customer.unlock.completed', { correlationId, metadata: { attempts } });
    for (const wrong of [0, 2]) await expect(write(end(wrong))).rejects.toMatchObject({ code: 'LK004' });
    await write(end(1));
  });

  test('a late answer is legal after the end', async () => {
    const correlationId = randomUUID();
    await write(sample('customer.unlock.completed', { correlationId, outcome: 'failed', verification: 'unavailable' }));
    await write(sample('customer.unlock.late_answer', { correlationId }));
  });

  test('both are refused at an isolation level that would not see the other', async () => {
    const settings = '-c role=latchkey_app -c latchkey.institution_id=bank-1 -c default_transaction_isolation=repeatable\\ read';
    await expect(write(sample('customer.unlock.attempt_started'), settings)).rejects.toMatchObject({ code: 'LK003' });
  });
});

describe('the views', () => {
  test('show one row an attempt and one row a request', async () => {
    const correlationId = randomUUID();
    const at = (second: number): Date => new Date(Date.UTC(2026, 0, 1, 0, 0, second));
    const answer = { httpStatus: 503, upstreamCode: 'UXU_30001', upstreamMessage: 'later', durationMs: 7 };
    await write(sample('customer.unlock.requested', { correlationId, occurredAt: at(0), reason: 'asked by telephone' }));
    await write(sample('customer.unlock.attempt_started', { correlationId, occurredAt: at(1) }));
    await write(sample('customer.unlock.attempt_finished', { correlationId, occurredAt: at(2), result: 'retryable', ...answer }));
    await write(sample('customer.unlock.attempt_started', { correlationId, occurredAt: at(3), attempt: 2 }));
    const common = { correlation_id: correlationId, customer_id: 'customer-1', institution_id: 'bank-1' };
    const attempt = { ...common, workflow_id: `unlock-${correlationId}` };
    const silence = { http_status: null, upstream_code: null, upstream_message: null, duration_ms: null };
    const told = { http_status: 503, upstream_code: 'UXU_30001', upstream_message: 'later', duration_ms: 7 };
    const read = (view: string): Promise<unknown[]> =>
      sql(database.url, `SELECT * FROM ${view} WHERE correlation_id = $1 ORDER BY 4`, [correlationId], as('latchkey_auditor'));
    expect(await read('unlock_attempt')).toEqual([
      { ...attempt, attempt: 1, started_at: at(1), finished_at: at(2), result: 'retryable', ...told },
      { ...attempt, attempt: 2, started_at: at(3), finished_at: null, result: null, ...silence },
    ]);
    const request = { ...common, actor_id: 'agent-1', reason: 'asked by telephone', requested_at: at(0), attempts: 2 };
    expect(await read('unlock_request')).toEqual([{ ...request, completed_at: null, outcome: null, verification: null }]);

    await write(sample('customer.unlock.attempt_finished', { correlationId, attempt: 2 }));
    await write(sample('customer.unlock.completed', { correlationId, occurredAt: at(5) }));
    expect(await read('unlock_request')).toEqual([{ ...request, completed_at: at(5), outcome: 'unlocked', verification: 'confirmed' }]);
  });
});
