import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { AuditEvent } from '../../src/domain/audit-event.js';
import { bankErrorSchema, problemSchema } from '../../src/http/problem.js';
import { auditEvent } from '../support/audit-event.js';
import {
  closedRooms,
  openFrontDoor,
  settings,
  startForeignIssuer,
  type ForeignIssuer,
  type FrontDoor,
  type Reply,
} from '../support/front-door.js';

let issuer: ForeignIssuer;
let door: FrontDoor;
let token: string;

beforeAll(async () => {
  issuer = await startForeignIssuer();
  // The rooms behind it fail at a touch: whatever is refused here has reached neither the audit log nor Temporal.
  door = await openFrontDoor({ issuerUrl: issuer.url });
  token = await issuer.token();
});

afterAll(async () => {
  await door.close();
  await issuer.stop();
});

beforeEach(() => {
  door.entered.length = 0;
});

const json = { 'content-type': 'application/json' };
const correlationId = 'F8187C63-678F-4F0C-9263-46723794661A';

function expectProblem(reply: Reply, httpStatus: number, code: string): string[] {
  const problem = problemSchema.parse(reply.body);
  expect([reply.httpStatus, problem.status, problem.code]).toEqual([httpStatus, httpStatus, code]);
  expect(reply.headers['content-type']).toMatch(/^application\/problem\+json/);
  expect(reply.headers.correlationid).toBe(problem.correlationId);
  expect(door.entered).toEqual([]);
  return (problem.errors ?? []).map(({ pointer }) => pointer);
}

function expectBankError(reply: Reply, httpStatus: number, code: string): string {
  const error = bankErrorSchema.parse(reply.body);
  expect([reply.httpStatus, error.status, error.code]).toEqual([httpStatus, httpStatus, code]);
  expect(reply.headers['content-type']).toMatch(/^application\/json/);
  expect(door.entered).toEqual([]);
  return error.message;
}

