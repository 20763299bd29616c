import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHttpServer, type HttpServer } from '../../src/http/server.js';
import { eventually } from '../support/eventually.js';

const times = { headersMs: 300, requestMs: 600, keepAliveMs: 200, silenceMs: 1_500, checkMs: 50 };

let server: HttpServer;
let port: number;
let served = 0;
const ended: (string | undefined)[] = [];
beforeAll(async () => {
  server = createHttpServer((request, response) => {
    served += 1;
    request.socket.once('close', () => ended.push(request.url));
    request.resume();
    if (request.url === '/never') return;
    request.on('end', () => response.end(request.url === '/much' ? 'x'.repeat(50_000_000) : 'ok'));
  }, times);
  port = await server.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(() => server.close(0));

/** A client that never closes its own half: what ends such a connection is the server alone. */
function dawdle(start: (socket: Socket) => void): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }, () => start(socket));
    socket.on('data', (chunk) => (answer += chunk.toString()));
    socket.on('error', () => undefined);
    socket.on('end', () => {
      // Writing on is what tells a connection that is gone from one whose other half is merely silent.
      const poke = setInterval(() => socket.write('x'), 50);
      socket.on('close', () => clearInterval(poke));
    });
    socket.on('close', () => resolve(answer));
  });
}

/** Sends a byte now and then, for ever. */
function drip(socket: Socket, byte: string): void {
  const timer = setInterval(() => socket.write(byte), 40);
  socket.on('close', () => clearInterval(timer));
}

describe('a connection', () => {
  it('on which nothing comes is cut off', async () => {
    expect(await dawdle(() => undefined)).toMatch(/^HTTP\/1\.1 408 [\s\S]*request_timeout/);
  });

  it('whose headers never end is cut off, however busily they come', async () => {
    const before = served;
    const answer = await dawdle((socket) => {
      socket.write('GET / HTTP/1.1\r\nhost: x\r\nx-slow: ');
      drip(socket, 'a');
    });
    expect(answer).toMatch(/^HTTP\/1\.1 408 [\s\S]*request_timeout/);
    expect(served).toBe(before);
  });

  it.each([
    ['of a length that was told', 'content-length: 100000\r\n\r\n{', 'a'],
    ['in chunks', 'transfer-encoding: chunked\r\n\r\n', '1\r\na\r\n'],
  ])('whose body never ends is cut off: one %s', async (_which, start, more) => {
    const answer = await dawdle((socket) => {
      socket.write(`POST / HTTP/1.1\r\nhost: x\r\n${start}`);
      drip(socket, more);
    });
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('that is kept after an answer and not used is closed', async () => {
    expect(await dawdle((socket) => socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n'))).toMatch(/^HTTP\/1\.1 200 [\s\S]*ok$/);
  });

  it('whose answer nobody reads is cut off', async () => {
    const socket = connect({ port, host: '127.0.0.1' }, () => socket.write('GET /much HTTP/1.1\r\nhost: x\r\n\r\n'));
    socket.on('error', () => undefined);
    socket.pause();
    await eventually(async () => expect(ended).toContain('/much'));
    socket.destroy();
  });

  it('that falls silent while an answer is due is cut off in the end', async () => {
    expect(await dawdle((socket) => socket.write('GET /never HTTP/1.1\r\nhost: x\r\n\r\n'))).toBe('');
  });
});

describe('headers', () => {
  const withHeaders = (count: number): Promise<string> =>
    dawdle((socket) => {
      const lines = Array.from({ length: count }, (_, index) => `x-${index}: 1\r\n`).join('');
      socket.write(`GET / HTTP/1.1\r\nhost: x\r\n${lines}\r\n`);
    });

  it('are 100 at most: more are refused, never dropped', async () => {
    expect(await withHeaders(99)).toMatch(/^HTTP\/1\.1 200 /);
    const before = served;
    expect(await withHeaders(100)).toMatch(/^HTTP\/1\.1 431 [\s\S]*headers_too_large/);
    expect(await withHeaders(1_500)).toMatch(/^HTTP\/1\.1 431 /);
    expect(served).toBe(before);
  });

  it.each([
    ['two lengths', 'content-length: 1\r\ncontent-length: 2\r\n'],
    ['a length beside chunks', 'content-length: 1\r\ntransfer-encoding: chunked\r\n'],
    ['a bare carriage return in a value', 'correlationId: a\rset-cookie: b\r\n'],
    ['a null in a value', 'correlationId: a\0b\r\n'],
    ['a blank before the colon', 'correlationId : a\r\n'],
    ['a folded value', 'correlationId: a\r\n b\r\n'],
  ])('that readers take differently are refused: %s', async (_what, lines) => {
    const before = served;
    expect(await dawdle((socket) => socket.write(`POST / HTTP/1.1\r\nhost: x\r\n${lines}\r\n`))).toMatch(/^HTTP\/1\.1 400 /);
    expect(served).toBe(before);
  });
});
