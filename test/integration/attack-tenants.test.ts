import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createAuthenticator } from '../../src/http/auth.js';
import { issuerFetch } from '../support/anywhere.js';
import { openFrontDoor, settings, type FrontDoor, type Reply } from '../support/front-door.js';
import { openLatchkey, type Latchkey } from '../support/latchkey.js';
import { callOf, guardedRoutes, type RouteCall } from '../support/route-calls.js';
import { muchLater, steering } from '../support/steering.js';

const INTRUDER = 'another-bank';
const routes = guardedRoutes();
const aboutRequests = routes.filter(({ path }) => path.includes('{correlationId}'));
const starts = routes
  .filter(({ path }) => path === '/v1/unlocks' || path.endsWith(':unlock-user'))
  .filter(({ method }) => method !== 'get');
const lists = routes.filter(({ method, path }) => method === 'get' && !path.includes('{'));
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
});
afterAll(async () => {
  await door.close();
  await latchkey.close();
});

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
    const covered = [...aboutRequests, ...starts, ...lists, ...aboutCustomers];
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
      const owner = await latchkey.sandbox.mintToken();
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

  it.each(aboutCustomers)('$method $path: tells nothing of what another institution did for the customer', async (route) => {
    for (const { correlationId, customerId } of victims) {
      const reply = await send(callOf(route, { correlationId: randomUUID(), customerId }), intruder);
      expect(reply.text).not.toContain(correlationId);
      expect(reply.text).not.toContain(latchkey.sandbox.institutionId);
    }
  });
});
