import { afterEach, describe, expect, it } from '@jest/globals';
import { Agent } from 'undici';
import { silentObserver } from '../../src/domain/observer.js';
import { createTokenSource, type TokenResult } from '../../src/upstream/token.js';
import { eventually } from '../support/eventually.js';
import { answerJson, listenHttp, type Answer } from './upstream-server.js';

const CLIENT_SECRET = 'p@ss:word/+ü';
const open: { close(): Promise<unknown> }[] = [];

async function bank(answer: Answer, { timeoutMs = 30_000 } = {}) {
  const server = await listenHttp(answer);
  const dispatcher = new Agent({ pipelining: 1 });
  open.push({ close: () => dispatcher.destroy() }, server);
  const tokenUrl = `${server.url}/oauth2/v1/token`;
  const tokens = createTokenSource(
    { tokenUrl, clientId: 'latchkey', clientSecret: CLIENT_SECRET, institutionId: '00516', timeoutMs, observer: silentObserver },
    dispatcher,
  );
  return { tokens, heard: server.heard };
}

/** Numbers its tokens, so that one can be told from the next. */
function numbering(body: Record<string, unknown> = { token_type: 'Bearer', expires_in: 3_600 }): Answer {
  let count = 0;
  return (response) => answerJson(response, 200, { access_token: `token-${(count += 1)}`, ...body });
}

const valueOf = (result: TokenResult) => (result.kind === 'token' ? result.token.value : result.reason);

afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

describe('the bank’s token', () => {
  it('is asked for by client credentials, as the bank’s contract has it', async () => {
    const { tokens, heard } = await bank(numbering());
    expect(await tokens.get()).toMatchObject({ kind: 'token', token: { value: 'token-1' } });
    expect(heard).toHaveLength(1);
    expect(heard[0]).toMatchObject({ method: 'POST', path: '/oauth2/v1/token', body: 'grant_type=client_credentials' });
    expect(heard[0]?.headers).toMatchObject({
      authorization: `Basic ${Buffer.from(`latchkey:${CLIENT_SECRET}`).toString('base64')}`,
      'content-type': 'application/x-www-form-urlencoded',
      institutionid: '00516',
      transactionid: expect.stringMatching(/^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/),
    });
  });

  it('is fetched once for fifty who ask at once, and for those who ask later', async () => {
    const { tokens, heard } = await bank(numbering());
    const results = await Promise.all(Array.from({ length: 50 }, () => tokens.get()));
    expect(new Set(results.map(valueOf))).toEqual(new Set(['token-1']));
    expect(valueOf(await tokens.get())).toBe('token-1');
    expect(heard).toHaveLength(1);
  });

  it('is fetched anew, once, before it expires', async () => {
    const { tokens, heard } = await bank(numbering({ expires_in: 1 }));
    const first = await tokens.get();
    expect(valueOf(first)).toBe('token-1');
    await eventually(async () => expect(valueOf(await tokens.get())).toBe('token-2'));
    expect(heard).toHaveLength(2);
  });

  it('is not fetched for every call where it lives shorter than the early refresh', async () => {
    const { tokens, heard } = await bank(numbering({ expires_in: 20 }));
    for (let round = 0; round < 5; round += 1) await tokens.get();
    expect(heard).toHaveLength(1);
  });

  it.each([
    {},
    { expires_in: null },
    { expires_in: 'soon' },
    { expires_in: -1 },
    { expires_in: 0 },
    { expires_in: '3600' },
    { expires_in: {} },
  ])('is kept for a while although its life reads %j', async (body) => {
    const { tokens, heard } = await bank(numbering(body));
    await tokens.get();
    expect(valueOf(await tokens.get())).toBe('token-1');
    expect(heard).toHaveLength(1);
  });

  it('is dropped when it was found stale, and only the one that was used', async () => {
    const { tokens, heard } = await bank(numbering());
    const first = await tokens.get();
    if (first.kind !== 'token') throw new Error(first.reason);
    tokens.invalidate(first.token.generation);
    expect(valueOf(await tokens.get())).toBe('token-2');
    // Forty-nine others used the first one too, and hear of it late.
    for (let late = 0; late < 49; late += 1) tokens.invalidate(first.token.generation);
    expect(valueOf(await tokens.get())).toBe('token-2');
    expect(heard).toHaveLength(2);
  });

  it('stays where a generation is dropped that never was', async () => {
    const { tokens, heard } = await bank(numbering());
    await tokens.get();
    for (const generation of [0, 2, -1, Number.NaN]) tokens.invalidate(generation);
    expect(valueOf(await tokens.get())).toBe('token-1');
    expect(heard).toHaveLength(1);
  });
});

