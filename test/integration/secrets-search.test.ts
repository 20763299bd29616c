import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, test } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import proto from '@temporalio/proto';
import pg from 'pg';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { AUDIENCE, INSTITUTION, startForeignIssuer, type ForeignIssuer } from '../support/front-door.js';
import { buildProduct, startLatchkeyProcess, type LatchkeyProcess } from '../support/latchkey-process.js';
import { findMarks, spellingsOf, tokenMarks, type Mark } from '../support/marks.js';
import { startOtlpReceiver, type OtlpReceiver } from '../support/otlp-receiver.js';
import { startReceiver, webhookSecret, type Receiver } from '../support/receiver.js';
import { startTelltaleBank, type TelltaleBank } from '../support/telltale-bank.js';
import { testTemporal } from '../support/temporal.js';

// Every flow with marked secrets, good end and bad; then all that was left behind anywhere is searched for the marks.
const hex = (): string => randomBytes(12).toString('hex');
const secret = {
  client: `client-secret-${hex()}`,
  database: `database-password-${hex()}`,
  reference: `reference-key-${hex()}`,
  collector: `collector-key-${hex()}`,
};
const webhook = webhookSecret();
const payloadKey = randomBytes(32).toString('base64');
const login = `search_${hex()}`;
const reviewerLogin = `${login}_reviewer`;
const notaryLogin = `${login}_notary`;
const signingKey = generateKeyPairSync('ed25519').privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64');
const person = `Person Nobody Asked For ${hex()}`;
const said = {
  name: `Name ${hex()}`,
  reason: `Reason ${hex()}`,
  ticket: `Ticket ${hex()}`,
  behalf: `Behalf ${hex()}`,
  subject: `subject-${hex()}`,
};
const customerMark = hex();
const namespace = `search-${randomUUID()}`;

let dataDir: string;
let database: TestDatabase;
let issuer: ForeignIssuer;
let bank: TelltaleBank;
let collector: OtlpReceiver;
let receiver: Receiver;
let api: LatchkeyProcess;
let apiUrl: string;
let connection: Connection;
let client: Client;
let pool: pg.Pool;
const processes: LatchkeyProcess[] = [];
const callerTokens: Mark[] = [];
/** Every answer that was no 2xx, whole. */
const refusals: string[] = [];
const metrics: string[] = [];
const statuses: number[] = [];

async function token(what: string, claims: Record<string, unknown> = {}): Promise<string> {
  const made = await issuer.token({ claims: { sub: said.subject, name: said.name, ...claims } });
  callerTokens.push(...tokenMarks(what, made));
  return made;
}

const customer = (kind: string): string => `${kind}-${customerMark}`;