describe('POST /v1/unlocks', () => {
  const post = (body: string | Buffer | undefined, headers: Record<string, string> = json, path = '/v1/unlocks') =>
    door.send({ method: 'POST', path, token, headers, ...(body !== undefined && { body }) });

  it.each([
    ['no customer', {}, ['/customerId']],
    ['an unknown field', { customerId: 'c1', reasn: 'x' }, ['/reasn']],
    ['a field named __proto__', '{"customerId":"c1","__proto__":{"a":1}}', ['/__proto__']],
    ['a customer that is a number', { customerId: 1 }, ['/customerId']],
    ['a blank reason', { customerId: 'c1', reason: ' ' }, ['/reason']],
    ['an empty reason', { customerId: 'c1', reason: '' }, ['/reason']],
    ['a reason of 501 characters', { customerId: 'c1', reason: 'x'.repeat(501) }, ['/reason']],
    ['control characters', { customerId: 'c1', reason: 'a\u0000b', ticket: 'a\nb' }, ['/reason', '/ticket']],
    ['half a character', '{"customerId":"c1","reason":"\\ud800"}', ['/reason']],
    ['an array', [], ['']],
    ['null', null, ['']],
    ['a string', '"c1"', ['']],
    ['two faults at once', { customerId: 'a/b', reasonCode: 3 }, ['/customerId', '/reasonCode']],
  ])('refuses %s and points at it', async (_what, body, pointers) => {
    const faults = expectProblem(await post(typeof body === 'string' ? body : JSON.stringify(body)), 400, 'validation_failed');
    expect(faults.filter((pointer, index) => faults.indexOf(pointer) === index)).toEqual(pointers);
  });

  it.each(['a/b', '..', '.', 'a:b', 'a b', 'a\tb', 'ä', '', 'a'.repeat(65), 'a%2Fb', 'c1\n'])(
    'refuses the customer id %j',
    async (customerId) => {
      expect(expectProblem(await post(JSON.stringify({ customerId })), 400, 'validation_failed')).toContain('/customerId');
    },
  );

  it('refuses what is not JSON, by its media type or by itself', async () => {
    expectProblem(await post('{"customerId":', json), 400, 'malformed_json');
    expectProblem(await post('{}', { 'content-type': 'text/plain' }), 415, 'unsupported_media_type');
    expectProblem(await post('{}', {}), 415, 'unsupported_media_type');
    expectProblem(await post('{}', { ...json, 'content-encoding': 'gzip' }), 415, 'unsupported_media_type');
    expectProblem(await post('{}', { 'content-type': 'application/json; charset=latin1' }), 415, 'unsupported_media_type');
    expectProblem(await post('{}', { 'content-type': 'application/json; charset="utf-16"' }), 415, 'unsupported_media_type');
    expectProblem(await post(undefined, {}), 400, 'validation_failed');
  });

  it('refuses bytes that are not UTF-8, so that the audit log never keeps words that nobody sent', async () => {
    const bytes = (...reason: number[]) =>
      Buffer.concat([Buffer.from('{"customerId":"c1","reason":"'), Buffer.from(reason), Buffer.from('"}')]);
    expectProblem(await post(bytes(0x61, 0xff), json), 400, 'malformed_json');
    expectProblem(await post(bytes(0xed, 0xa0, 0x80), json), 400, 'malformed_json');
  });

  it('takes a byte order mark, a spelled-out UTF-8 and characters beyond the basic plane', async () => {
    const reply = await post('\ufeff{"customerId":"c1","reason":"\u{1f600}"}', { 'content-type': 'Application/JSON; Charset="UTF-8"' });
    expect([reply.httpStatus, door.entered]).toEqual([503, ['eventsOf']]);
  });

  it('refuses a body of more than 16 kB', async () => {
    expectProblem(await post(JSON.stringify({ customerId: 'c1', reason: 'x'.repeat(17_000) })), 413, 'body_too_large');
  });

  it('refuses a malformed or repeated correlationId and any query', async () => {
    const body = JSON.stringify({ customerId: 'c1' });
    const pointers = async (headers: Record<string, string | string[]>) =>
      expectProblem(
        await door.send({ method: 'POST', path: '/v1/unlocks', token, body, headers: { ...json, ...headers } }),
        400,
        'validation_failed',
      );
    expect(await pointers({ correlationId: 'no-guid' })).toEqual(['/header/correlationId']);
    expect(await pointers({ correlationId: [correlationId, correlationId] })).toEqual(['/header/correlationId']);
    expect(expectProblem(await post(body, json, '/v1/unlocks?wait=1'), 400, 'validation_failed')).toEqual(['/query/wait']);
  });

  it('lets only a service name a human whom it acts for', async () => {
    const body = JSON.stringify({ customerId: 'c1', onBehalfOf: 'ann' });
    expect(expectProblem(await post(body), 400, 'validation_failed')).toEqual(['/onBehalfOf']);
    const service = await issuer.token({ claims: { sub: 'desk' } });
    const reply = await door.send({ method: 'POST', path: '/v1/unlocks', token: service, headers: json, body });
    expect([reply.httpStatus, door.entered]).toEqual([503, ['eventsOf']]);
  });

  it('accepts nothing while the audit log is away, and says when to come back and under which correlationId', async () => {
    const reply = await post(JSON.stringify({ customerId: 'c1' }));
    const problem = problemSchema.parse(reply.body);
    expect([reply.httpStatus, problem.code, reply.headers['retry-after']]).toEqual([503, 'temporarily_unavailable', '5']);
    expect(reply.headers.correlationid).toBe(problem.correlationId);
    expect(door.entered).toEqual(['eventsOf']);
  });

  it('insists on a reason where the settings do', async () => {
    const strict = await openFrontDoor({ issuerUrl: issuer.url, settings: { ...settings, reasonRequired: true } });
    try {
      const reply = await strict.send({ method: 'POST', path: '/v1/unlocks', token, headers: json, body: '{"customerId":"c1"}' });
      expect(expectProblem(reply, 400, 'validation_failed')).toEqual(['/reason']);
    } finally {
      await strict.close();
    }
  });
});