describe('a token that cannot be had', () => {
  it.each([400, 401, 403, 404, 429, 500, 503])('is told with the status of the answer, here %d', async (httpStatus) => {
    const { tokens, heard } = await bank((response) =>
      answerJson(response, httpStatus, { error: 'invalid_client', access_token: 'never' }, { 'retry-after': '7' }),
    );
    expect(await tokens.get()).toEqual({
      kind: 'unavailable',
      httpStatus,
      retryAfterMs: 7_000,
      reason: `the bank's token endpoint answered ${httpStatus}`,
    });
    expect(heard).toHaveLength(1);
  });

  it.each([
    ['a page instead of JSON', '<html><body>Welcome</body></html>'],
    ['nothing', ''],
    ['null', 'null'],
    ['an array', '[{"access_token":"x"}]'],
    ['no access_token', '{"token_type":"Bearer"}'],
    ['an empty one', '{"access_token":""}'],
    ['one that is no string', '{"access_token":{"value":"x"}}'],
    ['one with a line break', '{"access_token":"abc\\r\\nx-injected: yes"}'],
    ['one with a line break at its end', '{"access_token":"abc\\n"}'],
    ['one with a space', '{"access_token":"abc def"}'],
    ['one beyond ASCII', '{"access_token":"abcü"}'],
    ['another kind of token', '{"access_token":"abc","token_type":"MAC"}'],
  ])('is told where the endpoint answers 200 with %s', async (_, body) => {
    const { tokens } = await bank((response) => void response.writeHead(200, { 'content-type': 'application/json' }).end(body));
    expect(await tokens.get()).toEqual({
      kind: 'unavailable',
      httpStatus: 200,
      retryAfterMs: null,
      reason: "the bank's token endpoint answered without a usable token",
    });
  });

  it('is told where the endpoint points elsewhere, and the credentials go nowhere else', async () => {
    const elsewhere = await listenHttp(numbering());
    open.push(elsewhere);
    const { tokens } = await bank((response) => void response.writeHead(307, { location: `${elsewhere.url}/token` }).end());
    expect(await tokens.get()).toMatchObject({ kind: 'unavailable', httpStatus: 307 });
    expect(elsewhere.heard).toHaveLength(0);
  });

  it('is told where the endpoint breaks off or stays silent', async () => {
    const reset = await bank((_, __, request) => request.socket.resetAndDestroy());
    expect(await reset.tokens.get()).toEqual({
      kind: 'unavailable',
      httpStatus: null,
      retryAfterMs: null,
      reason: "the bank's token endpoint: ECONNRESET",
    });
    const silent = await bank(() => undefined, { timeoutMs: 200 });
    expect(await silent.tokens.get()).toMatchObject({
      kind: 'unavailable',
      httpStatus: null,
      reason: expect.stringContaining('no answer within 200 ms'),
    });
  });

  it('is asked for once by all who wait, and again once the back-off is over', async () => {
    let isWell = false;
    const { tokens, heard } = await bank((response) =>
      isWell ? answerJson(response, 200, { access_token: 'late' }) : answerJson(response, 500, {}),
    );
    const results = await Promise.all(Array.from({ length: 50 }, () => tokens.get()));
    expect(results.every(({ kind }) => kind === 'unavailable')).toBe(true);
    expect(heard).toHaveLength(1);
    isWell = true;
    const again = await Promise.all(Array.from({ length: 50 }, () => tokens.get()));
    expect(again.every(({ kind }) => kind === 'unavailable')).toBe(true);
    expect(heard).toHaveLength(1);
    await eventually(async () => expect(valueOf(await tokens.get())).toBe('late'));
    expect(heard).toHaveLength(2);
  });

  it('is asked for ever less often while it cannot be had, however many ask', async () => {
    const { tokens, heard } = await bank((response) => answerJson(response, 503, {}));
    const untilMs = performance.now() + 4_000;
    while (performance.now() < untilMs) {
      await Promise.all(Array.from({ length: 20 }, () => tokens.get()));
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    // After 250 to 500 ms, then twice that, and so on.
    expect(heard.length).toBeGreaterThanOrEqual(2);
    expect(heard.length).toBeLessThanOrEqual(5);
  });

  it('is not asked for before the endpoint’s own Retry-After is over', async () => {
    const { tokens, heard } = await bank((response) => answerJson(response, 429, {}, { 'retry-after': '30' }));
    await tokens.get();
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    expect(await tokens.get()).toMatchObject({ kind: 'unavailable', httpStatus: 429 });
    expect(heard).toHaveLength(1);
  });

  it('does no harm as long as the one that was to be replaced lives', async () => {
    let count = 0;
    const { tokens } = await bank((response) =>
      (count += 1) === 1 ? answerJson(response, 200, { access_token: 'first', expires_in: 3 }) : answerJson(response, 503, {}),
    );
    expect(valueOf(await tokens.get())).toBe('first');
    await eventually(async () => {
      expect(valueOf(await tokens.get())).toBe('first');
      expect(count).toBeGreaterThan(1);
    });
    await eventually(async () => expect((await tokens.get()).kind).toBe('unavailable'));
  });

  it('is told without the secret', async () => {
    const echo: Answer = (response, { headers }) =>
      answerJson(response, 401, { error_description: `bad credentials: ${headers.authorization}` });
    const { tokens, heard } = await bank(echo);
    const told = JSON.stringify(await tokens.get());
    expect(heard[0]?.headers.authorization).toBeDefined();
    expect(told).not.toContain(CLIENT_SECRET);
    expect(told).not.toContain(heard[0]?.headers.authorization?.slice('Basic '.length));
  });
});
