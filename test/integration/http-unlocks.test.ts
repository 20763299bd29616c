import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createActivities } from '../../activities/index.js';
import { connectAudit } from '../../src/audit/connection.js';
import { connectInstitutions, createAuditLogByInstitution, createAuditReviewByInstitution } from '../../src/audit/by-institution.js';
import type { AuditReview } from '../../src/audit/audit-review.js';
import { createAuditLog } from '../../src/audit/index.js';
import type { AuditLog } from '../../src/audit/audit-log.js';
import { auditEventPageSchema, lockStatusSchema, unlockPageSchema, unlockSchema } from '../../src/http/answer-schemas.js';
import { bankErrorSchema, problemSchema } from '../../src/http/problem.js';
import { silentObserver } from '../../src/domain/observer.js';
import type { HttpSettings } from '../../src/http/settings.js';
import { createSandbox, type Sandbox } from '../../src/sandbox/index.js';
import { createDataConverter } from '../../src/temporal/data-converter.js';
import { createTemporalClient } from '../../src/temporal/client.js';
import { createExecutions } from '../../src/temporal/reconciler-executions.js';
import { createUnlockClient } from '../../src/temporal/unlock-client.js';
import { startWorker } from '../../src/temporal/worker.js';
import { createUpstream } from '../../src/upstream/index.js';
import { createTestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import {
  INSTITUTION,
  openFrontDoor,
  settings,
  startForeignIssuer,
  type ForeignIssuer,
  type FrontDoor,
  type Reply,
} from '../support/front-door.js';
import { PAYLOAD_KEYS } from '../support/latchkey.js';
import { testTemporal, uniqueTaskQueue } from '../support/temporal.js';
import { anywhere } from '../support/anywhere.js';

const OTHER_INSTITUTION = 'bank-two';

let issuer: ForeignIssuer;
let door: FrontDoor;
let sandbox: Sandbox;
let audit: AuditLog;
let review: AuditReview;
let token: string;
let reopen: (changes: Partial<HttpSettings>) => Promise<FrontDoor>;
const closers: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  const database = await createTestDatabase();
  closers.push(database.drop);
  const connections = connectInstitutions({
    databaseUrl: database.url,
    role: 'latchkey_app',
    institutionIds: [INSTITUTION, OTHER_INSTITUTION],
  });
  closers.push(connections.close);
  audit = createAuditLogByInstitution({ connections });
  const reviewers = connectInstitutions({ databaseUrl: database.url, role: 'latchkey_auditor', institutionIds: [INSTITUTION] });
  closers.push(reviewers.close);
  review = createAuditReviewByInstitution({ connections: reviewers });
  sandbox = await createSandbox({ institutionId: INSTITUTION });
  closers.push(sandbox.close);
  const upstream = createUpstream({
    baseUrl: sandbox.bankBaseUrl,
    unlockPath: '/v1/customers/{customerId}:unlock-user',
    statusPath: '/v1/customers/{customerId}?userIdType=CUSTOMER_ID',
    statusFlagsField: 'userStatus',
    classificationOverrides: [],
    tokenUrl: sandbox.bankTokenUrl,
    clientId: sandbox.clientId,
    clientSecret: sandbox.clientSecret,
    institutionId: INSTITUTION,
    customerIdPattern: settings.customerIdPattern,
    timeoutMs: 2_000,
    outbound: anywhere,
  });
  closers.push(upstream.close);
  const { address, namespace, workflowBundle } = testTemporal();
  const temporal = { address, namespace, tls: undefined, apiKey: undefined };
  const taskQueue = uniqueTaskQueue('http');
  const dataConverter = createDataConverter(PAYLOAD_KEYS);
  const client = createTemporalClient(temporal, dataConverter);
  closers.push(client.close);
  const activities = createActivities({
    upstream,
    audit,
    executions: createExecutions({ client: client.client, taskQueue }),
    observer: silentObserver,
    reconciler: { afterMs: 60_000, openAfterMs: 120_000, unavailableAfterMs: 3_600_000 },
  });
  const institutions = [{ institutionId: INSTITUTION, maxPerSecond: null }];
  const worker = await startWorker({
    settings: temporal,
    activities,
    institutions,
    dataConverter,
    shutdownGraceMs: 10_000,
    workflowBundle,
    taskQueue,
  });
  closers.push(worker.stop);
  const executions = createUnlockClient({ client: client.client, customerRefKey: 'test', readTimeoutMs: 10_000, taskQueue });
  issuer = await startForeignIssuer();
  closers.push(issuer.stop);
  reopen = async (changes) => {
    const opened = await openFrontDoor({ issuerUrl: issuer.url, audit, review, executions, settings: { ...settings, ...changes } });
    closers.push(opened.close);
    return opened;
  };
  door = await reopen({});
  token = await issuer.token();
});

