import { randomUUID } from 'node:crypto';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createUpstream, type Upstream } from '../../src/upstream/index.js';
import { makeCertificate } from '../support/certificate.js';
import { eventually } from '../support/eventually.js';
import { openLatchkey, type Latchkey } from '../support/latchkey.js';
import { peakWithin } from '../support/peak.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';

const MAX_PER_SECOND = 4;
const REQUESTS = 16;

/** When each PUT arrived, in milliseconds since the epoch. */
const putsAt: number[] = [];
const unlocked = new Set<string>();
const { certificate, privateKey } = makeCertificate();
const bank = createServer({ cert: certificate, key: privateKey }, (request, response) => {
  const { method, url = '' } = request;
  const customerId = /customers\/([^/:?]+)/.exec(url)?.[1] ?? '';
  request.resume();
  // A connection for each call, as behind many a gateway.
  response.shouldKeepAlive = false;
  if (method === 'PUT') {
    putsAt.push(Date.now());
    unlocked.add(customerId);
    response.writeHead(204).end();
  } else {
    const token = { access_token: 'token', token_type: 'Bearer', expires_in: 3599 };
    response.end(JSON.stringify(method === 'POST' ? token : { userStatus: { locked: !unlocked.has(customerId) } }));
  }
});

let way: TcpProxy;
let upstream: Upstream;
let latchkey: Latchkey;
beforeAll(async () => {
  await new Promise<void>((resolve) => bank.listen(0, '127.0.0.1', resolve));
  way = await startTcpProxy((bank.address() as AddressInfo).port);
  const url = `https://127.0.0.1:${way.port}`;
  latchkey = await openLatchkey({ maxPerSecond: MAX_PER_SECOND, withWorker: false, bricks: () => ({ upstream }) });
  upstream = createUpstream({
    ...latchkey.upstreamSettings,
    baseUrl: url,
    tokenUrl: `${url}/token`,
    outbound: { ...latchkey.upstreamSettings.outbound, ca: certificate },
    timeoutMs: 4_000,
  });
  await latchkey.addWorker();
});
afterAll(async () => {
  await latchkey.close();
  await upstream.close();
  await way.close();
  bank.closeAllConnections();
  bank.close();
});

describe('with a rate set and slow connections to the bank', () => {
  it('a PUT whose turn is over when it gets its connection takes another turn: what waited together does not leave together', async () => {
    const ask = async (index: number) => {
      const headers = { correlationId: randomUUID() };
      const { status } = await latchkey.call('/v1/unlocks', { method: 'POST', body: { customerId: `late-${index}` }, headers });
      expect(status).toBe(202);
    };
    await Promise.all(Array.from({ length: REQUESTS }, (_, index) => ask(index)));
    await eventually(() => expect(putsAt.length).toBeGreaterThan(0));
    for (let round = 0; round < 3; round += 1) {
      way.hold();
      await sleep(1_500);
      way.restore();
      await sleep(700);
    }
    await eventually(
      async () => {
        const rows = await latchkey.sql<{ outcome: string | null }>('select outcome from unlock_request');
        expect(rows.map(({ outcome }) => outcome)).toEqual(Array.from({ length: REQUESTS }, () => 'unlocked'));
      },
      { limitMs: 90_000 },
    );
    expect(putsAt).toHaveLength(REQUESTS);
    expect(peakWithin(1_000, putsAt)).toBeLessThanOrEqual(MAX_PER_SECOND);
  }, 120_000);
});