describe('the drop-in endpoint', () => {
  const put = (id: string, more: { body?: string; headers?: Record<string, string>; search?: string; method?: string } = {}) =>
    door.send({
      method: more.method ?? 'PUT',
      path: `/v1/customers/${id}:unlock-user${more.search ?? ''}`,
      token,
      headers: { correlationId, ...more.headers },
      ...(more.body !== undefined && { body: more.body }),
    });

  it.each(['a%2Fb', 'a/b', '..', '%2e%2e', '../x', 'a:b', 'a%3Ab', '', '%20', 'a%00b', '%C3%A4', 'a%0d%0ab', 'a%5Cb', 'a'.repeat(65)])(
    "refuses the customer id %j in the bank's own shape",
    async (id) => {
      expect(expectBankError(await put(id), 400, 'LATCHKEY_VALIDATION_FAILED')).toContain('/path/customerId');
    },
  );

  it('refuses a percent-encoding that cannot be decoded', async () => {
    expectBankError(await put('%E0%A4%A'), 400, 'LATCHKEY_VALIDATION_FAILED');
  });

  it('names every fault in the message, since the shape has no other place for it', async () => {
    const message = expectBankError(await put('a:b', { search: '?x=1' }), 400, 'LATCHKEY_VALIDATION_FAILED');
    expect(message).toMatch(/^Correct this and send the request again: \/path\/customerId .+$/);
    expect(expectBankError(await put('c1', { body: '{"a":1}' }), 400, 'LATCHKEY_VALIDATION_FAILED')).toMatch(/: the body must be empty/);
  });

  it('refuses a missing or malformed correlationId', async () => {
    const without = await door.send({ method: 'PUT', path: '/v1/customers/c1:unlock-user', token });
    expect(expectBankError(without, 400, 'LATCHKEY_VALIDATION_FAILED')).toContain('/header/correlationId');
    expectBankError(await put('c1', { headers: { correlationId: '1234' } }), 400, 'LATCHKEY_VALIDATION_FAILED');
  });

  it.each(['', 'null', '{}', ' { } \n'])('takes the body %j for none', async (body) => {
    const reply = await put('c1', { body });
    expect([reply.httpStatus, door.entered]).toEqual([503, ['eventsOf']]);
    expect(bankErrorSchema.parse(reply.body).code).toBe('LATCHKEY_TEMPORARILY_UNAVAILABLE');
    expect([reply.headers['retry-after'], reply.headers.correlationid]).toEqual(['5', correlationId.toLowerCase()]);
  });

  it('refuses any other body and any query', async () => {
    expectBankError(await put('c1', { body: '{"customerId":"c2"}', headers: json }), 400, 'LATCHKEY_VALIDATION_FAILED');
    expectBankError(await put('c1', { body: 'x'.repeat(20_000) }), 413, 'LATCHKEY_BODY_TOO_LARGE');
    expectBankError(await put('c1', { search: '?force=true' }), 400, 'LATCHKEY_VALIDATION_FAILED');
  });

  it("answers a wrong method and a missing token in the bank's own shape too", async () => {
    const reply = await put('c1', { method: 'POST' });
    expectBankError(reply, 405, 'LATCHKEY_METHOD_NOT_ALLOWED');
    expect(reply.headers.allow).toBe('PUT');
    const anonymous = await door.send({ method: 'PUT', path: '/v1/customers/c1:unlock-user', headers: { correlationId } });
    expectBankError(anonymous, 401, 'LATCHKEY_MISSING_TOKEN');
  });
});