interface Wish {
  readonly method?: string;
  readonly as?: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

async function call(path: string, { method = 'GET', as, body, headers = {} }: Wish = {}): Promise<{ status: number; text: string }> {
  const response = await fetch(apiUrl + path, {
    method,
    headers: {
      ...(as !== undefined && { authorization: `Bearer ${as}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  statuses.push(response.status);
  if (!response.ok) refusals.push(`${response.status} ${JSON.stringify([...response.headers])} ${text}`);
  return { status: response.status, text };
}

const variables = (): Record<string, string> => {
  const as = (username: string): string => Object.assign(new URL(database.url), { username, password: secret.database }).href;
  return {
    ...{
      DATABASE_URL: as(login),
      AUDIT_DATABASE_URL: as(reviewerLogin),
      SEAL_DATABASE_URL: as(notaryLogin),
      AUDIT_SIGNING_KEY: signingKey,
      MIGRATE_DATABASE_URL: database.url,
      TEMPORAL_ADDRESS: testTemporal().address,
      TEMPORAL_NAMESPACE: namespace,
    },
    ...{ UPSTREAM_BASE_URL: bank.baseUrl, UPSTREAM_TOKEN_URL: bank.tokenUrl, UPSTREAM_CLIENT_ID: 'latchkey' },
    ...{ UPSTREAM_CLIENT_SECRET: secret.client, UPSTREAM_INSTITUTION_ID: INSTITUTION, UPSTREAM_TIMEOUT_MS: '1000' },
    ...{ AUTH_ISSUER: issuer.url, AUTH_AUDIENCE: AUDIENCE, CUSTOMER_REF_KEY: secret.reference, PAYLOAD_KEYS: `k1:${payloadKey}` },
    ...{ UNLOCK_MAX_ATTEMPTS: '2', UNLOCK_INITIAL_INTERVAL_MS: '50', UNLOCK_MAX_INTERVAL_MS: '200', UNLOCK_WAIT_MS: '8000' },
    ...{
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_BSP_SCHEDULE_DELAY: '50',
      OTEL_EXPORTER_OTLP_HEADERS: `x-key=${secret.collector}`,
      UPSTREAM_TRACEPARENT: 'true',
    },
    ...{ WEBHOOKS_FILE: join(dataDir, 'webhooks.json'), WEBHOOK_SECRET: webhook },
    ...{ RATE_LIMIT_CALLER_PER_MINUTE: '500', PORT: '0', METRICS_PORT: '0', LOG_LEVEL: 'trace', DATA_DIR: dataDir },
  };
};

async function start(part: string, change: Record<string, string> = {}): Promise<LatchkeyProcess> {
  const started = startLatchkeyProcess([part], { ...variables(), ...change });
  processes.push(started);
  return started;
}

async function keepMetrics(process: LatchkeyProcess): Promise<void> {
  const [, url = ''] = await process.says(/"url":"([^"]+)"[^\n]*metrics and health are served/);
  metrics.push(await (await fetch(`${url}/metrics`)).text());
}

beforeAll(async () => {
  buildProduct();
  dataDir = await mkdtemp(join(tmpdir(), 'latchkey-test-search-'));
  [database, issuer, bank, collector] = await Promise.all([
    createTestDatabase(),
    startForeignIssuer(),
    startTelltaleBank(person),
    startOtlpReceiver(),
  ]);
  receiver = await startReceiver();
  const callers = [{ institutionId: INSTITUTION, clientId: 'desk', url: receiver.url, secretVariable: 'WEBHOOK_SECRET' }];
  await writeFile(join(dataDir, 'webhooks.json'), JSON.stringify(callers));
  pool = new pg.Pool({ connectionString: database.url, max: 2 });
  await pool.query(`CREATE ROLE ${login} LOGIN PASSWORD '${secret.database}' IN ROLE latchkey_app`);
  await pool.query(`CREATE ROLE ${reviewerLogin} LOGIN PASSWORD '${secret.database}' IN ROLE latchkey_auditor`);
  await pool.query(`CREATE ROLE ${notaryLogin} LOGIN PASSWORD '${secret.database}' IN ROLE latchkey_sealer`);
  const setup = startLatchkeyProcess(['temporal', 'setup'], variables());
  processes.push(setup);
  expect(await setup.exitCode()).toBe(0);
  connection = await Connection.connect({ address: testTemporal().address });
  client = new Client({ connection, namespace });
  const worker = await start('worker');
  api = await start('api');
  [, apiUrl = ''] = await api.says(/"url":"([^"]+)"[^\n]*the front door listens/);
  await worker.says(/the worker polls/);
  await (await start('sealer')).says(/the sealer polls/);
}, 240_000);

afterAll(async () => {
  await Promise.all(processes.map((each) => each.end('SIGKILL')));
  await pool.query(`DROP OWNED BY ${login}, ${reviewerLogin}, ${notaryLogin}; DROP ROLE ${login}, ${reviewerLogin}, ${notaryLogin}`);
  await pool.end();
  await connection.close();
  await Promise.all([bank.close(), receiver.close(), issuer.stop(), collector.close(), database.drop()]);
  await rm(dataDir, { recursive: true, force: true });
});

const put = (kind: string, as: string, correlationId: string = randomUUID()) =>
  call(`/v1/customers/${customer(kind)}:unlock-user`, { method: 'PUT', as, headers: { correlationId } });

const wish = (kind: string) => ({ customerId: customer(kind), reason: said.reason, reasonCode: 'CODE', ticket: said.ticket });

describe('every flow', () => {
  it('of unlocks, with every end', async () => {
    const user = await token('a user’s token');
    const service = await token('a service’s token', { sub: 'desk', client_id: 'desk' });
    const expected = { good: 204, not_locked: 409, rejected: 403, unwell: 503, html: 503, lost: 204, slow: 204, unread: 504 };
    for (const [kind, status] of Object.entries(expected)) {
      if (kind === 'unread') continue;
      expect([kind, (await put(kind, user)).status]).toEqual([kind, status]);
    }
    bank.revoke();
    expect((await put('good-2', user)).status).toBe(204);
    const body = { ...wish('good-3'), onBehalfOf: said.behalf };
    const waited = await call('/v1/unlocks', { method: 'POST', as: service, body, headers: { prefer: 'wait=20' } });
    expect([waited.status, waited.text]).toEqual([200, expect.stringContaining(said.reason)]);
    const correlationId = randomUUID();
    await call('/v1/unlocks', { method: 'POST', as: user, body: wish('cancelled'), headers: { correlationId } });
    await call(`/v1/unlocks/${correlationId}:cancel`, { method: 'POST', as: user, body: { reason: said.reason, ticket: said.ticket } });
    // Joined by another one, and again with another customer
    const other = await token('another user’s token', { sub: `other-${said.subject}` });
    await call('/v1/unlocks', { method: 'POST', as: other, body: wish('cancelled'), headers: { correlationId } });
    expect((await call('/v1/unlocks', { method: 'POST', as: other, body: wish('good'), headers: { correlationId } })).status).toBe(409);
  }, 120_000);

  it('of operators, with a request that waits', async () => {
    const user = await token('an operator’s token');
    bank.refuseTokens(true);
    bank.revoke();
    const correlationId = randomUUID();
    await call('/v1/unlocks', { method: 'POST', as: user, body: wish('waiting'), headers: { correlationId } });
    const act = (name: string) => call(`/v1/unlocks/${correlationId}:${name}`, { method: 'POST', as: user, body: { reason: said.reason } });
    await eventually(async () => expect((await act('pause')).status).toBe(202));
    pendings.push(JSON.stringify((await client.workflow.getHandle(`unlock-${correlationId}`).describe()).raw));
    await act('retry-now');
    expect((await call(`/v1/customers/${customer('looked')}/lock-status`, { as: user })).status).toBeGreaterThanOrEqual(500);
    bank.refuseTokens(false);
    await act('resume');
    await eventually(async () => expect((await call(`/v1/unlocks/${correlationId}`, { as: user })).text).toContain('"completed"'), {
      limitMs: 60_000,
    });
    expect((await act('cancel')).status).toBe(409);
  }, 120_000);

  it('of reads', async () => {
    const user = await token('a reader’s token');
    expect((await call(`/v1/customers/${customer('looked')}/lock-status`, { as: user })).status).toBe(200);
    expect((await call(`/v1/customers/${customer('unread')}/lock-status`, { as: user })).status).toBeGreaterThanOrEqual(500);
    for (const path of [
      '/v1/unlocks',
      '/v1/audit/events',
      `/v1/audit/events?customerId=${customer('good')}`,
      `/v1/unlocks?actor=${said.subject}`,
    ]) {
      expect((await call(path, { as: user })).status).toBe(200);
    }
    for (const format of ['csv', 'ndjson']) {
      const reply = await call(`/v1/audit/export?format=${format}&customerId=${customer('good')}`, { as: user });
      expect([reply.status, reply.text.includes(customerMark)]).toEqual([200, true]);
    }
    await eventually(async () => expect((await call('/v1/audit/checkpoint', { as: user })).status).toBe(200));
    const [row] = (await pool.query<{ id: string }>('SELECT correlation_id AS id FROM audit_event WHERE outcome IS NOT NULL LIMIT 1')).rows;
    expect((await call(`/v1/audit/unlocks/${row?.id ?? ''}/evidence`, { as: user })).status).toBe(200);
    for (const path of ['/healthz', '/readyz', '/openapi.json', '/docs', '/docs/errors']) await call(path);
  });

  it('of whoever is refused', async () => {
    const good = await token('a good token');
    const bad = [
      await token('an expired token', { exp: 1 }),
      await token('a token of another institution', { institution_id: 'another-bank' }),
      await token('a token without scopes', { scope: 'none' }),
      await token('a token of another audience', { aud: 'another' }),
      `${good.slice(0, -8)}AAAAAAAA`,
      `not-a-jwt-${secret.client}`,
    ];
    for (const as of bad) {
      for (const path of ['/v1/unlocks', '/v1/audit/events', `/v1/customers/${customer('good')}/lock-status`]) {
        expect([401, 403]).toContain((await call(path, { as })).status);
      }
      expect([401, 403]).toContain((await put('good', as)).status);
    }
    const post = (body: unknown, headers: Record<string, string> = {}) => call('/v1/unlocks', { method: 'POST', as: good, body, headers });
    expect((await post({ ...wish('good'), extra: good })).status).toBe(400);
    expect((await post(`{"customerId": "${customer('good')}", broken ${good}`)).status).toBe(400);
    expect((await post({ customerId: `../${customer('good')}`, reason: said.reason })).status).toBe(400);
    expect((await post(JSON.stringify({ reason: said.reason.repeat(2_000) }))).status).toBe(413);
    expect((await post('x', { 'content-type': 'text/plain' })).status).toBe(415);
    expect((await call(`/v1/unlocks?token=${good}&customerId=${customer('good')}`, { as: good })).status).toBe(400);
    expect((await call('/v1/unlocks', { method: 'DELETE', as: good })).status).toBe(405);
    expect((await call(`/nowhere/${good}`, { as: good })).status).toBe(404);
  });

  it('of outages, a worker that is killed, and a start that fails', async () => {
    const user = await token('a token in an outage');
    const [worker] = processes.filter((each) => each.output().includes('the worker polls'));
    await worker?.end('SIGKILL');
    const correlationId = randomUUID();
    await call('/v1/unlocks', { method: 'POST', as: user, body: wish('good-4'), headers: { correlationId } });
    await (await start('worker')).says(/the worker polls/);
    await eventually(async () => expect((await call(`/v1/unlocks/${correlationId}`, { as: user })).text).toContain('"completed"'), {
      limitMs: 60_000,
    });
    await pool.query(`ALTER ROLE ${login} NOLOGIN`);
    await pool.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1', [login]);
    expect((await call('/v1/unlocks', { as: user })).status).toBe(503);
    expect((await call('/v1/unlocks', { method: 'POST', as: user, body: wish('good-5') })).status).toBe(503);
    await pool.query(`ALTER ROLE ${login} LOGIN`);
    await eventually(async () => expect((await call('/v1/unlocks', { as: user })).status).toBe(200));
    const broken = {
      DATABASE_URL: `postgresql//${login}:${secret.database}@host`,
      PAYLOAD_KEYS: `k1:${payloadKey}x`,
      UPSTREAM_BASE_URL: `http://u:${secret.client}@h`,
    };
    expect(await (await start('api', broken)).exitCode()).toBe(78);
  }, 120_000);
});

const pendings: string[] = [];

/** Everything that Temporal keeps of this run, as bytes: histories and what its lists show. */
async function kept(): Promise<string> {
  const { workflowService } = connection;
  const texts: string[] = [...pendings];
  for await (const execution of client.workflow.list()) {
    texts.push(JSON.stringify(execution.raw));
    const { history } = await workflowService.getWorkflowExecutionHistory({
      namespace,
      execution: { workflowId: execution.workflowId, runId: execution.runId },
    });
    texts.push(Buffer.from(proto.temporal.api.history.v1.History.encode(history ?? {}).finish()).toString('latin1'));
  }
  return texts.join('\n');
}

const secrets = (): Mark[] => [
  ...callerTokens,
  ...bank.tokens.map((value) => ({ what: 'a token of the bank', value })),
  { what: "the bank's client secret", value: secret.client },
  { what: 'the password of the database', value: secret.database },
  { what: 'the key of references', value: secret.reference },
  { what: 'the key of payloads', value: payloadKey },
  { what: "the secret of a caller's webhook", value: webhook.replace('whsec_', '') },
  { what: 'the key that signs checkpoints', value: signingKey },
  { what: "the collector's key", value: secret.collector },
];
const ofTheBank = (): Mark => ({ what: "what the bank said of the customer's person", value: person });
const ofPeople = (): Mark[] => [
  ofTheBank(),
  { what: "the customer's id", value: customerMark },
  ...Object.entries(said).map(([what, value]) => ({ what: `the caller's ${what}`, value })),
];

describe('no secret, and of people nothing that does not belong there, stands', () => {
  it('in what Temporal keeps', async () => {
    const all = await kept();
    expect(all.length).toBeGreaterThan(50_000);
    expect(findMarks(all, [...secrets(), ...ofPeople()])).toEqual([]);
  });

  it('in the log of any process, at its most talkative', async () => {
    const written = processes.map((each) => each.output()).join('\n');
    expect(written.split('\n').length).toBeGreaterThan(20);
    expect(findMarks(written, [...secrets(), ...ofPeople()])).toEqual([]);
  });

  it('in the metrics', async () => {
    for (const each of processes.filter(({ child }) => child.exitCode === null && child.signalCode === null)) await keepMetrics(each);
    expect(metrics.length).toBeGreaterThanOrEqual(2);
    expect(findMarks(metrics.join('\n'), [...secrets(), ...ofPeople()])).toEqual([]);
  });

  it('in any span, as the collector gets it', async () => {
    // Whatever a stop still sends belongs to it.
    await Promise.all(processes.map((each) => each.end('SIGTERM')));
    const seen = (name: RegExp): boolean => collector.spans.some((span) => name.test(span.name));
    for (const name of [
      /^PUT .*:unlock-user$/,
      /^StartWorkflow:/,
      /^RunWorkflow:/,
      /^RunActivity:/,
      /^POST \/token$/,
      /^prisma:/,
      /:cancel$/,
    ]) {
      expect([name, seen(name)]).toEqual([name, true]);
    }
    const failed = collector.spans.filter(({ status }) => status.code === 2).map(({ service, kind }) => `${String(service)} ${kind}`);
    expect(failed).toEqual(expect.arrayContaining(['latchkey-api 2', 'latchkey-worker 3']));
    expect(findMarks(JSON.stringify(collector.spans), [...secrets(), ...ofPeople()])).toEqual([]);
    expect(findMarks(Buffer.concat(collector.bodies).toString('latin1'), [...secrets(), ...ofPeople()])).toEqual([]);
    expect(collector.headers.every((each) => each['x-key'] === secret.collector)).toBe(true);
  });

  it('in the answer to anybody who is refused', () => {
    for (const status of [400, 401, 403, 404, 405, 409, 413, 415, 503]) expect(statuses).toContain(status);
    expect(findMarks(refusals.join('\n'), [...secrets(), { what: 'the reason', value: said.reason }])).toEqual([]);
  });

  it('in the audit log, where people may stand in columns of their own alone', async () => {
    const { rows } = await pool.query<{ row: Record<string, unknown> }>('SELECT to_jsonb(e) AS row FROM audit_event e');
    expect(rows.length).toBeGreaterThan(50);
    expect(findMarks(JSON.stringify(rows), secrets())).toEqual([]);
    const places = new Set(
      rows.flatMap(({ row }) =>
        Object.entries(row).flatMap(([column, value]) => (findMarks(JSON.stringify(value), ofPeople()).length > 0 ? [column] : [])),
      ),
    );
    const own = ['actor_id', 'actor_name', 'on_behalf_of', 'reason', 'ticket', 'customer_id'];
    // What the bank writes in an error is kept as it came, and what a reviewer filtered for.
    expect([...places].filter((column) => !own.includes(column)).toSorted()).toEqual(['metadata', 'upstream_message']);
    const filters = rows.filter(({ row }) => findMarks(JSON.stringify(row.metadata), ofPeople()).length > 0);
    expect(new Set(filters.map(({ row }) => row.action))).toEqual(new Set(['audit.viewed', 'audit.exported']));
  });

  it('in what callers with a webhook are sent', async () => {
    const told = await pool.query("SELECT 1 FROM audit_event WHERE action = 'customer.unlock.notified'");
    expect(told.rows.length).toBeGreaterThan(5);
    expect(findMarks(JSON.stringify(receiver.received), [...secrets(), ...ofPeople()])).toEqual([]);
  });

  it('in the checkpoints that are published', async () => {
    const folder = join(dataDir, 'checkpoints');
    const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.checkpoint'));
    const notes = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
    expect(notes.length).toBeGreaterThan(1);
    expect(findMarks(notes.join('\n'), [...secrets(), ...ofPeople()])).toEqual([]);
  });

  it('in the URLs that the bank was asked under, but for the customer it was asked about', () => {
    expect(bank.paths.length).toBeGreaterThan(20);
    expect(findMarks(bank.paths.join('\n'), [...secrets(), ...ofPeople().filter(({ value }) => value !== customerMark)])).toEqual([]);
  });
});

describe('the search', () => {
  const mark: Mark = { what: 'it', value: 'a Secret/with+odd "signs"' };

  test.each([...spellingsOf(mark.value)])('finds what is spelled %s', (_spelling, written) => {
    expect(findMarks(`before ${written} after`, [mark])).not.toEqual([]);
  });

  test.each([0, 1, 2, 3, 4])('finds base64 of a text that holds it behind %i characters', (count) => {
    for (const encoding of ['base64', 'base64url'] as const) {
      const text = Buffer.from(`${'y'.repeat(count)}${mark.value} and more`).toString(encoding);
      expect(findMarks(text, [mark])).not.toEqual([]);
    }
  });

  it('had something to find: the marks went their ways', async () => {
    const rows = JSON.stringify((await pool.query('SELECT * FROM audit_event')).rows);
    for (const each of ofPeople()) expect([each.what, findMarks(rows, [each]).length > 0]).toEqual([each.what, true]);
    expect(bank.tokens.length).toBeGreaterThanOrEqual(3);
    expect(bank.paths.join('\n')).toContain(customerMark);
  });
});
