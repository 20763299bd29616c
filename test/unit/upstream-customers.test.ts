import { afterEach, describe, expect, it } from '@jest/globals';
import { withoutToken } from '../../src/upstream/index.js';
import { answering, call, CLIENT_SECRET, guid, openBank, type BankScript } from './upstream-bank.js';
import { listenHttp, type Answer, type Heard } from './upstream-server.js';

const open: { close(): Promise<unknown> }[] = [];

async function bank(script: BankScript = {}) {
  const opened = await openBank(script);
  open.push(opened);
  return opened;
}

afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

describe('the unlock', () => {
  it('is one PUT as the bank’s contract has it, without body or query', async () => {
    const { sendUnlock, calls } = await bank();
    expect(await sendUnlock()).toMatchObject({ meaning: 'unlocked', httpStatus: 204, code: null, message: null, reason: null });
    expect(calls()).toHaveLength(1);
    expect(calls()[0]).toMatchObject({ method: 'PUT', path: '/digitalbanking/ux-users/v1/customers/1234567890:unlock-user', body: '' });
    expect(calls()[0]?.headers).toMatchObject({
      authorization: 'Bearer token-1',
      accept: 'application/json',
      correlationid: call.correlationId,
      institutionid: '00516',
      transactionid: expect.stringMatching(guid),
    });
  });

  it('keeps its correlationId over all attempts; each has a transactionId of its own', async () => {
    const { sendUnlock, calls } = await bank({ unlock: answering(503, '') });
    await sendUnlock();
    await sendUnlock();
    expect(calls().map(({ headers }) => headers.correlationid)).toEqual([call.correlationId, call.correlationId]);
    expect(new Set(calls().map(({ headers }) => headers.transactionid)).size).toBe(2);
  });

  it.each([
    [200, 'null'],
    [200, ''],
    [200, '{}'],
    [200, '<html>ok</html>'],
    [202, '{"status":500,"code":"CMN_90002","message":"x"}'],
    [204, ''],
  ])('has succeeded where the answer is %d with the body %j', async (httpStatus, body) => {
    const { sendUnlock } = await bank({ unlock: answering(httpStatus, body) });
    expect(await sendUnlock()).toMatchObject({ meaning: 'unlocked', httpStatus, code: null, message: null });
  });

  it.each([400, 401, 403, 404, 409, 429, 500, 502, 503])('is sent once, whatever comes: %d', async (httpStatus) => {
    const { sendUnlock, calls } = await bank({ unlock: answering(httpStatus, '', { 'retry-after': '3' }) });
    expect(await sendUnlock()).toMatchObject({ httpStatus, retryAfterMs: 3_000 });
    expect(calls()).toHaveLength(1);
  });

  it('is read by the published table, and by the overrides before it', async () => {
    const unlock = answering(500, '{"status":500,"message":"quota","code":"CMN_90002"}');
    expect(await (await bank({ unlock })).sendUnlock()).toMatchObject({ meaning: 'too_fast', code: 'CMN_90002', message: 'quota' });
    const settings = { classificationOverrides: [{ httpStatus: 500, code: 'CMN_90002', meaning: 'bad_request' }] } as const;
    expect(await (await bank({ unlock, settings })).sendUnlock()).toMatchObject({ meaning: 'bad_request' });
  });

  it('tells a reset after sending from a call that never left', async () => {
    const reset = await bank({ unlock: (_, __, request) => request.socket.resetAndDestroy() });
    expect(await reset.sendUnlock()).toMatchObject({ meaning: 'no_answer', httpStatus: null, reason: 'ECONNRESET' });
    const gone = await listenHttp(() => undefined);
    await gone.close();
    const away = await bank({ settings: { baseUrl: gone.url } });
    expect(await away.sendUnlock()).toMatchObject({ meaning: 'not_sent', httpStatus: null, reason: 'ECONNREFUSED' });
  });

  it('drops a stale token, so that the next one is new', async () => {
    const unlock: Answer = (response, { headers }) => void response.writeHead(headers.authorization === 'Bearer token-1' ? 401 : 204).end();
    const { sendUnlock } = await bank({ unlock });
    expect(await sendUnlock()).toMatchObject({ meaning: 'stale_token', httpStatus: 401 });
    expect(await sendUnlock()).toMatchObject({ meaning: 'unlocked' });
  });

  it.each(['a/b', '..', '%2e%2e', 'a:b', '', 'ü', 'a\nb', '\ud800', 'a'.repeat(65)])(
    'of the customer %j is not sent at all',
    async (customerId) => {
      const { upstream, sendUnlock, calls } = await bank();
      expect(await sendUnlock({ ...call, customerId })).toMatchObject({ meaning: 'bad_request', httpStatus: null });
      expect(await upstream.readLockStatus({ ...call, customerId })).toMatchObject({ kind: 'unread', answer: { meaning: 'bad_request' } });
      expect(calls()).toHaveLength(0);
    },
  );

  it('is answered for, not thrown over, where a permissive pattern lets through what no URL can carry', async () => {
    const { sendUnlock, calls } = await bank({ settings: { customerIdPattern: /^.*$/su, unlockPath: '/v1/{customerId}' } });
    for (const customerId of ['\ud800', '..', ''])
      expect(await sendUnlock({ ...call, customerId })).toMatchObject({ meaning: 'bad_request', httpStatus: null });
    expect(calls()).toHaveLength(0);
  });
});