describe('reading', () => {
  it.each([
    ['/v1/unlocks/not-a-guid', '/path/correlationId'],
    ['/v1/unlocks/' + correlationId + '?x=1', '/query/x'],
    ['/v1/unlocks?limit=0', '/query/limit'],
    ['/v1/unlocks?limit=201', '/query/limit'],
    ['/v1/unlocks?limit=1e2', '/query/limit'],
    ['/v1/unlocks?limit=5&limit=6', '/query/limit'],
    ['/v1/unlocks?limit=', '/query/limit'],
    ['/v1/unlocks?outcome=won', '/query/outcome'],
    ['/v1/unlocks?state=', '/query/state'],
    ['/v1/unlocks?from=yesterday', '/query/from'],
    ['/v1/unlocks?from=2026-02-30T00:00:00Z', '/query/from'],
    ['/v1/unlocks?to=9999-12-31T23:59:59-10:00', '/query/to'],
    ['/v1/unlocks?customerId=a/b', '/query/customerId'],
    ['/v1/unlocks?actor=a%00b', '/query/actor'],
    ['/v1/unlocks?cursor=abc', '/query/cursor'],
    ['/v1/unlocks?__proto__=1', '/query/__proto__'],
    ['/v1/unlocks?colour=red', '/query/colour'],
    ['/v1/audit/events?action=customer.unlock.stolen', '/query/action'],
    ['/v1/audit/events?httpStatus=99', '/query/httpStatus'],
    ['/v1/audit/events?correlationId=1', '/query/correlationId'],
    ['/v1/audit/events?cursor=WyJlIiwiOTk5OTk5OTk5OTk5OTk5OTk5OSJd', '/query/cursor'],
    ['/v1/customers/a%2Fb/lock-status', '/path/customerId'],
    ['/v1/customers/../lock-status', '/path/customerId'],
    ['/v1/customers/c1/lock-status?fresh=1', '/query/fresh'],
  ])('refuses GET %s', async (path, pointer) => {
    expect(expectProblem(await door.send({ path, token }), 400, 'validation_failed')).toEqual([pointer]);
  });

  it('reads nothing that it cannot put on record', async () => {
    const read: string[] = [];
    const rows = async (): Promise<AuditEvent[]> => (read.push('listEvents'), [auditEvent({ action: 'audit.viewed', actorId: 'agent-9' })]);
    const recordless = await openFrontDoor({ issuerUrl: issuer.url, review: { ...closedRooms().review, listEvents: rows } });
    const reply = await recordless.send({ path: '/v1/audit/events?limit=5', token });
    await recordless.close();
    expect([reply.httpStatus, reply.headers['retry-after'], read, recordless.entered]).toEqual([503, '5', ['listEvents'], ['append']]);
    expect(reply.text).not.toContain('agent-9');
  });
});

describe('every path', () => {
  it('answers an unknown one with 404 and a wrong method with 405 and what is allowed', async () => {
    expectProblem(await door.send({ path: '/v1/nowhere', token }), 404, 'not_found');
    expectProblem(await door.send({ path: '/v1/unlocks/', token }), 404, 'not_found');
    const reply = await door.send({ method: 'DELETE', path: '/v1/unlocks', token });
    expectProblem(reply, 405, 'method_not_allowed');
    expect(reply.headers.allow).toBe('POST, GET, HEAD');
    expect((await door.send({ method: 'OPTIONS', path: '/v1/unlocks' })).httpStatus).toBe(405);
    expect((await door.send({ method: 'HEAD', path: '/healthz' })).httpStatus).toBe(200);
  });

  it('keeps answers out of caches, says nothing of what it is made of, and ties links to no header', async () => {
    const reply = await door.send({ path: '/v1/unlocks?limit=0', token, headers: { host: 'evil.example' } });
    expect(reply.headers['cache-control']).toBe('no-store');
    expect(reply.headers['x-powered-by']).toBeUndefined();
    expect(reply.headers['x-content-type-options']).toBe('nosniff');
    expect(reply.text).not.toContain('evil.example');
  });

  it('logs one line a request, without customer, token or query', async () => {
    const customer = `c-${randomUUID()}`;
    door.lines.length = 0;
    await door.send({ path: `/v1/customers/${customer}/lock-status?a=${customer}`, token, headers: { correlationId } });
    const requests = door.lines.filter(({ message }) => message === 'request');
    expect(requests).toEqual([
      {
        message: 'request',
        fields: {
          method: 'GET',
          route: '/v1/customers/{customerId}/lock-status',
          status: 400,
          durationMs: expect.any(Number),
          correlationId: correlationId.toLowerCase(),
        },
      },
    ]);
    expect(JSON.stringify(door.lines)).not.toContain(customer);
    expect(JSON.stringify(door.lines)).not.toContain(token);
  });

  it('answers what is not HTTP with 400 and too large headers with 431', async () => {
    expect(await raw('NONSENSE\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 [\s\S]*validation_failed/);
    expect(await raw(`GET / HTTP/1.1\r\nhost: x\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`)).toMatch(/^HTTP\/1\.1 431 [\s\S]*headers_too_large/);
    expect((await door.send({ path: '/healthz' })).body).toEqual({ status: 'ok' });
  });
});

function raw(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(door.port, '127.0.0.1', () => socket.write(text));
    socket.on('data', (chunk) => (answer += chunk.toString()));
    socket.on('error', reject);
    socket.on('close', () => resolve(answer));
  });
}