afterAll(async () => {
  for (const close of closers.reverse()) await close();
});

function put(customerId: string, correlationId: string = randomUUID(), at = door, as = token): Promise<Reply> {
  return at.send({ method: 'PUT', path: `/v1/customers/${customerId}:unlock-user`, token: as, headers: { correlationId } });
}

interface PostWish {
  readonly correlationId?: string;
  readonly prefer?: string;
  readonly as?: string;
}

function post(body: object, { correlationId, prefer, as = token }: PostWish = {}): Promise<Reply> {
  const headers = { 'content-type': 'application/json', ...(correlationId && { correlationId }), ...(prefer && { prefer }) };
  return door.send({ method: 'POST', path: '/v1/unlocks', token: as, headers, body: JSON.stringify(body) });
}

const read = (path: string, as = token): Promise<Reply> => door.send({ path, token: as });
const putsFor = (customerId: string) => sandbox.calls().filter((call) => call.endpoint === 'unlock' && call.customerId === customerId);

describe('the drop-in endpoint', () => {
  it('answers 204 once the customer is unlocked, and for ever after without asking the bank again', async () => {
    const correlationId = randomUUID();
    const reply = await put('locked-1', correlationId.toUpperCase());
    expect([reply.httpStatus, reply.text, reply.headers.correlationid]).toEqual([204, '', correlationId]);
    sandbox.customers.set('locked-1', {});
    expect((await put('locked-1', correlationId)).httpStatus).toBe(204);
    expect(putsFor('locked-1')).toHaveLength(1);
  });

  it('answers 409 with the diagnosis where the customer is not locked, or 204 where that is accepted', async () => {
    const reply = await put('on-hold-1');
    const { code, message } = bankErrorSchema.parse(reply.body);
    expect([reply.httpStatus, code]).toEqual([409, 'LATCHKEY_NOT_LOCKED']);
    expect(message).toContain('hold');
    expect((await put('on-hold-1', randomUUID(), await reopen({ notLockedPolicy: 'accept' }))).httpStatus).toBe(204);
  });

  it("hands on the bank's own rejection", async () => {
    expect((await put('nobody')).httpStatus).toBe(404);
    const reply = await put('forbidden-403');
    expect(reply.body).toEqual({ status: 403, message: 'User lacks the required role', code: 'UXU_10002' });
    expect(bankErrorSchema.parse((await put('always-expired-jwt-400')).body).status).toBe(502);
  });

  it('answers 503 once all attempts are used up', async () => {
    const reply = await put('always-503');
    expect([reply.httpStatus, bankErrorSchema.parse(reply.body).code]).toEqual([503, 'LATCHKEY_RETRIES_EXHAUSTED']);
  });

  it('answers 504 while the unlock goes on, and the same request joins it', async () => {
    const correlationId = randomUUID();
    sandbox.customers.set('slow', { script: [{ delayMs: 1_500 }] });
    const reply = await put('slow', correlationId, await reopen({ unlockWaitMs: 100 }));
    expect([reply.httpStatus, bankErrorSchema.parse(reply.body).code]).toEqual([504, 'LATCHKEY_STILL_RUNNING']);
    expect([reply.headers['retry-after'], reply.headers.location]).toEqual(['5', `/v1/unlocks/${correlationId}`]);
    expect((await put('slow', correlationId)).httpStatus).toBe(204);
    expect(putsFor('slow')).toHaveLength(1);
  });

  it('answers 504 at once when the process is going down, and the unlock goes on', async () => {
    const correlationId = randomUUID();
    sandbox.customers.set('slow-2', { script: [{ delayMs: 1_500 }] });
    const going = await reopen({ unlockWaitMs: 60_000 });
    const waiting = put('slow-2', correlationId, going);
    await eventually(async () => expect((await audit.eventsOf(correlationId, INSTITUTION)).events).not.toEqual([]));
    await going.close();
    const reply = await waiting;
    expect([reply.httpStatus, reply.headers.connection]).toEqual([504, 'close']);
    expect((await put('slow-2', correlationId)).httpStatus).toBe(204);
  });
});