describe('an error of the bank', () => {
  const errorOf = async (body: string) => {
    const { code, message } = await (await bank({ unlock: answering(503, body) })).sendUnlock();
    return { code, message };
  };

  it.each([
    ['{"status":503,"message":"down","code":"UXU_30001"}', 'UXU_30001', 'down'],
    ['{"message":"down"}', null, 'down'],
    ['{"code":"NEW_1"}', 'NEW_1', null],
    ['{"code":1234,"message":5}', '1234', null],
    ['{"code":"","message":""}', null, ''],
    ['{"code":{"a":1},"message":["b"]}', null, null],
    ['{"code":null,"message":null}', null, null],
    ['{"message":"a\\u0000b\\nc"}', null, 'a\\u0000b\\u000ac'],
    ['[{"code":"X"}]', null, null],
    ['null', null, null],
    ['"UXU_30001"', null, null],
    ['<html>UXU_30001</html>', null, null],
    ['', null, null],
  ])('with the body %j is recorded with code %j and message %j', async (body, code, message) => {
    expect(await errorOf(body)).toEqual({ code, message });
  });

  it('is recorded with no more of code and message than their columns hold, and never with half a character', async () => {
    expect(await errorOf(JSON.stringify({ code: 'x'.repeat(1_000), message: 'y'.repeat(1_000) }))).toEqual({
      code: 'x'.repeat(64),
      message: 'y'.repeat(500),
    });
    const { code } = await errorOf(JSON.stringify({ code: `${'x'.repeat(63)}😀` }));
    expect(code).toBe(`${'x'.repeat(63)}😀`);
  });

  it('has neither where its body is larger than any error', async () => {
    expect(await errorOf(JSON.stringify({ code: 'UXU_30001', padding: 'x'.repeat(100_000) }))).toEqual({ code: null, message: null });
  });
});

describe('a token that cannot be had', () => {
  it('counts as nothing sent, and as too fast where the token endpoint says so', () => {
    const told = { httpStatus: 500, retryAfterMs: 1_000, reason: 'away' };
    expect(withoutToken(told)).toMatchObject({ meaning: 'not_sent', httpStatus: null, retryAfterMs: 1_000, reason: 'away' });
    expect(withoutToken({ ...told, httpStatus: 429 })).toMatchObject({ meaning: 'too_fast' });
    expect(withoutToken({ ...told, httpStatus: null })).toMatchObject({ meaning: 'not_sent' });
  });
});

describe('the bank’s credentials', () => {
  const spelled = (text: string, { path, headers, body }: Heard) =>
    [path, body, ...Object.entries(headers).flat()].filter((part) => String(part).includes(text));

  it('go where they belong and nowhere else: the secret to the token endpoint, the token into one header', async () => {
    const { upstream, sendUnlock, heard, calls } = await bank({ unlock: answering(409, '{"code":"X","message":"no"}') });
    const told = [await upstream.readLockStatus(call), await sendUnlock()];
    const basic = Buffer.from(`latchkey:${CLIENT_SECRET}`).toString('base64');
    for (const one of heard) expect(spelled(CLIENT_SECRET, one)).toEqual([]);
    for (const one of calls()) {
      expect(spelled(basic, one)).toEqual([]);
      expect(spelled('token-1', one)).toEqual(['Bearer token-1']);
    }
    expect(JSON.stringify(told)).not.toMatch(new RegExp(`${CLIENT_SECRET}|${basic}|token-1`));
  });
});
