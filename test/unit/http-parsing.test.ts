import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { eventCursor, pageOf, parseEventCursor, parseRequestCursor, requestCursor, rowsToAsk } from '../../src/http/cursor.js';
import { metadataUrls } from '../../src/http/issuer-keys.js';
import { preferredWaitSeconds } from '../../src/http/prefer.js';
import { createRequestSchemas } from '../../src/http/request-schemas.js';
import { pathPattern } from '../../src/http/route.js';

describe('Prefer: wait', () => {
  it.each([
    ['wait=10', 10],
    ['wait=0', 0],
    ['WAIT = 10', 10],
    ['wait="10"', 10],
    ['respond-async, wait=10; x=y', 10],
    ['wait=5, wait=10', 5],
    ['wait=61', 60],
    [`wait=${'9'.repeat(400)}`, 60],
    ['wait=-1', null],
    ['wait=ten', null],
    ['wait', null],
    ['await=10', null],
    ['', null],
  ])('%j asks for %j seconds', (header, seconds) => {
    expect(preferredWaitSeconds(header)).toBe(seconds);
  });
});

describe('a cursor', () => {
  it('leads back to where its page ended', () => {
    fc.assert(fc.property(fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }), (position) => parseEventCursor(eventCursor(position)) === position));
    const last = { requestedAt: new Date('2026-01-31T09:30:00.123Z'), correlationId: 'f8187c63-678f-4f0c-9263-46723794661a' };
    expect(parseRequestCursor(requestCursor(last))).toEqual(last);
  });

  it('is refused when nobody handed it out', () => {
    const made = [eventCursor(2n ** 63n), eventCursor(-1n), requestCursor({ requestedAt: new Date(0), correlationId: "' OR 1=1" })];
    for (const text of ['', 'e', '%', 'bnVsbA', `${eventCursor(1n)}=`, `${eventCursor(1n)}!`, ...made]) {
      expect([text, parseEventCursor(text), parseRequestCursor(text)]).toEqual([text, null, null]);
    }
    expect(parseRequestCursor(eventCursor(1n))).toBeNull();
    fc.assert(fc.property(fc.string(), (text) => parseEventCursor(text) === null && parseRequestCursor(text) === null));
  });

  it('is given exactly where there is more to read', () => {
    const rows = (count: number) => Array.from({ length: count }, (_, index) => BigInt(index));
    const next = (count: number, limit: number) => pageOf({ rows: rows(Math.min(count, rowsToAsk(limit))), limit, cursorOf: String });
    expect(next(3, 3)).toEqual({ rows: rows(3), nextCursor: null });
    expect(next(4, 3)).toEqual({ rows: rows(3), nextCursor: '2' });
    expect(next(0, 3)).toEqual({ rows: [], nextCursor: null });
    expect(next(300, 200)).toEqual({ rows: rows(200), nextCursor: '199' });
  });
});

describe('a customer id', () => {
  const customerId = (pattern: RegExp) =>
    createRequestSchemas({
      customerIdPattern: pattern,
      notLockedPolicy: 'reject',
      reasonRequired: false,
      sendQueue: null,
      relockWatchMs: null,
      repeatGuard: null,
    }).customerPath;

  it('must match the pattern as a whole, whatever anchors and flags the pattern has', () => {
    for (const pattern of [/[a-z]+/, /^[a-z]+|[a-z]+$/g, /^[a-z]+$/m]) {
      const schema = customerId(pattern);
      const taken = ['abc', 'abc', 'a/b', 'abc/', '\nabc', 'abc\n', '..'].map((id) => schema.safeParse({ customerId: id }).success);
      expect(taken).toEqual([true, true, false, false, false, false, false]);
    }
  });
});

describe('a path', () => {
  it('gives an id with slashes and colons in it to its own route, so that it is refused there', () => {
    const dropIn = pathPattern('/v1/customers/{customerId}:unlock-user');
    for (const id of ['c1', 'a/b', 'a:b', '..', '', 'x:unlock-user']) {
      expect(dropIn.exec(`/v1/customers/${id}:unlock-user`)?.groups?.customerId).toBe(id);
    }
    expect(dropIn.test('/v1/customers/c1:unlock-users')).toBe(false);
    expect(pathPattern('/openapi.json').test('/openapi-json')).toBe(false);
  });
});

describe('the issuer', () => {
  it('is looked for where OpenID Connect and RFC 8414 say', () => {
    expect(metadataUrls('https://id.example/realms/one/').map(String)).toEqual([
      'https://id.example/realms/one/.well-known/openid-configuration',
      'https://id.example/.well-known/oauth-authorization-server/realms/one',
    ]);
  });
});
