import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Agent } from 'undici';
import { exchange, parseJson, type Exchange } from '../../src/outbound/index.js';
import { eventually } from '../support/eventually.js';
import { listenHttp, listenTcp, type Answer, type HttpServer, type ListeningServer } from './upstream-server.js';

const open: { close(): Promise<unknown> }[] = [];
const keep = <T extends { close(): Promise<unknown> }>(one: T): T => {
  open.unshift(one);
  return one;
};
const agent = (options: Agent.Options = {}) => {
  const made = new Agent({ pipelining: 1, ...options });
  open.unshift({ close: () => made.destroy() });
  return made;
};
const http = async (answer: Answer): Promise<HttpServer> => keep(await listenHttp(answer));
const LONG_MS = 30_000;

function put(
  server: ListeningServer,
  { dispatcher = agent(), timeoutMs = LONG_MS, path = '/v1/customers/1:unlock-user' } = {},
): Promise<Exchange> {
  return exchange({ dispatcher, url: new URL(path, server.url), method: 'PUT', headers: { accept: 'application/json' }, timeoutMs });
}

afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

describe('a request that was held up', () => {
  it('is not sent when its time is over by the clock, though the connection for which it waited is there and no timer has fired', async () => {
    const server = await http((response) => void response.writeHead(204).end());
    const url = new URL('/v1/customers/1:unlock-user', server.url);
    const sending = exchange({ dispatcher: agent(), url, method: 'PUT', headers: {}, timeoutMs: LONG_MS, leavesWithinMs: 50 });
    // As if the process had been stopped while it connected.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
    expect(await sending).toMatchObject({ kind: 'not_sent', reason: 'held up until its time was over' });
    await sleep(50);
    expect(server.heard).toEqual([]);
  });
});

describe('a request that is answered', () => {
  it('leaves once, as it was to be sent, and brings back status, body and duration', async () => {
    const server = await http((response) => void response.writeHead(409).end('{"code":"X"}'));
    const url = new URL('/oauth2/token?a=b', server.url);
    const got = await exchange({
      dispatcher: agent(),
      url,
      method: 'POST',
      headers: { 'x-own': 'yes' },
      body: 'grant_type=client_credentials',
      timeoutMs: LONG_MS,
    });
    expect(got).toEqual({ kind: 'answered', httpStatus: 409, body: '{"code":"X"}', retryAfterMs: null, durationMs: expect.any(Number) });
    expect(server.heard).toMatchObject([
      { method: 'POST', path: '/oauth2/token?a=b', body: 'grant_type=client_credentials', headers: { 'x-own': 'yes' } },
    ]);
  });

  it.each([200, 204, 400, 401, 404, 408, 409, 425, 429, 500, 502, 503, 504])(
    'is sent exactly once where the answer is %d',
    async (httpStatus) => {
      const server = await http((response) => void response.writeHead(httpStatus, { 'retry-after': '0' }).end());
      expect(await put(server)).toMatchObject({ kind: 'answered', httpStatus });
      await sleep(20);
      expect(server.heard).toHaveLength(1);
    },
  );

  it.each([301, 302, 303, 307, 308])('with %d is not sent on to where that points', async (httpStatus) => {
    const target = await http((response) => void response.writeHead(204).end());
    const server = await http((response) => void response.writeHead(httpStatus, { location: `${target.url}/elsewhere` }).end());
    expect(await put(server)).toMatchObject({ kind: 'answered', httpStatus });
    expect(target.heard).toHaveLength(0);
    expect(server.heard).toHaveLength(1);
  });

  it('takes no interim answer for the answer', async () => {
    const server = await http((response) => {
      response.writeProcessing();
      response.writeEarlyHints({ link: '</style.css>; rel=preload' });
      response.writeHead(503, { 'retry-after': '7' }).end('unwell');
    });
    expect(await put(server)).toMatchObject({ kind: 'answered', httpStatus: 503, body: 'unwell', retryAfterMs: 7_000 });
  });

  it('has the first of several Retry-After headers', async () => {
    const server = await http(
      (response) =>
        void response
          .writeHead(
            503,
            [
              ['retry-after', '7'],
              ['retry-after', '9'],
            ].flat(),
          )
          .end(),
    );
    expect(await put(server)).toMatchObject({ retryAfterMs: 7_000 });
  });

  it('keeps its status where the body breaks off', async () => {
    const server = await http((response) => {
      response.writeHead(503, { 'content-length': '1000' }).write('{"code":');
      setImmediate(() => response.destroy());
    });
    expect(await put(server)).toMatchObject({ kind: 'answered', httpStatus: 503, body: null });
    expect(server.heard).toHaveLength(1);
  });

  it('keeps its status where the body trickles in past the time-out', async () => {
    const server = await http((response) => {
      response.writeHead(200);
      const trickle = setInterval(() => response.write('x'), 20);
      response.on('close', () => clearInterval(trickle));
    });
    expect(await put(server, { timeoutMs: 300 })).toMatchObject({ kind: 'answered', httpStatus: 200, body: null });
    expect(server.heard).toHaveLength(1);
  });

  it('is cut short where the body has no end, and the connection with it', async () => {
    let sentBytes = 0;
    let closed = false;
    const server = await http((response) => {
      response.on('close', () => (closed = true));
      response.on('error', () => undefined);
      const block = Buffer.alloc(16_384, 'x');
      const pour = (): void => {
        if (closed) return;
        sentBytes += block.byteLength;
        if (response.write(block)) setImmediate(pour);
        else response.once('drain', pour);
      };
      response.writeHead(200);
      pour();
    });
    expect(await put(server)).toMatchObject({ kind: 'answered', httpStatus: 200, body: null });
    await eventually(() => expect(closed).toBe(true));
    // What the two kernels buffer, and no more.
    expect(sentBytes).toBeLessThan(32 * 1024 * 1024);
  });

  it('has a body of up to 64 KiB in full, and none that is larger', async () => {
    const server = await http((response, { path }) => void response.writeHead(200).end('x'.repeat(Number(path.slice(1)))));
    expect(await put(server, { path: '/65536' })).toMatchObject({ body: 'x'.repeat(65_536) });
    expect(await put(server, { path: '/65537' })).toMatchObject({ httpStatus: 200, body: null });
    expect(await put(server, { path: '/10000000' })).toMatchObject({ httpStatus: 200, body: null });
  });
});

