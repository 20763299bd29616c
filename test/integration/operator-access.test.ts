import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { operatorActionNames as actions, type OperatorAction } from '../../src/domain/operator-action.js';
import { createAuthenticator } from '../../src/http/auth.js';
import { problemSchema } from '../../src/http/problem.js';
import { createTemporalClient } from '../../src/temporal/client.js';
import { createDataConverter } from '../../src/temporal/data-converter.js';
import { createUnlockClient } from '../../src/temporal/unlock-client.js';
import type { AuditLog } from '../../src/audit/audit-log.js';
import type { UnlockExecutions } from '../../src/temporal/unlock-executions.js';
import { openFrontDoor, type FrontDoor } from '../support/front-door.js';
import { openLatchkey, PAYLOAD_KEYS, type Latchkey } from '../support/latchkey.js';
import { muchLater, REASON, steering } from '../support/steering.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { testTemporal } from '../support/temporal.js';
import { issuerFetch } from '../support/anywhere.js';

let latchkey: Latchkey;
let wayToPostgres: TcpProxy;
let wayToTemporal: TcpProxy;
beforeAll(async () => {
  wayToTemporal = await startTcpProxy(Number(new URL(`http://${testTemporal().address}`).port));
  latchkey = await openLatchkey({
    others: ['another-bank'],
    budget: { retryAfterMaxMs: 600_000, deadlineMs: 900_000 },
    async apiDatabaseUrl(direct) {
      const url = new URL(direct);
      wayToPostgres = await startTcpProxy(Number(url.port));
      url.port = String(wayToPostgres.port);
      return url.href;
    },
  });
});
afterAll(async () => {
  await latchkey.close();
  await wayToPostgres.close();
  await wayToTemporal.close();
});

const { begin, act } = steering(() => latchkey);

type Request = Awaited<ReturnType<typeof begin>>;

async function waitingRequest(customerId: string): Promise<Request> {
  const request = await begin(customerId, [muchLater]);
  await request.waits();
  return request;
}

/** As its operators would leave it, had nothing happened. */
async function expectUntouched({ acts, pending, handle }: Request): Promise<void> {
  expect(await acts()).toEqual([]);
  expect(await pending()).toMatchObject({ paused: false, state: 1, nextAttemptScheduleTime: expect.anything() });
  const { events } = await handle.fetchHistory();
  expect(events?.filter(({ workflowExecutionCancelRequestedEventAttributes: asked }) => asked)).toEqual([]);
}

