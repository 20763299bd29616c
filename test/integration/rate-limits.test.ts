import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { connectAudit, type AuditConnection } from '../../src/audit/connection.js';
import { createRateLimitCounts, type RateLimitCounts } from '../../src/audit/rate-limit-counts.js';
import { createRateLimiter } from '../../src/http/rate-limiter.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { openFrontDoor, startForeignIssuer, type ForeignIssuer, type FrontDoor, type Reply } from '../support/front-door.js';

/** Long enough that none ends during a test. */
const DAY_MS = 86_400_000;
/** A slow machine must not pass for a database that is away. */
const PATIENCE_MS = 10_000;
const PATH = '/v1/unlocks?limit=0';

let issuer: ForeignIssuer;
let database: TestDatabase;
let connections: readonly [AuditConnection, AuditConnection];
let pool: pg.Pool;
beforeAll(async () => {
  issuer = await startForeignIssuer();
  database = await createTestDatabase();
  // Each API has connections of its own.
  const connection = () => connectAudit({ databaseUrl: database.url, role: 'latchkey_app', poolSize: 2 });
  connections = [connection(), connection()];
  pool = new pg.Pool({ connectionString: database.url, max: 1 });
});
afterAll(async () => {
  await Promise.all(connections.map(({ close }) => close()));
  await pool.end();
  await database.drop();
  await issuer.stop();
});
beforeEach(() => pool.query('delete from rate_limit_count'));

interface Limits {
  readonly callerLimit?: number | null;
  readonly institutionLimit?: number | null;
  readonly windowMs?: number;
}

/** Two APIs over one database; the statements that each sends are counted. */
async function withApis(limits: Limits, use: (apis: readonly FrontDoor[], statements: () => number) => Promise<void>): Promise<void> {
  const { callerLimit = null, institutionLimit = null, windowMs = DAY_MS } = limits;
  let statements = 0;
  const counted = (counts: RateLimitCounts): RateLimitCounts => ({
    ...counts,
    add(wanted) {
      statements += 1;
      return counts.add(wanted);
    },
  });
  const apis = await Promise.all(
    connections.map(async ({ prisma }) => {
      const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
      const counts = counted(createRateLimitCounts({ prisma, windowMs }));
      return openFrontDoor({
        issuerUrl: issuer.url,
        limiter: createRateLimiter({
          callerLimit,
          institutionLimitOf: () => institutionLimit,
          windowMs,
          counts,
          log,
          patienceMs: PATIENCE_MS,
        }),
      });
    }),
  );
  try {
    await use(apis, () => statements);
  } finally {
    await Promise.all(apis.map((api) => api.close()));
  }
}

/** So many requests at once, over all APIs in turn. */
async function ask(apis: readonly FrontDoor[], times: number, token: string): Promise<Reply[]> {
  return Promise.all(Array.from({ length: times }, (_, index) => apis[index % apis.length]?.send({ path: PATH, token }))).then((replies) =>
    replies.filter((reply) => reply !== undefined),
  );
}

const letIn = (replies: readonly Reply[]): number => replies.filter(({ httpStatus }) => httpStatus === 400).length;
const refused = (replies: readonly Reply[]): number => replies.filter(({ httpStatus }) => httpStatus === 429).length;

