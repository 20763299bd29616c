import { afterEach, describe, expect, it } from '@jest/globals';
import type { UpstreamSettings } from '../../src/upstream/index.js';
import { answering, call, guid, openBank, type BankScript } from './upstream-bank.js';
import { answerJson, listenHttp, type Answer } from './upstream-server.js';

const open: { close(): Promise<unknown> }[] = [];

async function bank(script: BankScript = {}) {
  const opened = await openBank(script);
  open.push(opened);
  return opened;
}

afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

describe('the lock status', () => {
  const reading = async (body: string, settings: Partial<UpstreamSettings> = {}) =>
    (await bank({ status: answering(200, body), settings })).upstream.readLockStatus(call);
  const atRoot = { statusFlagsField: '', statusPath: '/v1/user-status/{customerId}?userIdType=CUSTOMER_ID' };

  it('is one GET with the headers of every call', async () => {
    const { upstream, calls } = await bank();
    expect(await upstream.readLockStatus(call)).toMatchObject({
      kind: 'read',
      lockStatus: 'locked',
      flags: { locked: true },
      httpStatus: 200,
    });
    expect(calls()).toMatchObject([{ method: 'GET', path: '/digitalbanking/ux-users/v1/customers/1234567890?userIdType=CUSTOMER_ID' }]);
    expect(calls()[0]?.headers).toMatchObject({
      authorization: 'Bearer token-1',
      correlationid: call.correlationId,
      transactionid: expect.stringMatching(guid),
    });
  });

  it.each([
    ['{"userStatus":{"locked":true,"onHold":false}}', 'locked', { locked: true, onHold: false }],
    ['{"userStatus":{"locked":false}}', 'not_locked', { locked: false }],
    ['{"userStatus":{"active":true}}', 'not_locked', { active: true }],
    ['{"userStatus":{}}', 'not_locked', {}],
    ['{"userStatus":{"locked":null}}', 'not_locked', {}],
    ['{"userStatus":{"locked":true,"onHold":"yes","reset":1}}', 'locked', { locked: true }],
    ['{"userStatus":{"locked":true,"pin":true},"ssn":"123","failedLoginCount":5,"locked":false}', 'locked', { locked: true }],
  ])('of %s is %s', async (body, lockStatus, flags) => {
    const got = await reading(body);
    expect(got).toMatchObject({ kind: 'read', lockStatus });
    expect(JSON.parse(JSON.stringify(got.kind === 'read' ? got.flags : null))).toEqual(flags);
  });

  it('is read at the root where the settings say so', async () => {
    expect(await reading('{"locked":true,"userStatus":{"locked":false}}', atRoot)).toMatchObject({ kind: 'read', lockStatus: 'locked' });
    expect(await reading('{"active":true}', atRoot)).toMatchObject({ kind: 'read', lockStatus: 'not_locked' });
  });

  it('keeps nothing of the answer but its flags', async () => {
    const got = await reading('{"userStatus":{"locked":true,"nickname":"private"},"email":"private@example.com","firstName":"private"}');
    expect(JSON.stringify(got)).not.toContain('private');
  });

  const unreadable = [
    '',
    'null',
    '[]',
    '[{"userStatus":{"locked":false}}]',
    '"locked"',
    'true',
    '<html>{"userStatus":{}}</html>',
    '{"userStatus":{"locked":fal',
  ];

  it.each([...unreadable, '{}', '{"locked":false}', '{"userStatus":null}', '{"userStatus":[]}', '{"userStatus":"locked"}'])(
    'is unread where the answer is 200 with %j',
    async (body) => {
      expect(await reading(body)).toMatchObject({
        kind: 'unread',
        answer: { meaning: 'unwell', httpStatus: 200, reason: 'the status answer could not be read' },
      });
    },
  );

  it.each(['{}', '{"status":0,"message":"try later"}'])('is unread at the root where no flag is stated: 200 with %s', async (body) => {
    expect(await reading(body, atRoot)).toMatchObject({ kind: 'unread', answer: { meaning: 'unwell' } });
  });

  it.each(unreadable)('is unread at the root where the answer is 200 with %j', async (body) => {
    expect(await reading(body, atRoot)).toMatchObject({ kind: 'unread', answer: { meaning: 'unwell' } });
  });

  it.each(['"true"', '"false"', '0', '1', '{}', '[]'])('is never guessed from a locked flag of %s', async (value) => {
    expect(await reading(`{"userStatus":{"locked":${value}}}`)).toMatchObject({ kind: 'unread', answer: { meaning: 'unwell' } });
  });

  it.each([
    [403, 'forbidden'],
    [404, 'no_such_customer'],
    [429, 'too_fast'],
    [503, 'unwell'],
    [302, 'unwell'],
  ])('is unread where the answer is %d, told as %s, and asked for once', async (httpStatus, meaning) => {
    const { upstream, calls } = await bank({ status: answering(httpStatus, '{"userStatus":{"locked":false}}', { 'retry-after': '2' }) });
    expect(await upstream.readLockStatus(call)).toMatchObject({ kind: 'unread', answer: { meaning, httpStatus, retryAfterMs: 2_000 } });
    expect(calls()).toHaveLength(1);
  });

  it('is read again with a new token where the first was stale', async () => {
    const status: Answer = (response, { headers }) =>
      headers.authorization === 'Bearer token-1'
        ? answerJson(response, 400, { code: 'UXU_10003' })
        : answerJson(response, 200, { userStatus: { locked: false } });
    const { upstream, calls } = await bank({ status });
    expect(await upstream.readLockStatus(call)).toMatchObject({ kind: 'read', lockStatus: 'not_locked' });
    expect(calls()).toHaveLength(2);
  });

  it('is given up where the new token is stale too', async () => {
    const { upstream, calls } = await bank({ status: answering(401, '') });
    expect(await upstream.readLockStatus(call)).toMatchObject({ kind: 'unread', answer: { meaning: 'stale_token' } });
    expect(calls().map(({ headers }) => headers.authorization)).toEqual(['Bearer token-1', 'Bearer token-2']);
  });

  it('is not asked for without a token', async () => {
    const noTokens = await listenHttp((response) => void response.writeHead(429, { 'retry-after': '9' }).end());
    open.push(noTokens);
    const { upstream, calls } = await bank({ settings: { tokenUrl: `${noTokens.url}/token` } });
    expect(await upstream.readLockStatus(call)).toMatchObject({
      kind: 'unread',
      answer: { meaning: 'too_fast', httpStatus: null, retryAfterMs: 9_000 },
    });
    expect(calls()).toHaveLength(0);
  });
});