describe("an operator's action", () => {
  it('needs the scope unlocks:operate', async () => {
    const request = await waitingRequest('guarded');
    for (const action of actions) {
      const reply = await act(action, request.correlationId, { reason: REASON }, { scopes: ['institution-users:write', 'audit:read'] });
      expect(reply).toMatchObject({ httpStatus: 403, body: { code: 'insufficient_scope' } });
    }
    await expectUntouched(request);
  });

  it.each([
    ['no reason', {}, '/reason'],
    ['a blank reason', { reason: '  ' }, '/reason'],
    ['a reason that is null', { reason: null }, '/reason'],
    ['a reason of several lines', { reason: 'a\nb' }, '/reason'],
    ['a field that is not known', { reason: REASON, force: true }, '/force'],
    ['a human whom a user claims to act for', { reason: REASON, onBehalfOf: 'eve' }, '/onBehalfOf'],
  ])('is refused with %s', async (what, body, pointer) => {
    const request = await waitingRequest(`refused-${what.replaceAll(' ', '-')}`);
    for (const action of actions) {
      expect(await request.act(action, body)).toMatchObject({ httpStatus: 400, body: { errors: [{ pointer }] } });
    }
    await expectUntouched(request);
  });

  it('names the human whom a service asserts', async () => {
    const request = await waitingRequest('on-behalf');
    const wish = { reason: REASON, onBehalfOf: 'teller-12' };
    await act('cancel', request.correlationId, wish, { subject: 'console', clientId: 'console' });
    expect(await request.acts()).toMatchObject([
      { actorType: 'service', actorId: 'console', onBehalfOf: 'teller-12', metadata: { clientId: 'console', onBehalfOfAsserted: true } },
    ]);
    await request.handle.result();
  });

  it("answers another institution's request as if it were unknown, under way or ended", async () => {
    const foreign = { institutionId: 'another-bank', customerId: 'c1', actorType: 'user', actorId: 'eve' } as const;
    const ended = randomUUID();
    const action = 'customer.unlock.requested';
    await latchkey.audit.append({ ...foreign, id: randomUUID(), occurredAt: new Date(), action, correlationId: ended });
    await latchkey.audit.append({
      ...foreign,
      id: randomUUID(),
      occurredAt: new Date(),
      action: 'customer.unlock.completed',
      correlationId: ended,
      outcome: 'failed',
      metadata: { attempts: 0 },
    });
    const underWay = await waitingRequest('under-way');
    const others = await openDoorOf('another-bank');
    try {
      const token = await latchkey.sandbox.mintToken({ institutionId: 'another-bank' });
      for (const each of actions) {
        const send = (id: string) => sendTo(others, each, id, token);
        const unknown = await send(randomUUID());
        const hidden = await send(underWay.correlationId);
        const same = ({ body }: { body: unknown }) => ({ ...problemSchema.parse(body), instance: '', correlationId: '' });
        expect([hidden.httpStatus, same(hidden)]).toEqual([404, same(unknown)]);
        expect(await act(each, ended)).toMatchObject({ httpStatus: 404, body: { code: 'not_found', detail: same(unknown).detail } });
      }
    } finally {
      await others.close();
    }
    await expectUntouched(underWay);
  });

  it('is known under its path alone: another method is told which', async () => {
    const path = `/v1/unlocks/${randomUUID()}:cancel`;
    const reply = await latchkey.call(path);
    expect([reply.status, reply.headers.get('allow')]).toEqual([405, 'POST']);
    expect((await latchkey.call(path.replace(':cancel', ':explode'), { method: 'POST', body: {} })).status).toBe(404);
    expect((await latchkey.call('/v1/unlocks/no-guid:cancel', { method: 'POST', body: { reason: REASON } })).status).toBe(400);
  });
});

/** The front door over other ways to its rooms. */
async function openDoorOf(institutionId: string, parts: { audit?: AuditLog; executions?: UnlockExecutions } = {}): Promise<FrontDoor> {
  const { issuerUrl, audience } = latchkey.sandbox;
  return openFrontDoor({
    issuerUrl,
    audit: latchkey.audit,
    executions: latchkey.executions,
    auth: createAuthenticator({
      issuer: issuerUrl,
      audience,
      jwksUrl: null,
      tokenTyp: 'at+jwt',
      allowedInstitutions: [institutionId],
      fetch: issuerFetch(issuerUrl),
    }),
    ...parts,
  });
}

function sendTo(door: FrontDoor, action: OperatorAction, correlationId: string, token: string) {
  const headers = { 'content-type': 'application/json' };
  return door.send({
    method: 'POST',
    path: `/v1/unlocks/${correlationId}:${action}`,
    token,
    headers,
    body: JSON.stringify({ reason: REASON }),
  });
}

