import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connectAudit } from '../../src/audit/connection.js';
import { createSealer } from '../../src/audit/seal.js';
import { createAuthenticator } from '../../src/http/auth.js';
import { signCheckpoint } from '../../src/proof/checkpoint.js';
import { issuerFetch } from '../support/anywhere.js';
import { eventually } from '../support/eventually.js';
import { openFrontDoor, settings, type FrontDoor, type Reply } from '../support/front-door.js';
import { openLatchkey, type Latchkey } from '../support/latchkey.js';
import { callOf, guardedRoutes, type RouteCall } from '../support/route-calls.js';
import { newSigner } from '../support/sealed-log.js';
import { muchLater, steering } from '../support/steering.js';

const INTRUDER = 'another-bank';
const ORIGIN = 'latchkey.test/tenants';
const routes = guardedRoutes();
const aboutRequests = routes.filter(({ path }) => path.includes('{correlationId}'));
const starts = routes
  .filter(({ path }) => path === '/v1/unlocks' || path.endsWith(':unlock-user'))
  .filter(({ method }) => method !== 'get');
/** What is told of the seal is the same for all, and tells of nobody. */
const ofSeal = routes.filter(({ path }) => path === '/v1/audit/checkpoint' || path === '/v1/audit/consistency-proof');
const exports = routes.filter(({ path }) => path === '/v1/audit/export');
const counts = routes.filter(({ path }) => path === '/v1/audit/summary');
const glances = routes.filter(({ path }) => path === '/v1/health-summary');
const lists = routes.filter(
  (route) => route.method === 'get' && !route.path.includes('{') && ![...ofSeal, ...exports, ...counts, ...glances].includes(route),
);
const aboutRecords = routes.filter(({ path }) => /\{(eventId|exportId)\}/.test(path));
const aboutCustomers = routes.filter(({ method, path }) => method === 'get' && path.includes('{customerId}'));

let latchkey: Latchkey;
let door: FrontDoor;
let intruder: string;
/** Requests of the institution that is to be protected: one under way, one ended. */
const victims: { readonly state: string; readonly correlationId: string; readonly customerId: string }[] = [];

const { begin } = steering(() => latchkey);

beforeAll(async () => {
  latchkey = await openLatchkey({ others: [INTRUDER], budget: { retryAfterMaxMs: 600_000, deadlineMs: 900_000 } });
  const { issuerUrl, audience, institutionId } = latchkey.sandbox;
  // One front door that serves both, over the same audit log and the same Temporal.
  door = await openFrontDoor({
    issuerUrl,
    audit: latchkey.audit,
    review: latchkey.review,
    executions: latchkey.executions,
    settings: { ...settings, unlockWaitMs: 0 },
    auth: createAuthenticator({
      issuer: issuerUrl,
      audience,
      jwksUrl: null,
      tokenTyp: 'at+jwt',
      allowedInstitutions: [institutionId, INTRUDER],
      fetch: issuerFetch(issuerUrl),
    }),
  });
  intruder = await latchkey.sandbox.mintToken({ institutionId: INTRUDER, subject: 'eve', name: 'Eve' });
  const waiting = await begin('victim-waiting', [muchLater]);
  await waiting.waits();
  victims.push({ state: 'under way', correlationId: waiting.correlationId, customerId: 'victim-waiting' });
  const ended = randomUUID();
  await latchkey.unlock('victim-ended', ended);
  victims.push({ state: 'ended', correlationId: ended, customerId: 'victim-ended' });
  await seal();
});
afterAll(async () => {
  await door.close();
  await latchkey.close();
});

async function seal(): Promise<void> {
  const { prisma, close } = connectAudit({ databaseUrl: latchkey.database.url, role: 'latchkey_sealer' });
  const sealer = createSealer({ prisma, origin: ORIGIN });
  await eventually(async () => expect(await sealer.sealNext()).toMatchObject({ more: false, lagMs: 0 }));
  const head = await sealer.newestHead();
  if (head === null) throw new Error('nothing was sealed');
  await sealer.keepCheckpoint(head, signCheckpoint(head, newSigner(ORIGIN)));
  await close();
}

function send({ method, path, headers, body }: RouteCall, token: string, search = ''): Promise<Reply> {
  return door.send({ method, path: path + search, token, headers, ...(body !== undefined && { body }) });
}

/** The whole answer, with the ids that were asked for put aside: nothing else may tell one from the other. */
function asTold({ httpStatus, headers, text }: Reply, ids: readonly string[]): string {
  const { date: _, ...others } = headers;
  const all = JSON.stringify([httpStatus, Object.entries(others).sort(), text]);
  return ids.reduce((told, id) => told.replaceAll(id, '<id>'), all);
}