describe('POST /v1/unlocks', () => {
  it('accepts with 202, makes a correlationId where none came, and shows the request from then on', async () => {
    const reply = await post({ customerId: 'locked-2', reason: 'called in', ticket: 'T-1' });
    const accepted = unlockSchema.parse(reply.body);
    expect([reply.httpStatus, reply.headers.location, reply.headers.correlationid]).toEqual([
      202,
      accepted.links.self,
      accepted.correlationId,
    ]);
    expect(accepted).toMatchObject({ customerId: 'locked-2', state: 'running', reason: 'called in', ticket: 'T-1' });
    await eventually(async () => {
      const shown = await read(accepted.links.self);
      expect(shown.httpStatus).toBe(200);
      expect(unlockSchema.parse(shown.body)).toMatchObject({ state: 'completed', outcome: 'unlocked', verification: 'confirmed' });
    });
  });

  it('waits as long as the caller prefers and answers 200 with the finished request', async () => {
    const correlationId = randomUUID();
    const reply = await post({ customerId: 'two-503' }, { correlationId, prefer: 'wait=90' });
    expect([reply.httpStatus, reply.headers['preference-applied']]).toEqual([200, 'wait=60']);
    const unlock = unlockSchema.parse(reply.body);
    const requestedBy = { type: 'user', id: 'agent-7', name: 'Ann Agent', clientId: 'desk', onBehalfOf: null };
    expect(unlock).toMatchObject({ outcome: 'unlocked', requestedBy });
    expect(unlock.attempts.map(({ result }) => result)).toEqual(['retryable', 'retryable', 'succeeded']);
    const again = await post({ customerId: 'two-503', reason: 'another' }, { correlationId });
    expect([again.httpStatus, unlockSchema.parse(again.body)]).toEqual([200, unlock]);
  });

  it('refuses a correlationId that is in use for another customer and says no more, running or ended', async () => {
    const correlationId = randomUUID();
    sandbox.customers.set('slow-3', { script: [{ delayMs: 1_000 }] });
    await post({ customerId: 'slow-3' }, { correlationId });
    const expectRefused = async (): Promise<void> => {
      const reply = await post({ customerId: 'locked-3' }, { correlationId });
      expect([reply.httpStatus, problemSchema.parse(reply.body).code]).toEqual([409, 'correlation_id_in_use']);
      expect(reply.text).not.toContain('slow-3');
    };
    await expectRefused();
    expect((await post({ customerId: 'slow-3' }, { correlationId, prefer: 'wait=30' })).httpStatus).toBe(200);
    await expectRefused();
    expect(bankErrorSchema.parse((await put('locked-3', correlationId)).body).code).toBe('LATCHKEY_CORRELATION_ID_IN_USE');
    expect(putsFor('locked-3')).toEqual([]);
  });

  it('records each other actor who joins, once', async () => {
    const correlationId = randomUUID();
    await post({ customerId: 'locked-4' }, { correlationId, prefer: 'wait=30' });
    const service = await issuer.token({ claims: { sub: 'robot', client_id: 'robot' }, without: ['name'] });
    const join = (as: string) => post({ customerId: 'locked-4', ...(as === service && { onBehalfOf: 'bob' }) }, { correlationId, as });
    const replies = await Promise.all([token, service, service].map(join));
    expect(replies.map(({ httpStatus }) => httpStatus)).toEqual([200, 200, 200]);
    const { events } = await audit.eventsOf(correlationId, INSTITUTION);
    const joined = events.filter(({ action }) => action === 'customer.unlock.joined');
    const actor = { actorType: 'service', actorId: 'robot', onBehalfOf: 'bob', metadata: { clientId: 'robot' } };
    expect(joined).toMatchObject([{ ...actor, customerId: 'locked-4' }]);
  });

  it('shows the human whom a service names as asserted', async () => {
    const service = await issuer.token({ claims: { sub: 'robot', client_id: 'robot' }, without: ['name'] });
    const reply = await post({ customerId: 'locked-5', onBehalfOf: 'bob' }, { as: service, prefer: 'wait=30' });
    const requestedBy = { type: 'service', id: 'robot', name: null, clientId: 'robot', onBehalfOf: { id: 'bob', asserted: true } };
    expect(unlockSchema.parse(reply.body).requestedBy).toEqual(requestedBy);
  });
});

