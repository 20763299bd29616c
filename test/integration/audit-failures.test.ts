import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import type { InstitutionLog } from '../../src/audit/audit-log.js';
import { type AuditConnection, connectAudit } from '../../src/audit/connection.js';
import { databaseFailure, sqlStateOf } from '../../src/audit/failures.js';
import { createAuditLog } from '../../src/audit/index.js';
import { createTestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { sample, sampleClaim, sql } from './audit-samples.js';

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let way: TcpProxy;
const connections: AuditConnection[] = [];
const sessions: pg.Client[] = [];
beforeAll(async () => {
  database = await createTestDatabase();
  way = await startTcpProxy(Number(new URL(database.url).port));
});
afterEach(async () => {
  way.restore();
  for (const session of sessions.splice(0)) await session.end();
  for (const connection of connections.splice(0)) await connection.close();
});
afterAll(async () => {
  await way.close();
  await database.drop();
});

/** The audit log as the application has it, and by the way that can be made bad. */
function open(settings: Partial<Parameters<typeof connectAudit>[0]> = {}): InstitutionLog & Pick<AuditConnection, 'prisma'> {
  const url = new URL(database.url);
  url.port = String(way.port);
  const connection = connectAudit({ databaseUrl: url.href, role: 'latchkey_app', institutionId: 'bank-1', ...settings });
  connections.push(connection);
  return { ...createAuditLog(connection), prisma: connection.prisma };
}
/** Another session of the same database, which holds what a test wants held. */
async function session(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: database.url });
  client.on('error', () => undefined);
  await client.connect();
  sessions.push(client);
  return client;
}
/** The statement that waits for a lock right now, of the application. */
async function waiting(): Promise<number> {
  return eventually(async () => {
    const [row] = await sql(
      database.url,
      "SELECT pid FROM pg_stat_activity WHERE application_name = 'latchkey-app' AND wait_event_type = 'Lock' AND datname = current_database()",
    );
    if (typeof row?.pid !== 'number') throw new Error('nothing waits');
    return row.pid;
  });
}
const rowsOf = (correlationId: unknown): Promise<unknown[]> =>
  sql(database.url, 'SELECT action FROM audit_event WHERE correlation_id = $1', [correlationId]);
const failureOf = async (work: Promise<unknown>): Promise<[string | null, string | null]> =>
  work.then(
    () => ['it resolved', null],
    (error: unknown) => [sqlStateOf(error), databaseFailure(error)],
  );
const check = 'customer.unlock.status_checked';

describe('a write', () => {
  test('whose connection the server ends under it is repeated over another, and stands once', async () => {
    const [audit, other, event] = [open(), await session(), sample(check)];
    await other.query('BEGIN; LOCK TABLE audit_event IN EXCLUSIVE MODE');
    const written = audit.append(event);
    await other.query('SELECT pg_terminate_backend($1)', [await waiting()]);
    await other.query('COMMIT');
    expect(await written).toBe('written');
    expect(await rowsOf(event.correlationId)).toHaveLength(1);
  });

  test('whose reply is lost after the commit is repeated, finds itself, and stands once', async () => {
    const [audit, event] = [open(), sample(check)];
    await audit.ping();
    way.lose('replies');
    const written = audit.append(event);
    await eventually(async () => expect(await rowsOf(event.correlationId)).toHaveLength(1));
    way.restore();
    expect(await written).toBe('already_there');
    expect(await rowsOf(event.correlationId)).toHaveLength(1);
  });

  test('waits for no broken connection: whichever of the pool it is given, it is written', async () => {
    const audit = open({ poolSize: 4 });
    for (let round = 0; round < 10; round += 1) {
      await Promise.all([1, 2, 3, 4].map(() => audit.ping()));
      way.reset();
      const events = [sample(check), sample(check)];
      expect(await Promise.all(events.map((event) => audit.append(event)))).toEqual(['written', 'written']);
    }
  });

  test('that waits too long for a lock ends by itself as busy, unwritten, and is written once the lock is gone', async () => {
    const [audit, other, event] = [open({ statementTimeoutMs: 1_300 }), await session(), sample(check)];
    await other.query('BEGIN; LOCK TABLE audit_event IN EXCLUSIVE MODE');
    expect(await failureOf(audit.append(event))).toEqual(['55P03', 'busy']);
    await other.query('COMMIT');
    expect(await rowsOf(event.correlationId)).toEqual([]);
    expect(await audit.append(event)).toBe('written');
  });

  test('for which the disk has no room is busy, and written when it has', async () => {
    // No disk is filled here: the server says what it would say.
    await sql(
      database.url,
      `CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no space left' USING ERRCODE = 'disk_full'; END $$;
       CREATE TRIGGER no_room BEFORE INSERT ON audit_event EXECUTE FUNCTION no_room()`,
    );
    const [audit, event] = [open(), sample(check)];
    expect(await failureOf(audit.append(event))).toEqual(['53100', 'busy']);
    await sql(database.url, 'DROP TRIGGER no_room ON audit_event');
    expect(await audit.append(event)).toBe('written');
  });

  test('without the right to it is refused, which is another thing than being away, and written once the right is there', async () => {
    const [audit, event] = [open(), sample(check)];
    await sql(database.url, 'REVOKE INSERT ON audit_event FROM latchkey_app');
    expect(await failureOf(audit.append(event))).toEqual(['42501', 'refused']);
    expect(await failureOf(audit.ping())).toEqual(['42501', 'refused']);
    expect(await audit.eventsOf(randomUUID())).toMatchObject({ events: [], takesRows: false });
    await sql(database.url, 'GRANT INSERT ON audit_event TO latchkey_app');
    expect(await audit.append(event)).toBe('written');
  });
});