async function rowsOf(correlationId: string): Promise<unknown[]> {
  return latchkey.sql('select * from audit_event where correlation_id = $1 order by position', [correlationId]);
}

async function untouched<T>(correlationId: string, work: () => Promise<T>): Promise<T> {
  const before = await rowsOf(correlationId);
  const result = await work();
  expect(await rowsOf(correlationId)).toEqual(before);
  return result;
}

describe('a caller of one institution and the ids of another', () => {
  it('meet on every route of the table', () => {
    const covered = [
      ...aboutRequests,
      ...aboutRecords,
      ...starts,
      ...lists,
      ...counts,
      ...glances,
      ...exports,
      ...ofSeal,
      ...aboutCustomers,
    ];
    expect(new Set(covered)).toEqual(new Set(routes));
    expect(covered).toHaveLength(routes.length);
  });

  it.each(aboutRequests)('$method $path: a foreign correlationId is answered as one that does not exist', async (route) => {
    for (const { correlationId, customerId } of victims) {
      const unknown = randomUUID();
      const ofNobody = await send(callOf(route, { correlationId: unknown, customerId }), intruder);
      const ofVictim = await untouched(correlationId, () => send(callOf(route, { correlationId, customerId }), intruder));
      expect(ofVictim.httpStatus).toBe(404);
      expect(asTold(ofVictim, [correlationId])).toBe(asTold(ofNobody, [unknown]));
    }
  });

  it.each(aboutRequests)('$method $path: its own institution is known there, so the answer above hides something', async (route) => {
    for (const { correlationId, customerId } of victims) {
      // A stream of events ends with its token.
      const owner = await latchkey.sandbox.mintToken(route.path.endsWith('/events') ? { expiresInSeconds: 2 } : {});
      // Without a body nothing is changed; who may not know the request would be told so all the same.
      const call = callOf(route, { correlationId, customerId });
      const reply = await send(route.method === 'get' ? call : { ...call, body: '{}' }, owner);
      expect(reply.httpStatus).toBe(route.method === 'get' ? 200 : 400);
    }
  });

  it.each(starts)('$method $path: a start that collides with a foreign one is refused barely, and leaves no trace', async (route) => {
    for (const { correlationId, customerId } of victims) {
      for (const asked of [customerId, 'another-customer']) {
        const reply = await untouched(correlationId, () => send(callOf(route, { correlationId, customerId: asked }), intruder));
        expect(reply.httpStatus).toBe(409);
        const told = asTold(reply, [correlationId, asked]);
        for (const word of [customerId, latchkey.sandbox.institutionId, 'Sam Support', 'agent-1']) expect(told).not.toContain(word);
      }
    }
    // Under way or ended, of this customer or another: all alike.
    const answers = await Promise.all(
      victims.flatMap(({ correlationId, customerId }) =>
        [customerId, 'another-customer'].map(async (asked) => {
          const reply = await send(callOf(route, { correlationId, customerId: asked }), intruder);
          return asTold(reply, [correlationId, asked]);
        }),
      ),
    );
    expect(new Set(answers).size).toBe(1);
  });

  it.each(lists)('$method $path: shows no row of another institution, whatever is filtered for', async (route) => {
    const call = callOf(route, { correlationId: randomUUID(), customerId: 'x' });
    const owner = await latchkey.sandbox.mintToken();
    const filters = victims.flatMap(({ correlationId, customerId }) => [
      `?customerId=${customerId}`,
      '?actor=agent-1',
      '?outcome=unlocked',
      ...(route.path.includes('audit') ? [`?correlationId=${correlationId}`, '?httpStatus=503', '?action=customer.unlock.requested'] : []),
    ]);
    for (const search of ['', '?limit=200', ...filters]) {
      const { httpStatus, text } = await send(call, intruder, search);
      expect(httpStatus).toBe(200);
      for (const { correlationId } of victims) expect(text).not.toContain(correlationId);
      expect(text).not.toContain(latchkey.sandbox.institutionId);
    }
    // A cursor made for the owner leads the intruder nowhere but through their own rows.
    const { nextCursor } = (await send(call, owner, '?limit=1')).body as { nextCursor: string | null };
    expect(nextCursor).toEqual(expect.any(String));
    const { text } = await send(call, intruder, `?limit=200&cursor=${nextCursor ?? ''}`);
    expect(text).not.toContain(latchkey.sandbox.institutionId);
    expect((await send(call, owner, '?limit=200')).text).toContain(latchkey.sandbox.institutionId);
  });

  it.each(glances)('$method $path: tells nothing of what another institution has under way', async (route) => {
    const call = callOf(route, { correlationId: randomUUID(), customerId: 'x' });
    const [theirs, own] = [await send(call, intruder), await send(call, await latchkey.sandbox.mintToken())];
    expect([theirs.body, own.body]).toMatchObject([
      { running: { count: 0, oldest: null }, lastHour: { attempts: { retryable: 0 } } },
      { running: { count: 1 }, lastHour: { attempts: { retryable: 1 } } },
    ]);
  });

  it.each(counts)('$method $path: counts no row of another institution, whatever is filtered for', async (route) => {
    const call = callOf(route, { correlationId: randomUUID(), customerId: 'x' });
    const owner = await latchkey.sandbox.mintToken();
    for (const { correlationId, customerId } of victims) {
      for (const search of [`?correlationId=${correlationId}`, `?customerId=${customerId}`]) {
        const [theirs, own] = [await send(call, intruder, search), await send(call, owner, search)];
        expect([theirs.body, own.body]).toMatchObject([{ rows: 0, since: null, actors: [] }, { since: expect.any(String) }]);
      }
    }
  });

  it.each(aboutRecords)('$method $path: the id of a foreign record is answered as one that does not exist', async (route) => {
    const owner = await latchkey.sandbox.mintToken();
    const exported = await door.send({ path: '/v1/audit/export?format=ndjson', token: owner });
    const [, exportId = ''] = /exports\/([^>]+)>/.exec(String(exported.headers.link)) ?? [];
    const [event] = await latchkey.sql<{ id: string }>('select event_id as id from audit_leaf order by index limit 1');
    const id = route.path.includes('{exportId}') ? exportId : (event?.id ?? '');
    const unknown = randomUUID();
    const ask = (recordId: string, token: string) => send(callOf(route, { correlationId: recordId, customerId: 'x' }), token);
    expect((await ask(id, owner)).httpStatus).toBe(200);
    const ofVictim = await ask(id, intruder);
    expect(ofVictim.httpStatus).toBe(404);
    expect(asTold(ofVictim, [id])).toBe(asTold(await ask(unknown, intruder), [unknown]));
  });

  it.each(exports)('$method $path: takes no row of another institution out of the house, whatever is filtered for', async (route) => {
    const call = callOf(route, { correlationId: randomUUID(), customerId: 'x' });
    const owner = await latchkey.sandbox.mintToken();
    for (const format of ['ndjson', 'csv']) {
      const filters = victims.flatMap(({ correlationId, customerId }) => [`&customerId=${customerId}`, `&correlationId=${correlationId}`]);
      for (const search of ['', '&actor=agent-1', '&action=customer.unlock.requested', ...filters]) {
        const { httpStatus, text } = await send(call, intruder, `?format=${format}${search}`);
        expect(httpStatus).toBe(200);
        expect(text).not.toContain(latchkey.sandbox.institutionId);
      }
      expect((await send(call, owner, `?format=${format}`)).text).toContain(latchkey.sandbox.institutionId);
    }
  });

  it.each(ofSeal)('$method $path: tells hashes of the whole log, and of nobody', async (route) => {
    const call = callOf(route, { correlationId: randomUUID(), customerId: 'x' });
    const owner = await latchkey.sandbox.mintToken();
    const search = route.path.includes('consistency') ? '?from=1&to=1' : '';
    const { httpStatus, text } = await send(call, intruder, search);
    expect([200, 404]).toContain(httpStatus);
    for (const { correlationId, customerId } of victims) for (const word of [correlationId, customerId]) expect(text).not.toContain(word);
    expect(text).not.toContain(latchkey.sandbox.institutionId);
    expect((await send(call, owner, search)).text).toBe(text);
  });

  it.each(aboutCustomers)('$method $path: tells nothing of what another institution did for the customer', async (route) => {
    for (const { correlationId, customerId } of victims) {
      const reply = await send(callOf(route, { correlationId: randomUUID(), customerId }), intruder);
      expect(reply.text).not.toContain(correlationId);
      expect(reply.text).not.toContain(latchkey.sandbox.institutionId);
    }
  });

  it('get no evidence on a request by looking at a lock status under its correlationId', async () => {
    for (const { correlationId } of victims) {
      const look = { path: '/v1/customers/locked-1/lock-status', token: intruder, headers: { correlationId } };
      expect((await door.send(look)).httpStatus).toBe(200);
      expect((await door.send({ path: `/v1/audit/unlocks/${correlationId}/evidence`, token: intruder })).httpStatus).toBe(404);
    }
  });
});