describe('while a part is away', () => {
  it('nothing is accepted, nothing is on record, and the caller is told to come back', async () => {
    // Port 1 of the own machine refuses connections.
    const client = createTemporalClient({ address: '127.0.0.1:1', namespace: 'default', tls: undefined, apiKey: undefined });
    const executions = createUnlockClient({ client: client.client, customerRefKey: 'test', readTimeoutMs: 1_000 });
    const nowhere = connectAudit({ databaseUrl: 'postgresql://nobody@127.0.0.1:1/none', role: null });
    const withoutTemporal = await openFrontDoor({ issuerUrl: issuer.url, audit, executions });
    const withoutPostgres = await openFrontDoor({ issuerUrl: issuer.url, audit: createAuditLog(nowhere), executions });
    try {
      for (const lame of [withoutTemporal, withoutPostgres]) {
        const correlationId = randomUUID();
        const reply = await put('locked-10', correlationId, lame);
        expect([reply.httpStatus, bankErrorSchema.parse(reply.body).code]).toEqual([503, 'LATCHKEY_TEMPORARILY_UNAVAILABLE']);
        expect([reply.headers['retry-after'], reply.headers.correlationid]).toEqual(['5', correlationId]);
        expect((await audit.eventsOf(correlationId, INSTITUTION)).events).toEqual([]);
        expect((await lame.send({ path: `/v1/unlocks/${correlationId}`, token })).httpStatus).toBe(503);
      }
      expect((await withoutTemporal.send({ path: '/v1/customers/locked-10/lock-status', token })).httpStatus).toBe(503);
      expect((await withoutTemporal.send({ path: '/v1/unlocks', token })).httpStatus).toBe(200);
      expect((await withoutPostgres.send({ path: '/v1/audit/events', token })).httpStatus).toBe(503);
    } finally {
      await withoutTemporal.close();
      await withoutPostgres.close();
      await client.close();
      await nowhere.close();
    }
  });
});