describe('a request of which no byte left', () => {
  it('is not_sent where the connection is refused', async () => {
    const gone = await listenHttp(() => undefined);
    await gone.close();
    expect(await put(gone)).toEqual({ kind: 'not_sent', reason: 'ECONNREFUSED', durationMs: expect.any(Number) });
  });

  it('is not_sent where TLS fails', async () => {
    const plain = keep(await listenTcp((socket) => void socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))));
    expect(await put({ ...plain, url: plain.url.replace('http:', 'https:') })).toMatchObject({ kind: 'not_sent' });
  });

  it('is not_sent where the time is over before TLS is there', async () => {
    let connections = 0;
    const silent = keep(await listenTcp(() => (connections += 1)));
    const got = await put({ ...silent, url: silent.url.replace('http:', 'https:') }, { timeoutMs: 300 });
    expect(got).toEqual({ kind: 'not_sent', reason: 'no answer within 300 ms', durationMs: expect.any(Number) });
    expect(connections).toBe(1);
  });

  it('is not_sent where the time is over while it waits for a connection, and never leaves afterwards', async () => {
    const free: (() => void)[] = [];
    const server = await http((response) => void free.push(() => response.writeHead(204).end()));
    const dispatcher = agent({ connections: 1 });
    const first = put(server, { dispatcher, path: '/first' });
    await eventually(() => expect(server.heard).toHaveLength(1));
    expect(await put(server, { dispatcher, path: '/second', timeoutMs: 200 })).toMatchObject({ kind: 'not_sent' });
    free[0]?.();
    expect(await first).toMatchObject({ httpStatus: 204 });
    const third = put(server, { dispatcher, path: '/third' });
    await eventually(() => expect(server.heard).toHaveLength(2));
    free[1]?.();
    await third;
    expect(server.heard.map(({ path }) => path)).toEqual(['/first', '/third']);
  });

  it('is not_sent where a header would split the message', async () => {
    const server = await http((response) => void response.end());
    const headers = { correlationId: 'a\r\nx-injected: yes' };
    expect(await exchange({ dispatcher: agent(), url: new URL(server.url), method: 'PUT', headers, timeoutMs: LONG_MS })).toMatchObject({
      kind: 'not_sent',
    });
    expect(server.heard).toHaveLength(0);
  });
});