describe('while a part is away', () => {
  it('nothing is done that cannot be put on record', async () => {
    const request = await waitingRequest('postgres-away');
    // It goes while the row is being written.
    const audit: AuditLog = {
      ...latchkey.audit,
      async append(event) {
        wayToPostgres.cut();
        return latchkey.audit.append(event);
      },
    };
    const door = await openDoorOf(latchkey.sandbox.institutionId, { audit });
    try {
      for (const action of actions.filter((each) => each !== 'resume')) {
        const reply = await sendTo(door, action, request.correlationId, await latchkey.sandbox.mintToken());
        expect([reply.httpStatus, reply.headers['retry-after']]).toEqual([503, '5']);
        wayToPostgres.restore();
      }
    } finally {
      wayToPostgres.restore();
      await door.close();
    }
    await expectUntouched(request);
  });

  it('an action for which Temporal was away afterwards stands on record as asked for, and may be sent again', async () => {
    const request = await waitingRequest('temporal-away');
    const settings = { address: `127.0.0.1:${wayToTemporal.port}`, namespace: 'default', tls: undefined, apiKey: undefined };
    const temporal = createTemporalClient(settings, createDataConverter(PAYLOAD_KEYS));
    const real = createUnlockClient({
      client: temporal.client,
      customerRefKey: 'test',
      readTimeoutMs: 1_000,
      taskQueue: latchkey.taskQueue,
    });
    const executions: UnlockExecutions = {
      ...real,
      async operate(action, execution) {
        wayToTemporal.cut();
        return real.operate(action, execution);
      },
    };
    const door = await openDoorOf(latchkey.sandbox.institutionId, { executions });
    try {
      const token = await latchkey.sandbox.mintToken();
      const detail = expect.stringMatching(/on record.+not known whether it was carried out.+safely be sent again/);
      expect(await sendTo(door, 'pause', request.correlationId, token)).toMatchObject({ httpStatus: 503, body: { detail } });
      expect(await request.acts()).toMatchObject([{ action: 'customer.unlock.paused', reason: REASON }]);
      // Away from the start: nothing is asked of it, and nothing recorded.
      expect((await sendTo(door, 'pause', request.correlationId, token)).httpStatus).toBe(503);
      expect(await request.acts()).toHaveLength(1);
    } finally {
      wayToTemporal.restore();
      await door.close();
      await temporal.close();
    }
    expect((await request.pending())?.paused).toBe(false);
    expect((await request.act('pause')).httpStatus).toBe(202);
    expect(await request.acts()).toHaveLength(2);
    await request.act('cancel');
    await request.handle.result();
  });

  it('an action that was carried out says so, though Postgres went before the answer could tell how the request stands', async () => {
    const request = await waitingRequest('postgres-gone-afterwards');
    const executions: UnlockExecutions = {
      ...latchkey.executions,
      async operate(action, execution) {
        const done = await latchkey.executions.operate(action, execution);
        wayToPostgres.cut();
        return done;
      },
    };
    const door = await openDoorOf(latchkey.sandbox.institutionId, { executions });
    try {
      const reply = await sendTo(door, 'pause', request.correlationId, await latchkey.sandbox.mintToken());
      const detail = expect.stringMatching(/on record and was carried out.+safely be sent again/);
      expect(reply).toMatchObject({ httpStatus: 503, headers: { 'retry-after': '5' }, body: { code: 'temporarily_unavailable', detail } });
    } finally {
      wayToPostgres.restore();
      await door.close();
    }
    expect((await request.pending())?.paused).toBe(true);
    expect(await request.acts()).toMatchObject([{ action: 'customer.unlock.paused' }]);
    await request.act('cancel');
    await request.handle.result();
  });

  it('an action that came too late is told apart from one that was carried out, by a row that says so', async () => {
    const request = await waitingRequest('too-late');
    const executions: UnlockExecutions = {
      ...latchkey.executions,
      async operate(action, execution) {
        await request.handle.cancel();
        await request.handle.result();
        return latchkey.executions.operate(action, execution);
      },
    };
    const door = await openDoorOf(latchkey.sandbox.institutionId, { executions });
    try {
      const reply = await sendTo(door, 'pause', request.correlationId, await latchkey.sandbox.mintToken());
      expect(reply).toMatchObject({ httpStatus: 409, body: { code: 'request_has_ended' } });
    } finally {
      await door.close();
    }
    const [asked, told] = await request.acts();
    expect(asked).toMatchObject({ action: 'customer.unlock.paused', reason: REASON });
    expect(asked?.metadata).not.toHaveProperty('carriedOut');
    expect(told).toMatchObject({ action: 'customer.unlock.paused', reason: REASON, metadata: { carriedOut: false, act: asked?.id } });
  });
});