describe('reading', () => {
  it("answers another institution's request as if it were unknown", async () => {
    const unknown = await read(`/v1/unlocks/${randomUUID()}`);
    expect([unknown.httpStatus, problemSchema.parse(unknown.body).code]).toEqual([404, 'not_found']);
    const correlationId = randomUUID();
    const subject = { correlationId, customerId: 'c1', institutionId: OTHER_INSTITUTION };
    const action = 'customer.unlock.requested';
    await audit.append({ ...subject, id: randomUUID(), occurredAt: new Date(), action, actorType: 'user', actorId: 'eve' });
    const hidden = await read(`/v1/unlocks/${correlationId}`);
    const same = (reply: Reply) => ({ ...problemSchema.parse(reply.body), instance: '', correlationId: '' });
    expect([hidden.httpStatus, same(hidden)]).toEqual([404, same(unknown)]);
    expect((await post({ customerId: 'c1' }, { correlationId })).httpStatus).toBe(409);
    const list = unlockPageSchema.parse((await read('/v1/unlocks?limit=200')).body);
    expect(list.items.map((item) => item.correlationId)).not.toContain(correlationId);
  });

  it('lists requests newest first, page by page, each once', async () => {
    const ids: string[] = [];
    for (const customerId of ['locked-6', 'locked-7', 'locked-8']) {
      const reply = await post({ customerId }, { prefer: 'wait=30', as: await issuer.token({ claims: { sub: 'lister' } }) });
      ids.unshift(unlockSchema.parse(reply.body).correlationId);
    }
    const seen: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page = unlockPageSchema.parse((await read(`/v1/unlocks?actor=lister&limit=2${cursor && `&cursor=${cursor}`}`)).body);
      seen.push(...page.items.map(({ correlationId }) => correlationId));
      cursor = page.nextCursor;
    }
    expect(seen).toEqual(ids);
    const filtered = unlockPageSchema.parse(
      (await read('/v1/unlocks?actor=lister&customerId=locked-7&outcome=unlocked&state=completed')).body,
    );
    expect(filtered.items.map(({ customerId }) => customerId)).toEqual(['locked-7']);
  });

  it('tells a lock status and puts on record who looked', async () => {
    await put('locked-on-hold-1');
    sandbox.customers.set('locked-on-hold-1', { state: { onHold: true } });
    const correlationId = randomUUID();
    const reply = await door.send({ path: '/v1/customers/locked-on-hold-1/lock-status', token, headers: { correlationId } });
    const status = lockStatusSchema.parse(reply.body);
    const lastUnlocks = [{ state: 'completed', outcome: 'unlocked' }];
    expect(status).toMatchObject({ lockStatus: 'locked', flags: { onHold: true }, correlationId, lastUnlocks });
    expect(status.diagnosis).toContain('hold');
    const { events } = await audit.eventsOf(correlationId, INSTITUTION);
    const action = 'customer.lock_status.viewed';
    expect(events).toMatchObject([{ action, actorId: 'agent-7', lockStatus: 'locked', customerId: 'locked-on-hold-1' }]);
  });

  it('says that the bank knows no such customer, and that is on record too', async () => {
    const reply = await read('/v1/customers/nobody/lock-status');
    const problem = problemSchema.parse(reply.body);
    expect([reply.httpStatus, problem.code]).toEqual([404, 'customer_not_found']);
    const { events } = await audit.eventsOf(problem.correlationId, INSTITUTION);
    expect(events).toMatchObject([{ action: 'customer.lock_status.viewed', lockStatus: 'unknown' }]);
  });

  it('passes the audit log on, page by page, the reads themselves included', async () => {
    const correlationId = randomUUID();
    await put('locked-9', correlationId);
    const first = auditEventPageSchema.parse((await read(`/v1/audit/events?correlationId=${correlationId}&limit=2`)).body);
    const second = auditEventPageSchema.parse(
      (await read(`/v1/audit/events?correlationId=${correlationId}&cursor=${first.nextCursor}`)).body,
    );
    const actions = [...first.items, ...second.items].map(({ action }) => action.replace('customer.unlock.', ''));
    expect(actions).toEqual(['completed', 'attempt_finished', 'attempt_started', 'status_checked', 'requested']);
    expect(second.nextCursor).toBeNull();
    await read('/v1/audit/events?action=audit.viewed&limit=1');
    const views = auditEventPageSchema.parse((await read('/v1/audit/events?action=audit.viewed&limit=3')).body);
    expect(views.items.map(({ metadata: { filters, rows } }) => [filters, rows])).toEqual([
      [{ action: 'audit.viewed' }, 1],
      [{ correlationId }, 3],
      [{ correlationId }, 2],
    ]);
  });
});
