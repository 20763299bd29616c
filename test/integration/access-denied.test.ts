import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { createAuditReview } from '../../src/audit/review.js';
import { connectAudit, type AuditConnection } from '../../src/audit/connection.js';
import { createAuditLog, type InstitutionLog } from '../../src/audit/index.js';
import type { AccessDenied } from '../../src/domain/observer.js';
import { createDenials } from '../../src/http/denials.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { INSTITUTION, openFrontDoor, startForeignIssuer, type ForeignIssuer, type FrontDoor } from '../support/front-door.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';

const DAY_MS = 86_400_000;
const PUT = '/v1/customers/{customerId}:unlock-user';

let issuer: ForeignIssuer;
let database: TestDatabase;
let way: TcpProxy;
let connection: AuditConnection;
let audit: InstitutionLog;
let pool: pg.Pool;
beforeAll(async () => {
  issuer = await startForeignIssuer();
  database = await createTestDatabase();
  const url = new URL(database.url);
  way = await startTcpProxy(Number(url.port));
  url.port = String(way.port);
  connection = connectAudit({ databaseUrl: url.href, role: 'latchkey_app', institutionId: INSTITUTION });
  audit = createAuditLog(connection);
  pool = new pg.Pool({ connectionString: database.url, max: 1 });
});
afterAll(async () => {
  await connection.close();
  await way.close();
  await pool.end();
  await database.drop();
  await issuer.stop();
});

interface Row {
  readonly institution_id: string | null;
  readonly actor_type: string | null;
  readonly actor_id: string | null;
  readonly actor_name: string | null;
  readonly correlation_id: string | null;
  readonly source: Record<string, unknown>;
  readonly metadata: Record<string, unknown>;
}

/** Rows beyond those of the tests before. */
let seen = 0;
const rows = async (): Promise<Row[]> =>
  (await pool.query<Row>("select * from audit_event where action = 'access.denied' order by position offset $1", [seen])).rows;
afterEach(async () => {
  seen += (await rows()).length;
});

interface Opened {
  readonly door: FrontDoor;
  readonly told: AccessDenied[];
  /** Ends the window, and waits until all is written. */
  end(): Promise<void>;
}

const opened: Opened[] = [];
afterEach(async () => {
  for (const { door, end } of opened.splice(0)) {
    await end();
    await door.close();
  }
});

async function open(bounds: { perSource?: number; perKind?: number } = {}, parts: Partial<Parameters<typeof openFrontDoor>[0]> = {}) {
  const told: AccessDenied[] = [];
  const lines: string[] = [];
  const note = (_fields: object, message: string): void => void lines.push(message);
  const denials = createDenials({
    audit,
    observer: { accessDenied: (denial) => void told.push(denial) },
    log: { info: note, warn: note, error: note },
    bounds: { windowMs: DAY_MS, perSource: 100, perKind: 100, ...bounds },
  });
  const door = await openFrontDoor({ issuerUrl: issuer.url, denials, ...parts });
  const each = { door, told, lines, end: () => denials.close() };
  opened.push(each);
  return each;
}

const unlock = (more: object = {}) => ({
  method: 'PUT',
  path: '/v1/customers/c-17:unlock-user',
  headers: { correlationId: randomUUID() },
  ...more,
});

describe('a request whose token says nothing that can be believed', () => {
  it.each([
    ['none at all', async () => undefined, 'missing_token'],
    ['one that nobody signed', async () => 'x.y.z', 'invalid_token'],
    ['one that has expired', () => issuer.token({ claims: { exp: 1 } }), 'invalid_token'],
  ])('goes on record with where it came from and what it wanted, and names nobody: %s', async (_which, make, code) => {
    const { door, end } = await open();
    const token = await make();
    const correlationId = randomUUID();
    const headers = { correlationId, 'user-agent': 'curl/8' };
    expect((await door.send(unlock({ headers, ...(token !== undefined && { token }) }))).httpStatus).toBe(401);
    await end();
    expect(await rows()).toMatchObject([
      {
        institution_id: null,
        actor_type: null,
        actor_id: null,
        actor_name: null,
        // It must not get into the story of the request that it names.
        correlation_id: null,
        source: { component: 'api', clientAddress: '127.0.0.1', userAgent: 'curl/8' },
        metadata: { status: 401, code, method: 'PUT', route: PUT, scope: 'institution-users:write', callId: correlationId },
      },
    ]);
    expect(JSON.stringify(await rows())).not.toContain('c-17');
  });
});

describe('a request whose good token does not allow it', () => {
  it('goes on record with who it was, for the auditors of their institution', async () => {
    const { door, end } = await open();
    await door.send(unlock({ token: await issuer.token({ claims: { scope: 'institution-users:read' } }) }));
    await end();
    expect(await rows()).toMatchObject([
      {
        institution_id: INSTITUTION,
        actor_type: 'user',
        actor_id: 'agent-7',
        actor_name: 'Ann Agent',
        metadata: { status: 403, code: 'insufficient_scope', clientId: 'desk' },
      },
    ]);
    const reviewers = connectAudit({ databaseUrl: database.url, role: 'latchkey_auditor', institutionId: INSTITUTION });
    const review = createAuditReview({ institutionId: INSTITUTION, prisma: reviewers.prisma, atOnce: 1 });
    const item = await review.listEvents({ filters: { institutionId: INSTITUTION, action: 'access.denied' }, limit: 1, after: null });
    await reviewers.close();
    expect(item).toMatchObject([{ actorId: 'agent-7' }]);
  });

  it('goes on record without an institution where that is not served here', async () => {
    const { door, end } = await open();
    await door.send(unlock({ token: await issuer.token({ claims: { institution_id: 'bank-two' } }) }));
    await end();
    expect(await rows()).toMatchObject([{ institution_id: null, actor_id: 'agent-7', metadata: { code: 'institution_not_served' } }]);
  });
});

