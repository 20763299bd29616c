import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { AuditConflictError, type InstitutionLog, AuditRefusedError } from '../../src/audit/audit-log.js';
import { type AuditConnection, connectAudit } from '../../src/audit/connection.js';
import { createAuditLog } from '../../src/audit/index.js';
import type { NewAuditEvent } from '../../src/domain/audit-event.js';
import { createTestDatabase } from '../support/database.js';
import { sample, sampleClaim, sql } from './audit-samples.js';

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let connection: AuditConnection;
let audit: InstitutionLog;
beforeAll(async () => {
  database = await createTestDatabase();
  connection = connectAudit({ databaseUrl: database.url, role: 'latchkey_app', institutionId: 'bank-1' });
  audit = createAuditLog(connection);
});
afterAll(async () => {
  await connection.close();
  await database.drop();
});

describe('append', () => {
  test('what was written is what is read, every column of it', async () => {
    const correlationId = randomUUID();
    const requested = sample('customer.unlock.requested', {
      correlationId,
      actorType: 'service',
      actorId: 'desk',
      actorName: 'Service désk ☎',
      onBehalfOf: 'Ada',
      reason: 'asked by "telephone"; \'; DROP TABLE audit_event; --',
      reasonCode: 'PHONE',
      ticket: 'T-1',
      source: { component: 'api', clientAddress: '127.0.0.1', userAgent: null },
      metadata: { clientId: 'desk', flags: { locked: true, list: [1, 'two', null] } },
    });
    const finished = sample('customer.unlock.attempt_finished', {
      correlationId,
      result: 'retryable',
      httpStatus: 503,
      upstreamCode: 'UXU_30001',
      upstreamMessage: 'later',
    });
    const completed = sample('customer.unlock.completed', { correlationId, lockStatus: 'not_locked' });
    for (const event of [requested, finished, completed]) expect(await audit.append(event)).toBe('written');
    const { events, readAt } = await audit.eventsOf(correlationId);
    expect(events).toEqual([requested, finished, completed].map((event) => expect.objectContaining({ ...event })));
    expect(events.map(({ position }) => position)).toEqual(events.map(({ position }) => position).sort());
    for (const event of events) expect(event.recordedAt.getTime()).toBeLessThanOrEqual(readAt.getTime());
    expect(Object.keys(events[0] ?? {})).not.toContain('xid');
  });

  test('the same event written again, or twenty times at once, stands once', async () => {
    const event = sample('customer.unlock.status_checked');
    const said = await Promise.all(Array.from({ length: 20 }, () => audit.append(event)));
    expect(said.filter((word) => word === 'written')).toHaveLength(1);
    expect(await audit.append(event)).toBe('already_there');
    expect((await audit.eventsOf(event.correlationId ?? '')).events).toHaveLength(1);
  });

  test('another execution may tell the same fact with other circumstances, and the first stand', async () => {
    const event = sample('customer.unlock.attempt_finished', { metadata: { meaning: 'unlocked' } });
    await audit.append(event);
    const again = { ...event, occurredAt: new Date(0), runId: 'run-2', activityAttempt: 7, durationMs: 99, metadata: {} };
    expect(await audit.append(again)).toBe('already_there');
    const [standing] = (await audit.eventsOf(event.correlationId ?? '')).events;
    expect(standing).toMatchObject({ runId: 'run-1', activityAttempt: 1, durationMs: 12, metadata: { meaning: 'unlocked' } });
  });

  test.each<[fact: string, event: NewAuditEvent, other: Partial<NewAuditEvent>]>([
    ['result', sample('customer.unlock.attempt_finished'), { result: 'unknown' }],
    ['httpStatus', sample('customer.unlock.attempt_finished'), { httpStatus: 200 }],
    ['outcome', sample('customer.unlock.completed', { verification: null }), { outcome: 'cancelled' }],
    ['verification', sample('customer.unlock.completed'), { verification: 'still_locked' }],
    ['customerId', sample('customer.unlock.requested'), { customerId: 'customer-2' }],
    ['actorId', sample('customer.unlock.requested'), { actorId: 'agent-9' }],
    ['lockStatus', sample('customer.unlock.status_checked'), { lockStatus: 'not_locked' }],
  ])('an event with another %s under the same id is a conflict', async (fact, event, other) => {
    await audit.append(event);
    const conflict = audit.append({ ...event, ...other });
    await expect(conflict).rejects.toThrow(AuditConflictError);
    await expect(conflict).rejects.toThrow(`differs in ${fact}`);
  });

  test('what stands once a request is found under another id too', async () => {
    const completed = sample('customer.unlock.completed', { outcome: 'failed', verification: null });
    await audit.append(completed);
    expect(await audit.append({ ...completed, id: randomUUID() })).toBe('already_there');
    await expect(audit.append({ ...completed, id: randomUUID(), outcome: 'cancelled' })).rejects.toThrow(AuditConflictError);
  });

  test('what stands once an attempt is found under another id too', async () => {
    const finished = sample('customer.unlock.attempt_finished', { result: 'unknown', httpStatus: null });
    await audit.append(finished);
    expect(await audit.append({ ...finished, id: randomUUID() })).toBe('already_there');
    await expect(audit.append({ ...finished, id: randomUUID(), result: 'succeeded' })).rejects.toThrow(AuditConflictError);
    expect(await audit.append({ ...finished, id: randomUUID(), attempt: 2, result: 'succeeded' })).toBe('written');
  });

  test('a request may not end over an open attempt, and says so', async () => {
    const correlationId = randomUUID();
    await audit.claimAttempt(sampleClaim(correlationId));
    const refused = await audit.append(sample('customer.unlock.completed', { correlationId })).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(AuditRefusedError);
    expect(refused).toMatchObject({ because: 'attempt_is_open' });
    await audit.append(sample('customer.unlock.attempt_finished', { correlationId }));
    expect(await audit.append(sample('customer.unlock.completed', { correlationId }))).toBe('written');
    const late = audit.append(sample('customer.unlock.attempt_started', { correlationId, attempt: 2 }));
    await expect(late).rejects.toMatchObject({ name: 'AuditRefusedError', because: 'request_has_ended' });
  });

  test('what the log does not allow is an error, and nothing is written', async () => {
    const event = sample('customer.unlock.attempt_finished', { attempt: 0 });
    await expect(audit.append(event)).rejects.toThrow('attempt_counts_from_1');
    expect((await audit.eventsOf(event.correlationId ?? '')).events).toEqual([]);
  });

  test('a write is one statement, with no transaction around it', async () => {
    const watched = connectAudit({
      databaseUrl: `${database.url}?application_name=watched`,
      role: 'latchkey_app',
      institutionId: 'bank-1',
      poolSize: 1,
    });
    try {
      const event = sample('customer.unlock.status_checked');
      // A COMMIT would be the last that the connection said.
      const last = async (): Promise<unknown> =>
        (await sql(database.url, "SELECT query FROM pg_stat_activity WHERE application_name = 'watched'"))[0]?.query;
      await createAuditLog(watched).append(event);
      expect(await last()).toMatch(/^\s*INSERT INTO [^]* ON CONFLICT DO NOTHING$/);
      await createAuditLog(watched).claimAttempt(sampleClaim(event.correlationId ?? ''));
      expect(await last()).toMatch(/^\s*WITH record AS [^]* INSERT INTO audit_event/);
    } finally {
      await watched.close();
    }
  });
});