describe('a claim', () => {
  test('whose reply is lost after the commit finds its own row: no attempt is doubled, none is left over', async () => {
    const [audit, claim] = [open(), sampleClaim(randomUUID())];
    await audit.ping();
    way.lose('replies');
    const attempt = audit.claimAttempt(claim);
    await eventually(async () => expect(await rowsOf(claim.correlationId)).toHaveLength(1));
    way.restore();
    expect(await attempt).toBe(1);
    expect(await rowsOf(claim.correlationId)).toHaveLength(1);
  });

  test('that is cancelled as too slow leaves no doubt: nothing stands, and the same claim may be made again', async () => {
    const [audit, other, claim] = [open(), await session(), sampleClaim(randomUUID())];
    await other.query('BEGIN; LOCK TABLE audit_event IN EXCLUSIVE MODE');
    const attempt = failureOf(audit.claimAttempt(claim));
    await other.query('SELECT pg_cancel_backend($1)', [await waiting()]);
    expect(await attempt).toEqual(['57014', 'busy']);
    await other.query('COMMIT');
    expect(await rowsOf(claim.correlationId)).toEqual([]);
    expect(await audit.claimAttempt(claim)).toBe(1);
  });

  test('that ends in a deadlock is repeated, and stands once', async () => {
    const [audit, other, claim] = [open(), await session(), sampleClaim(randomUUID())];
    const { correlationId } = claim;
    const { id } = sample('customer.unlock.attempt_started', { correlationId });
    // The claim takes the request's lock, then waits for this row; this session waits for the lock, and is patient.
    await other.query("BEGIN; SET LOCAL deadlock_timeout = '1min'");
    await other.query(
      `INSERT INTO audit_event (id, occurred_at, action, correlation_id, institution_id, customer_id, lock_status)
       VALUES ($1, now(), $2, $3, 'bank-1', 'customer-1', 'locked')`,
      [id, check, correlationId],
    );
    const attempt = audit.claimAttempt(claim);
    await waiting();
    await other.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 6114))', [correlationId]);
    await other.query('ROLLBACK');
    expect(await attempt).toBe(1);
    expect(await rowsOf(correlationId)).toEqual([{ action: 'customer.unlock.attempt_started' }]);
  });
});

describe('a database', () => {
  test('that has no connection left for the login is unreachable until it has', async () => {
    const login = `app_${randomUUID().slice(0, 8)}`;
    await sql(database.url, `CREATE ROLE ${login} LOGIN PASSWORD 'x' CONNECTION LIMIT 1 IN ROLE latchkey_app`);
    const url = new URL(database.url);
    [url.username, url.password] = [login, 'x'];
    const [first, second] = [open({ databaseUrl: url.href }), open({ databaseUrl: url.href })];
    const event = sample(check);
    await first.ping();
    expect(await failureOf(second.append(event))).toEqual(['53300', 'unreachable']);
    expect(await rowsOf(event.correlationId)).toEqual([]);
    await connections[0]?.close();
    // The server has forgotten a connection a moment after its end.
    expect(await eventually(() => second.append(event))).toBe('written');
    for (const connection of connections.splice(0)) await connection.close();
    await eventually(() => sql(database.url, `DROP ROLE ${login}`));
  });

  test('that takes no rows says so, and takes them again over connections that know of it', async () => {
    const audit = open();
    const event = sample(check);
    await sql(
      database.url,
      'DO $$ BEGIN EXECUTE format($q$ALTER DATABASE %I SET default_transaction_read_only = on$q$, current_database()); END $$',
    );
    expect(await failureOf(audit.append(event))).toEqual(['25006', 'read_only']);
    expect(await failureOf(audit.ping())).toEqual(['25006', 'read_only']);
    expect(await audit.eventsOf(randomUUID())).toMatchObject({ events: [], takesRows: false });
    await sql(
      database.url,
      'DO $$ BEGIN SET LOCAL transaction_read_only = off; EXECUTE format($q$ALTER DATABASE %I RESET default_transaction_read_only$q$, current_database()); END $$',
      [],
      '-c default_transaction_read_only=off',
    );
    // The connection that has just read was opened while it took none.
    expect(await audit.append(event)).toBe('written');
    expect(await audit.eventsOf(randomUUID())).toMatchObject({ takesRows: true });
  });

  test('that chose another transaction is told as raced', async () => {
    const { prisma } = open({ role: null });
    await sql(database.url, 'CREATE TABLE counter AS SELECT 1 AS n');
    const raced = prisma.$transaction(
      async (transaction) => {
        await transaction.$queryRaw`SELECT n FROM counter`;
        await sql(database.url, 'UPDATE counter SET n = 2');
        await transaction.$executeRaw`UPDATE counter SET n = 3`;
      },
      { isolationLevel: 'RepeatableRead' },
    );
    expect(await failureOf(raced)).toEqual(['40001', 'raced']);
  });
});