describe('a rate limit', () => {
  it('holds over several APIs together, however many requests come at once', async () => {
    await withApis({ callerLimit: 40 }, async (apis) => {
      const replies = await ask(apis, 120, await issuer.token());
      expect([letIn(replies), refused(replies)]).toEqual([40, 80]);
    });
  });

  it('is each caller’s own', async () => {
    await withApis({ callerLimit: 5 }, async (apis) => {
      const [ann, bob, service] = await Promise.all([
        issuer.token({ claims: { sub: 'ann' } }),
        issuer.token({ claims: { sub: 'bob' } }),
        issuer.token({ claims: { sub: 'ann', client_id: 'another-desk' } }),
      ]);
      expect(letIn(await ask(apis, 20, ann))).toBe(5);
      expect(letIn(await ask(apis, 4, bob))).toBe(4);
      expect(letIn(await ask(apis, 4, service))).toBe(4);
    });
  });

  it('of an institution bounds its callers together, and takes nothing from a caller whom it refuses', async () => {
    await withApis({ callerLimit: 8, institutionLimit: 10 }, async (apis) => {
      const [ann, bob] = await Promise.all(['ann', 'bob'].map((sub) => issuer.token({ claims: { sub } })));
      expect(letIn(await ask(apis, 12, ann ?? ''))).toBe(8);
      const replies = await ask(apis, 6, bob ?? '');
      expect(letIn(replies)).toBe(2);
      const last = replies.find(({ httpStatus }) => httpStatus === 429);
      expect(last?.body).toMatchObject({ code: 'rate_limited', detail: expect.stringContaining('institution') });
    });
  });

  it('is told in every answer, and with when to come back where it refuses', async () => {
    await withApis({ callerLimit: 2, institutionLimit: 100 }, async ([api]) => {
      if (api === undefined) throw new Error('no API');
      const token = await issuer.token();
      const first = await api.send({ path: PATH, token });
      expect(first.headers['ratelimit-policy']).toBe('"caller";q=2;w=86400, "institution";q=100;w=86400');
      expect(first.headers.ratelimit).toMatch(/^"caller";r=1;t=\d+, "institution";r=99;t=\d+$/);
      await api.send({ path: PATH, token });
      const third = await api.send({ path: PATH, token });
      expect([third.httpStatus, third.body]).toMatchObject([429, { code: 'rate_limited' }]);
      const [, inSeconds = ''] = /"caller";r=0;t=(\d+)/.exec(third.headers.ratelimit?.toString() ?? '') ?? [];
      expect(third.headers['retry-after']).toBe(inSeconds);
      expect(Number(inSeconds)).toBeGreaterThan(0);
    });
  });

  it("is told in the bank's own shape on the drop-in endpoint", async () => {
    await withApis({ callerLimit: 1 }, async ([api]) => {
      const wish = { method: 'PUT', path: '/v1/customers/c1:unlock-user', token: await issuer.token() };
      await api?.send(wish);
      expect(await api?.send(wish)).toMatchObject({ httpStatus: 429, body: { status: 429, code: 'LATCHKEY_RATE_LIMITED' } });
    });
  });

  it('begins anew with the next window', async () => {
    await withApis({ callerLimit: 3, windowMs: 500 }, async (apis) => {
      const token = await issuer.token();
      await eventually(async () => expect(refused(await ask(apis, 8, token))).toBeGreaterThan(0));
      await eventually(async () => expect(letIn(await ask(apis, 1, token))).toBe(1));
    });
  });

  it('costs one statement for a fiftieth of it, and none once it is used up', async () => {
    await withApis({ callerLimit: 500, institutionLimit: 500 }, async ([api], statements) => {
      if (api === undefined) throw new Error('no API');
      const token = await issuer.token();
      for (let sent = 0; sent < 20; sent += 1) await api.send({ path: PATH, token });
      expect(statements()).toBe(2);
      await ask([api], 600, token);
      const soFar = statements();
      expect(refused(await ask([api], 50, token))).toBe(50);
      expect(statements()).toBe(soFar);
    });
  });

  it('counts nobody whose token is refused, and nothing that needs none', async () => {
    await withApis({ callerLimit: 1 }, async (apis, statements) => {
      await ask(apis, 4, 'x.y.z');
      await apis[0]?.send({ path: '/healthz' });
      expect(statements()).toBe(0);
    });
  });

  it('names no caller in the database', async () => {
    await withApis({ callerLimit: 9 }, async (apis) => {
      await ask(apis, 1, await issuer.token({ claims: { sub: 'ann@bank.example' } }));
      const { rows } = await pool.query<{ subject: string }>('select subject from rate_limit_count');
      expect(rows).toEqual([{ subject: expect.stringMatching(/^caller:[\w-]{43}$/) }]);
    });
  });

  it('goes by the own count of each API while Postgres is away, and refuses nobody for that', async () => {
    const away: RateLimitCounts = { add: () => new Promise(() => undefined), prune: async () => undefined };
    const warnings: string[] = [];
    const log = { info: () => undefined, warn: (_: object, message: string) => void warnings.push(message), error: () => undefined };
    const limiter = createRateLimiter({ callerLimit: 5, institutionLimitOf: () => null, windowMs: DAY_MS, counts: away, log });
    const api = await openFrontDoor({ issuerUrl: issuer.url, limiter });
    try {
      const replies = await ask([api], 12, await issuer.token());
      expect([letIn(replies), refused(replies)]).toEqual([5, 7]);
      expect(letIn(await ask([api], 5, await issuer.token({ claims: { sub: 'bob' } })))).toBe(5);
      expect(warnings).toEqual(['rate limits go by the count of this process alone']);
    } finally {
      await api.close();
    }
  });
});

describe('counts', () => {
  it('that are long over are removed, others stay', async () => {
    const counts = createRateLimitCounts({ prisma: connections[0].prisma, windowMs: 60_000 });
    await counts.add(new Map([['caller:now', 1]]));
    await pool.query("insert into rate_limit_count values ('caller:long-ago', now() - interval '1 day', 7)");
    await counts.prune();
    expect((await pool.query('select subject, count from rate_limit_count')).rows).toEqual([{ subject: 'caller:now', count: 1 }]);
  });

  it('stop growing where an integer would end', async () => {
    const counts = createRateLimitCounts({ prisma: connections[0].prisma, windowMs: DAY_MS });
    for (const wanted of [999_999_999, 999_999_999]) await counts.add(new Map([['caller:flood', wanted]]));
    expect((await counts.add(new Map([['caller:flood', 1]]))).get('caller:flood')?.count).toBe(1_000_000_000);
  });
});
