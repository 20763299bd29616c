import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createServer, type Server } from 'node:net';
import { AuditConflictError, type InstitutionLog } from '../../src/audit/audit-log.js';
import { type AuditConnection, connectAudit } from '../../src/audit/connection.js';
import { isDatabaseUnavailable, sqlStateOf } from '../../src/audit/failures.js';
import { createAuditLog } from '../../src/audit/index.js';
import { createEmptyDatabase, createTestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { sample, sql } from './audit-samples.js';

let database: Awaited<ReturnType<typeof createTestDatabase>>;
const open: AuditConnection[] = [];
beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(async () => {
  for (const connection of open.splice(0)) await connection.close();
  await database.drop();
});

function connect(databaseUrl: string, settings: Partial<Parameters<typeof connectAudit>[0]> = {}): AuditConnection {
  const connection = connectAudit({ databaseUrl, role: 'latchkey_app', institutionId: 'bank-1', ...settings });
  open.push(connection);
  return connection;
}
const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'it resolved',
    (error: unknown) => error,
  );
/** Each way to the database, the model's and the plain statement's. */
async function failuresOf(audit: InstitutionLog): Promise<unknown[]> {
  const event = sample('customer.unlock.status_checked');
  return [await failureOf(audit.append(event)), await failureOf(audit.eventsOf(event.correlationId ?? '')), await failureOf(audit.ping())];
}

describe('a database that is away', () => {
  test.each(['127.0.0.1', 'localhost'])('is told where nothing listens on %s', async (host) => {
    for (const error of await failuresOf(createAuditLog(connect(`postgresql://app@${host}:1/latchkey`))))
      expect([error, isDatabaseUnavailable(error)]).toEqual([error, true]);
  });

  test('is told where a server accepts and never answers', async () => {
    const silent: Server = createServer((socket) => socket.on('error', () => {}).resume());
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const address = silent.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const audit = createAuditLog(connect(`postgresql://app@127.0.0.1:${port}/latchkey`, { connectTimeoutMs: 100 }));
    for (const error of await failuresOf(audit)) expect([error, isDatabaseUnavailable(error)]).toEqual([error, true]);
    silent.close();
  });

  test('is told where the database does not exist or does not let the login in', async () => {
    const [noDatabase, noLogin] = [new URL(database.url), new URL(database.url)];
    noDatabase.pathname = '/no_such_database';
    noLogin.username = 'latchkey_app';
    for (const { href } of [noDatabase, noLogin]) {
      for (const error of await failuresOf(createAuditLog(connect(href))))
        expect([error, isDatabaseUnavailable(error)]).toEqual([error, true]);
    }
  });

  test('is told where a lock, a slow statement or a full pool takes too long', async () => {
    const { prisma } = connect(database.url, { poolSize: 1, connectTimeoutMs: 100, statementTimeoutMs: 1500 });
    const slow = failureOf(prisma.$queryRaw`SELECT pg_sleep(60)::text`);
    const waiting = await failureOf(prisma.$queryRaw`SELECT 1`);
    expect([waiting, isDatabaseUnavailable(waiting)]).toEqual([waiting, true]);
    expect(sqlStateOf(await slow)).toBe('57014');
    expect(isDatabaseUnavailable(await slow)).toBe(true);
  });

  test('is told where the server ends the connection, and the next statement has a new one', async () => {
    const broken: Error[] = [];
    const { prisma } = connect(database.url, { poolSize: 1, onError: (error) => broken.push(error) });
    const audit = createAuditLog({ prisma });
    await audit.ping();
    const end =
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'latchkey-app' AND datname = current_database()";
    const slow = failureOf(prisma.$queryRaw`SELECT pg_sleep(60)::text`);
    const sleeping =
      "SELECT FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND state = 'active' AND pid <> pg_backend_pid() AND datname = current_database()";
    await eventually(async () => expect(await sql(database.url, sleeping)).toHaveLength(1));
    await sql(database.url, end);
    expect([await slow, isDatabaseUnavailable(await slow)]).toEqual([await slow, true]);
    await audit.ping();
    await sql(database.url, end);
    await eventually(() => audit.ping());
    expect(broken.length).toBeGreaterThan(0);
  });
});

describe('a database that is there', () => {
  test('is not taken for one that is away because of what was written', async () => {
    const audit = createAuditLog(connect(database.url));
    const event = sample('customer.unlock.status_checked');
    await audit.append(event);
    const conflict = await failureOf(audit.append({ ...event, lockStatus: 'not_locked' }));
    expect(conflict).toBeInstanceOf(AuditConflictError);
    expect(isDatabaseUnavailable(conflict)).toBe(false);
    const illegal = await failureOf(audit.append(sample('customer.unlock.attempt_finished', { attempt: 0 })));
    expect([sqlStateOf(illegal), isDatabaseUnavailable(illegal)]).toEqual(['23514', false]);
    expect(isDatabaseUnavailable(new Error('something else'))).toBe(false);
    expect(isDatabaseUnavailable(undefined)).toBe(false);
  });

  test('answers a ping only once the migrations are there', async () => {
    await createAuditLog(connect(database.url)).ping();
    const empty = await createEmptyDatabase();
    const audit = createAuditLog(connect(empty.url, { role: null }));
    expect(sqlStateOf(await failureOf(audit.ping()))).toBe('42P01');
    await open.pop()?.close();
    await empty.drop();
  });
});

describe('a connection', () => {
  test.each(['latchkey_app', 'latchkey_auditor'] as const)('runs as %s, whatever the URL says, with every time-out set', async (role) => {
    const url = new URL(database.url);
    url.searchParams.set('options', '-c role=latchkey_owner -c work_mem=5MB');
    const { prisma } = connect(url.href, { role, statementTimeoutMs: 4000 });
    expect(
      await prisma.$queryRaw`
        SELECT current_user::text, current_setting('work_mem') AS work_mem, current_setting('statement_timeout') AS statement,
          current_setting('lock_timeout') AS lock, current_setting('idle_in_transaction_session_timeout') AS idle,
          current_setting('transaction_isolation') AS isolation, current_setting('application_name') AS name`,
    ).toEqual([
      {
        current_user: role,
        work_mem: '5MB',
        statement: '4s',
        lock: '3s',
        idle: '4s',
        isolation: 'read committed',
        name: role.replace('_', '-'),
      },
    ]);
  });

  test('without a role is the login itself', async () => {
    const { prisma } = connect(database.url, { role: null });
    expect(await prisma.$queryRaw`SELECT current_user = session_user AS own`).toEqual([{ own: true }]);
  });
});
