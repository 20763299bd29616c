import { createServer as createHttpServer, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { afterEach, describe, expect, it } from '@jest/globals';
import { createFetch, createOutbound, exchange, type Exchange, type OutboundPolicy } from '../../src/outbound/index.js';
import { anywhere } from '../support/anywhere.js';
import { makeCertificate } from '../support/certificate.js';

const TIMEOUT_MS = 20_000;
const server = makeCertificate();
const stranger = makeCertificate();
const client = makeCertificate();
const trusting: OutboundPolicy = { ...anywhere, ca: server.certificate };
const cleanup: (() => unknown)[] = [];
afterEach(async () => {
  for (const each of cleanup.splice(0).toReversed()) await each();
});

interface Listening {
  readonly port: number;
  /** Of each request: its method and path, and the common name of the client's certificate. */
  readonly heard: string[];
}

type Answer = (response: ServerResponse) => unknown;

async function listen(listener: Server, answer: Answer = (response) => response.writeHead(200).end('heard')): Promise<Listening> {
  const heard: string[] = [];
  listener.on('request', (request, response) => {
    const { subject } = 'getPeerCertificate' in request.socket ? (request.socket as TLSSocket).getPeerCertificate() : {};
    heard.push([request.method, request.url, subject?.CN].filter((part) => part !== undefined).join(' '));
    answer(response);
  });
  listener.listen(0, '127.0.0.1');
  await new Promise((resolve) => listener.once('listening', resolve));
  cleanup.push(() => {
    listener.closeAllConnections();
    listener.close();
  });
  return { port: (listener.address() as AddressInfo).port, heard };
}

const https = (options: ServerOptions = {}): Promise<Listening> =>
  listen(createHttpsServer({ cert: server.certificate, key: server.privateKey, ...options }));
const http = (): Promise<Listening> => listen(createHttpServer());

function outbound(policy: OutboundPolicy, ...urls: string[]) {
  const dispatcher = createOutbound({ policy, urls, connectTimeoutMs: TIMEOUT_MS });
  cleanup.push(() => dispatcher.destroy());
  return dispatcher;
}

function call(policy: OutboundPolicy, url: string, pinned = url): Promise<Exchange> {
  return exchange({ dispatcher: outbound(policy, pinned), url: new URL(url), method: 'PUT', headers: {}, timeoutMs: TIMEOUT_MS });
}

describe('a call over TLS', () => {
  it('goes to a server whose certificate the own authority vouches for', async () => {
    const { port } = await https();
    expect(await call(trusting, `https://localhost:${port}/`)).toMatchObject({ kind: 'answered', body: 'heard' });
    expect(await call(trusting, `https://127.0.0.1:${port}/`)).toMatchObject({ kind: 'answered', body: 'heard' });
  });

  it("does not leave where neither the own authority nor the system's vouches", async () => {
    const { port, heard } = await https();
    for (const ca of [null, stranger.certificate]) {
      expect(await call({ ...anywhere, ca }, `https://localhost:${port}/`)).toMatchObject({ kind: 'not_sent' });
    }
    expect(heard).toEqual([]);
  });

  it('does not leave where the certificate is for another name', async () => {
    const { port, heard } = await https();
    expect(await call(trusting, `https://127.0.0.2:${port}/`)).toMatchObject({ kind: 'not_sent' });
    expect(heard).toEqual([]);
  });

  it('is checked also where the environment tells Node not to', async () => {
    const { port, heard } = await https();
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
    cleanup.push(() => delete process.env.NODE_TLS_REJECT_UNAUTHORIZED);
    expect(await call(anywhere, `https://localhost:${port}/`)).toMatchObject({ kind: 'not_sent' });
    expect(heard).toEqual([]);
  });

  it.each(['TLSv1', 'TLSv1.1'] as const)('does not leave over %s', async (version) => {
    const { port, heard } = await https({ minVersion: version, maxVersion: version, ciphers: 'DEFAULT:@SECLEVEL=0' });
    expect(await call(trusting, `https://localhost:${port}/`)).toMatchObject({ kind: 'not_sent' });
    expect(heard).toEqual([]);
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('goes over %s', async (version) => {
    const { port } = await https({ minVersion: version, maxVersion: version });
    expect(await call(trusting, `https://localhost:${port}/`)).toMatchObject({ kind: 'answered' });
  });

  it('names itself by its certificate where the server asks', async () => {
    const { port, heard } = await https({ requestCert: true, rejectUnauthorized: true, ca: client.certificate });
    expect(await call({ ...trusting, clientCertificate: client }, `https://localhost:${port}/`)).toMatchObject({ kind: 'answered' });
    expect(heard).toEqual(['PUT / Test authority']);
    for (const clientCertificate of [null, stranger]) {
      expect((await call({ ...trusting, clientCertificate }, `https://localhost:${port}/`)).kind).not.toBe('answered');
    }
    expect(heard).toHaveLength(1);
  });
});

describe('a place that is not configured', () => {
  it.each(['127.0.0.2', 'localhost'])('is not called: %s', async (host) => {
    const { port, heard } = await http();
    const got = await call(anywhere, `http://${host}:${port}/`, `http://127.0.0.1:${port}/base`);
    expect(got).toMatchObject({ kind: 'not_sent', reason: 'a host that is not configured' });
    expect(heard).toEqual([]);
  });

  it('is another port and another scheme too', async () => {
    const [one, other] = [await http(), await http()];
    for (const url of [`http://127.0.0.1:${other.port}/`, `https://127.0.0.1:${one.port}/`]) {
      expect(await call(anywhere, url, `http://127.0.0.1:${one.port}/`)).toMatchObject({ reason: 'a host that is not configured' });
    }
    expect([...one.heard, ...other.heard]).toEqual([]);
  });
});

describe('an address within the house', () => {
  const strict = { ...anywhere, privateHosts: [] };

  it.each(['127.0.0.1', '[::1]', '169.254.169.254', '10.0.0.1', '[::ffff:127.0.0.1]', '[fd00:ec2::254]', '2130706433', '0x7f.1'])(
    'is not called: %s',
    async (host) => {
      expect(await call(strict, `http://${host}:9/`)).toEqual({
        kind: 'not_sent',
        reason: 'an address that is not public',
        durationMs: expect.any(Number),
      });
    },
  );

  it('is not called by a name that leads there, as looked up for the connection itself', async () => {
    const { port, heard } = await http();
    expect(await call(strict, `http://localhost:${port}/`)).toMatchObject({ kind: 'not_sent', reason: 'an address that is not public' });
    expect(heard).toEqual([]);
  });

  it('is called where the policy names the host, and for no other host', async () => {
    const { port } = await http();
    const naming = (...privateHosts: string[]): OutboundPolicy => ({ ...anywhere, privateHosts });
    expect(await call(naming('localhost'), `http://LOCALHOST:${port}/`)).toMatchObject({ kind: 'answered' });
    expect(await call(naming('127.0.0.1'), `http://127.0.0.1:${port}/`)).toMatchObject({ kind: 'answered' });
    expect(await call(naming('127.0.0.1'), `http://localhost:${port}/`)).toMatchObject({ kind: 'not_sent' });
    expect(await call(naming('localhost'), `http://127.0.0.1:${port}/`)).toMatchObject({ kind: 'not_sent' });
  });
});

describe('a document', () => {
  const fetchOf = (answer?: Answer) =>
    listen(createHttpServer(), answer).then(({ port }) => {
      const url = `http://127.0.0.1:${port}/keys`;
      return { url, get: createFetch({ policy: anywhere, urls: [url], timeoutMs: 500, bodyLimitBytes: 100 }) };
    });

  it('is read with its status', async () => {
    const { get, url } = await fetchOf();
    const response = await get(url, { headers: { accept: 'application/json' } });
    expect([response.status, await response.text()]).toEqual([200, 'heard']);
  });

  it.each([204, 302, 404, 503])('that is none comes with its status %d, and no redirect is followed', async (status) => {
    const { get, url } = await fetchOf((response) => response.writeHead(status, { location: '/other' }).end());
    expect((await get(url, {})).status).toBe(status);
  });

  it.each<[string, Answer]>([
    ['is too long', (response) => response.writeHead(200).end('x'.repeat(101))],
    ['never comes', () => undefined],
  ])('that %s is an error without the address', async (_, answer) => {
    const { get, url } = await fetchOf(answer);
    const failure = await get(url, {}).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(TypeError);
    expect(String(failure)).not.toContain('127.0.0.1');
  });

  it('is given up when whoever asks for it gives up', async () => {
    const { get, url } = await fetchOf(() => undefined);
    await expect(get(url, { signal: AbortSignal.timeout(20) })).rejects.toThrow(TypeError);
  });
});
