import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import type { AuditLog } from '../../src/audit/audit-log.js';
import { scopes } from '../../src/http/auth.js';
import { closedRooms, openFrontDoor, startForeignIssuer, type ForeignIssuer, type FrontDoor } from '../support/front-door.js';
import { callOf, guardedRoutes, type RouteCall } from '../support/route-calls.js';
import { goodToken, tokenFaults, type TokenFault } from '../support/token-faults.js';

const AT_ONCE = 16;
const rooms = closedRooms();
// A denial may be put on record: that alone is no way in.
const audit: AuditLog = {
  ...rooms.audit,
  append: async (event) => (isDenial(event.action) ? 'written' : rooms.audit.append(event)),
};
const isDenial = (action: string): boolean => action === 'access.denied';
const calls = guardedRoutes().map((route) =>
  callOf(route, { correlationId: 'f8187c63-678f-4f0c-9263-46723794661a', customerId: 'customer-1' }),
);

let issuer: ForeignIssuer;
let door: FrontDoor;
let attacker: Server;
let attackerUrl: string;
let visits = 0;
beforeAll(async () => {
  issuer = await startForeignIssuer();
  // Whatever is let in stops at rooms that note it and fail.
  door = await openFrontDoor({ issuerUrl: issuer.url, ...rooms, audit });
  attacker = createServer((_request, response) => {
    visits += 1;
    response.end('{"keys":[]}');
  });
  await new Promise<void>((resolve) => attacker.listen(0, '127.0.0.1', resolve));
  attackerUrl = `http://127.0.0.1:${(attacker.address() as AddressInfo).port}`;
});
afterAll(async () => {
  await door.close();
  await issuer.stop();
  attacker.close();
});

function faultsFor({ scope }: RouteCall): TokenFault[] {
  return tokenFaults({ issuer, scope, scopes: Object.keys(scopes), attackerUrl });
}

const anyError = z.object({ status: z.int(), code: z.string() });

/** What is wrong with the answer to one cell; null: it was denied as it should be. */
async function wrongWith(call: RouteCall, { headers, httpStatus, search }: TokenFault): Promise<string | null> {
  const reply = await door.send({
    method: call.method,
    path: search === undefined ? call.path + call.search : `${call.path}${call.search === '' ? '?' : `${call.search}&`}${search}`,
    headers: { ...call.headers, ...headers },
    ...(call.body !== undefined && { body: call.body }),
  });
  const error = anyError.safeParse(reply.body);
  if (reply.httpStatus !== httpStatus || error.data?.status !== httpStatus)
    return `${reply.httpStatus} rather than ${httpStatus}: ${reply.text}`;
  if (httpStatus === 401 && reply.headers['www-authenticate']?.startsWith('Bearer ') !== true) return 'no challenge';
  // Nothing of the token comes back, in whatever it was wrapped.
  const told = [...reply.text.matchAll(/[\w-]{40,}/g)].filter(([text]) => text.startsWith('eyJ'));
  return told.length === 0 ? null : 'the answer holds a part of the token';
}

async function inTurns<Item, Result>(items: readonly Item[], work: (item: Item) => Promise<Result>): Promise<Result[]> {
  const results: Result[] = [];
  const left = items.entries();
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (const [index, item] of left) results[index] = await work(item);
    }),
  );
  return results;
}

describe('the table of routes and token faults', () => {
  it('has a hundred faults at least, five hundred cells at least, and no two faults of one name', () => {
    const [first] = calls;
    if (first === undefined) throw new Error('no route needs a token');
    const names = faultsFor(first).map(({ name }) => name);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
    expect(names.length).toBeGreaterThanOrEqual(100);
    expect(names.length * calls.length).toBeGreaterThanOrEqual(500);
  });

  it.each(calls)('$name lets a good token in', async (call) => {
    rooms.entered.length = 0;
    const { method, headers, body } = call;
    const path = call.path + call.search;
    const token = goodToken({ issuer, scope: call.scope });
    const reply = await door.send({ method, path, token, headers, ...(body !== undefined && { body }) });
    // It got so far that the first room behind the door refused it.
    expect(rooms.entered).toHaveLength(1);
    expect(reply.httpStatus).toBeGreaterThanOrEqual(500);
  });

  it.each(calls)('$name denies every faulty one, before any room behind the door is entered', async (call) => {
    rooms.entered.length = 0;
    const faults = faultsFor(call);
    const wrong = await inTurns(faults, (fault) => wrongWith(call, fault));
    expect(wrong).toHaveLength(faults.length);
    expect(faults.map(({ name }, index) => `${name}: ${wrong[index] ?? 'denied'}`)).toEqual(faults.map(({ name }) => `${name}: denied`));
    expect(rooms.entered).toEqual([]);
  });

  it('led the front door to nothing that the attacker serves', () => {
    expect(visits).toBe(0);
  });
});
