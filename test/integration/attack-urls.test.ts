import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openFrontDoor, startForeignIssuer, type ForeignIssuer, type FrontDoor } from '../support/front-door.js';
import { openLatchkey, type Latchkey } from '../support/latchkey.js';

// What the builder of the bank's URLs makes of hostile ids is told in test/unit/upstream-url.test.ts; here they come over the wire.
const segments = [
  ...['..', '.', '...', '%2e%2e', '%2E%2e', '%252e%252e', '..;', '..%00', '..%2f', '%2e%2e%2f..', '..%5c..', '....//', '..%c0%af'],
  ...['/', '//', '%2f', '%2F%2Fevil.example', '/evil', 'a/b', 'a%2Fb', 'a%252Fb', '%5c', 'a%5Cb', '\\', 'a\\b', '%c0%af', '%ef%bc%8f'],
  ...[
    '%3f',
    'a%3Fb=c',
    '%23',
    'a%23b',
    '%26',
    ';',
    'a;b=c',
    '%3b',
    ':',
    '%3a',
    'a:unlock-user',
    'a%3Aunlock-user',
    ':unlock-user:unlock-user',
  ],
  ...[
    '@',
    '%40evil.example',
    'user:word@evil.example',
    'http://evil.example',
    'http:%2f%2fevil.example/',
    '%',
    '%zz',
    '%25',
    '%00',
    'a%00b',
  ],
  ...[
    '%20',
    '+',
    '%0d%0aHost:%20evil.example',
    '%0a',
    '%09',
    '%7f',
    '%c2%85',
    '%e2%80%a8',
    '%C3%A4',
    '%F0%9F%98%80',
    '%ef%bb%bf',
    '%ed%a0%80',
  ],
  ...[
    '%7BcustomerId%7D',
    '$%26',
    '*',
    '%27',
    '%22',
    '%3C%3E',
    '%60',
    '%7C',
    '%5E',
    '',
    'a'.repeat(65),
    'a'.repeat(4_000),
    '%61'.repeat(65),
  ],
];

describe('a customer id that might bend the path at the bank', () => {
  let issuer: ForeignIssuer;
  let door: FrontDoor;
  beforeAll(async () => {
    issuer = await startForeignIssuer();
    door = await openFrontDoor({ issuerUrl: issuer.url });
  });
  afterAll(async () => {
    await door.close();
    await issuer.stop();
  });

  it('is refused at the door by every way in, before anything is asked of the rooms behind it', async () => {
    const token = await issuer.token();
    const wrong: unknown[] = [];
    for (const segment of segments) {
      const ways = [
        { method: 'PUT', path: `/v1/customers/${segment}:unlock-user` },
        { method: 'GET', path: `/v1/customers/${segment}/lock-status` },
      ];
      for (const way of ways) {
        const reply = await door.send({ ...way, token, headers: { correlationId: randomUUID() } });
        // What is a path of its own after all is another route, or none.
        if (![400, 404, 405].includes(reply.httpStatus)) wrong.push([way, reply.httpStatus]);
      }
      const body = JSON.stringify({ customerId: segment });
      const reply = await door.send({ method: 'POST', path: '/v1/unlocks', token, headers: { 'content-type': 'application/json' }, body });
      if (reply.httpStatus !== 400) wrong.push(['POST', segment, reply.httpStatus]);
    }
    expect(wrong).toEqual([]);
    expect(door.entered).toEqual([]);
  });
});

describe('where the deployment lets every id through', () => {
  let latchkey: Latchkey;
  beforeAll(async () => {
    latchkey = await openLatchkey({ settings: { customerIdPattern: /^.*$/su } });
  });
  afterAll(() => latchkey.close());

  it.each([
    'a/b',
    'a%2Fb',
    '../../admin',
    '..%2f..',
    'a?b=c',
    'a#b',
    'a;b',
    'a:unlock-user',
    '@evil.example',
    '\\..\\a',
    'ä😀',
    '%',
    'a b',
  ])('the bank is asked for exactly this one and nothing else: %j', async (customerId) => {
    const correlationId = randomUUID();
    const before = latchkey.sandbox.calls().length;
    const headers = { correlationId, prefer: 'wait=30' };
    const reply = await latchkey.call('/v1/unlocks', { method: 'POST', body: { customerId }, headers });
    // The bank knows no such customer, and says so.
    expect([reply.status, reply.body]).toMatchObject([200, { customerId, outcome: 'rejected' }]);
    const calls = latchkey.sandbox.calls().slice(before);
    const named = calls.filter((call) => call.endpoint !== 'token');
    expect(named.length).toBeGreaterThan(0);
    for (const { customerId: id, path, endpoint } of named) {
      expect([id, endpoint]).toEqual([customerId, expect.stringMatching(/^(status|unlock)$/)]);
      expect(path).toContain(`/v1/customers/${encodeURIComponent(customerId)}`);
    }
  });

  it.each(['.', '..'])('an id that no URL can hold reaches the bank in no form: %j', async (customerId) => {
    const before = latchkey.sandbox.calls().length;
    const reply = await latchkey.call(`/v1/customers/${encodeURIComponent(customerId)}/lock-status`);
    expect(reply.status).toBeGreaterThanOrEqual(400);
    expect(
      latchkey.sandbox
        .calls()
        .slice(before)
        .filter((call) => call.customerId !== null),
    ).toEqual([]);
  });

  it.each([
    'http://evil.example/v1/customers/locked-1:unlock-user',
    'http://evil.example:80/v1/unlocks',
    '//evil.example/v1/unlocks',
    'https://evil.example/v1/audit/events',
    '*',
    'evil.example:443',
  ])('a request target in another form is answered by this server alone, and leads nobody elsewhere: %s', async (target) => {
    const before = latchkey.sandbox.calls().length;
    const answer = await raw(
      Number(new URL(latchkey.url).port),
      `GET ${target} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /);
    expect(answer).not.toMatch(/^location:/im);
    expect(latchkey.sandbox.calls()).toHaveLength(before);
  });
});

function raw(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(text));
    socket.on('data', (chunk) => (answer += chunk.toString()));
    socket.on('error', reject);
    socket.on('close', () => resolve(answer));
  });
}