describe('a request that may have arrived', () => {
  it('is no_answer where the connection is reset instead of an answer', async () => {
    const server = await http((_, __, request) => request.socket.resetAndDestroy());
    expect(await put(server)).toEqual({ kind: 'no_answer', reason: 'ECONNRESET', durationMs: expect.any(Number) });
    await sleep(50);
    expect(server.heard).toHaveLength(1);
  });

  it('is no_answer where the connection is closed instead of an answer', async () => {
    const server = await http((_, __, request) => void request.socket.end());
    expect(await put(server)).toMatchObject({ kind: 'no_answer', reason: 'UND_ERR_SOCKET' });
    await sleep(50);
    expect(server.heard).toHaveLength(1);
  });

  it('is no_answer where the connection breaks within the head of the answer', async () => {
    const server = await http((_, __, { socket }) => void socket.write('HTTP/1.1 204 No Con', () => socket.resetAndDestroy()));
    expect(await put(server)).toMatchObject({ kind: 'no_answer' });
    await sleep(50);
    expect(server.heard).toHaveLength(1);
  });

  it('is no_answer where the time is over after it left', async () => {
    const server = await http(() => undefined);
    expect(await put(server, { timeoutMs: 300 })).toEqual({
      kind: 'no_answer',
      reason: 'no answer within 300 ms',
      durationMs: expect.any(Number),
    });
    await sleep(50);
    expect(server.heard).toHaveLength(1);
  });

  it('is no_answer where what comes back is no HTTP', async () => {
    const server = await http((_, __, request) => void request.socket.end('SSH-2.0-OpenSSH_9.6\r\n'));
    expect(await put(server)).toMatchObject({ kind: 'no_answer' });
    expect(server.heard).toHaveLength(1);
  });

  it('is no_answer where the head of the answer has no end', async () => {
    const server = await http((_, __, { socket }) => void socket.end(`HTTP/1.1 204 No Content\r\nx: ${'y'.repeat(300_000)}\r\n\r\n`));
    expect(await put(server)).toMatchObject({ kind: 'no_answer' });
    expect(server.heard).toHaveLength(1);
  });

  it.each([600, 999])('is no_answer where the answer is %d, which is no HTTP status', async (httpStatus) => {
    const server = await http((response) => void response.writeHead(httpStatus).end());
    expect(await put(server)).toMatchObject({ kind: 'no_answer', reason: expect.stringContaining(String(httpStatus)) });
  });

  it('is sent once also over a connection that the server gives up as it arrives', async () => {
    const answered = new WeakSet<object>();
    const server = await http((response, _, { socket }) => {
      if (answered.has(socket)) return void socket.resetAndDestroy();
      answered.add(socket);
      response.writeHead(204).end();
    });
    const dispatcher = agent({ connections: 1 });
    expect(await put(server, { dispatcher, path: '/first' })).toMatchObject({ kind: 'answered' });
    expect(await put(server, { dispatcher, path: '/second' })).toMatchObject({ kind: 'no_answer' });
    await sleep(50);
    expect(server.heard.map(({ path }) => path)).toEqual(['/first', '/second']);
  });
});

describe('the reason for no answer', () => {
  it('names neither host, path nor header', async () => {
    const server = await http((_, __, request) => request.socket.resetAndDestroy());
    const url = new URL('/customers/secret-customer', server.url);
    const got = await exchange({
      dispatcher: agent(),
      url,
      method: 'PUT',
      headers: { authorization: 'Bearer secret-token' },
      timeoutMs: LONG_MS,
    });
    expect(JSON.stringify(got)).not.toMatch(/secret|127\.0\.0\.1|Bearer/);
  });
});

describe('a body', () => {
  it.each(['', ' ', '<html>', '{"a":', 'undefined', "{'a':1}", '{"a":1}}'])('of %j is no JSON', (text) => {
    expect(parseJson(text)).toBeUndefined();
  });

  it('that is absent is no JSON', () => {
    expect(parseJson(null)).toBeUndefined();
  });

  it.each([
    ['null', null],
    ['{"a":1}', { a: 1 }],
    ['[]', []],
  ])('of %j is JSON', (text, value) => {
    expect(parseJson(text)).toEqual(value);
  });
});