describe('what goes on record', () => {
  it('is every write, every act of an operator and every look into the audit log; reads of unlocks are not', async () => {
    const { door, end } = await open();
    const id = randomUUID();
    const actions = ['cancel', 'retry-now', 'pause', 'resume'].map((action) => ({ method: 'POST', path: `/v1/unlocks/${id}:${action}` }));
    const audited = [
      unlock(),
      { method: 'POST', path: '/v1/unlocks' },
      ...actions,
      { path: '/v1/audit/events' },
      { method: 'HEAD', path: '/v1/audit/events' },
    ];
    const left = [{ path: '/v1/unlocks' }, { path: `/v1/unlocks/${id}` }, { path: '/v1/customers/c1/lock-status' }];
    for (const wish of [...audited, ...left]) expect((await door.send(wish)).httpStatus).toBe(401);
    for (const path of ['/healthz', '/v1/nowhere']) await door.send({ path });
    await end();
    const recorded = (await rows()).map(({ metadata }) => metadata.route);
    expect(recorded).toEqual([
      PUT,
      '/v1/unlocks',
      ...['cancel', 'retry-now', 'pause', 'resume'].map((action) => `/v1/unlocks/{correlationId}:${action}`),
      '/v1/audit/events',
      '/v1/audit/events',
    ]);
  });

  it('is nothing where nobody was refused: not one statement', async () => {
    const { door, end } = await open();
    await door.send({ path: '/v1/audit/events?limit=0', token: await issuer.token() });
    await end();
    expect(await rows()).toEqual([]);
  });

  it('holds no control characters, whatever the caller sent', async () => {
    const { door, end } = await open();
    await door.send(unlock({ headers: { 'user-agent': 'a\tb', correlationId: '1\t2' } }));
    await end();
    const [row] = await rows();
    expect(row?.source.userAgent).toBe('a\\u0009b');
    expect(row?.metadata.callId).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe('a flood of refused requests', () => {
  it('gets as many rows as one source may have, and one that sums up the rest', async () => {
    const { door, told, end } = await open({ perSource: 4 });
    await Promise.all(Array.from({ length: 60 }, () => door.send(unlock())));
    await Promise.all(Array.from({ length: 5 }, () => door.send({ path: '/v1/audit/events', token: 'x.y.z' })));
    await end();
    const [summary, ...more] = (await rows()).filter(({ metadata }) => metadata.summary === true);
    expect([await rows(), more]).toMatchObject([{ length: 5 }, []]);
    expect(summary).toMatchObject({
      actor_id: null,
      source: { clientAddress: null },
      metadata: { counted: { [`PUT ${PUT} missing_token`]: 56, 'GET /v1/audit/events invalid_token': 5 } },
    });
    expect(told.filter(({ record }) => record === 'row')).toHaveLength(4);
    expect(told.filter(({ record }) => record === 'summary')).toHaveLength(61);
  });

  it('from nobody knows whom keeps no row from those who are known', async () => {
    const { door, end } = await open({ perKind: 3 });
    for (let sent = 0; sent < 10; sent += 1) await door.send(unlock());
    await door.send(unlock({ token: await issuer.token({ claims: { scope: '' } }) }));
    await end();
    expect((await rows()).filter(({ actor_id }) => actor_id === 'agent-7')).toHaveLength(1);
    expect(await rows()).toHaveLength(3 + 1 + 1);
  });

  it('over many tokens of one actor is one source', async () => {
    const { door, end } = await open({ perSource: 2 });
    for (let sent = 0; sent < 5; sent += 1)
      await door.send(unlock({ token: await issuer.token({ claims: { scope: '', jti: String(sent) } }) }));
    await end();
    expect(await rows()).toHaveLength(2 + 1);
  });
});

describe('while Postgres is away', () => {
  it('a request is refused all the same, and it is counted and logged that no row tells of it', async () => {
    const { door, told, lines } = await open();
    way.cut();
    try {
      expect((await door.send(unlock())).httpStatus).toBe(401);
      await eventually(async () => expect(told).toEqual([{ httpStatus: 401, record: 'lost' }]));
      expect(lines).toContain('a denial could not be put on record');
    } finally {
      way.restore();
    }
    expect(await rows()).toEqual([]);
  });
});

describe('where a request came from', () => {
  const address = async (trustedProxies: false | number | readonly string[], forwarded: string) => {
    const before = (await rows()).length;
    const { door, end } = await open({}, { trustedProxies });
    await door.send(unlock({ headers: { 'x-forwarded-for': forwarded, 'x-real-ip': '6.6.6.6', forwarded: 'for=6.6.6.6' } }));
    await end();
    return (await rows())[before]?.source.clientAddress;
  };

  it('is the connection’s own address unless a proxy is trusted', async () => {
    expect(await address(false, '6.6.6.6')).toBe('127.0.0.1');
    expect(await address(['10.0.0.0/8'], '6.6.6.6')).toBe('127.0.0.1');
  });

  it('is what trusted proxies say, and not what was said before them', async () => {
    expect(await address(1, '6.6.6.6, 203.0.113.7')).toBe('203.0.113.7');
    expect(await address(['loopback', '10.0.0.0/8'], '6.6.6.6, 203.0.113.7, 10.1.2.3')).toBe('203.0.113.7');
  });

  it.each(['unknown', '<script>', 'a\tb', '203.0.113.7:5000', ''])('is not believed to be %j', async (forwarded) => {
    expect(await address(1, forwarded)).toBe('127.0.0.1');
  });
});
