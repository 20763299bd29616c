import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { CustomerSetup } from '../../src/sandbox/index.js';
import { eventually } from '../support/eventually.js';
import { buildProduct, type LatchkeyProcess } from '../support/latchkey-process.js';
import { inShort, openLatchkey, type Latchkey } from '../support/latchkey.js';
import { startPart } from '../support/part-process.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { testTemporal } from '../support/temporal.js';

let latchkey: Latchkey;
let token: string;
const processes: LatchkeyProcess[] = [];

beforeAll(async () => {
  buildProduct();
  latchkey = await openLatchkey({ withWorker: false, forProcesses: true });
  token = await latchkey.sandbox.mintToken();
}, 180_000);
// A worker that a failed test leaves behind would do the next one's work.
afterEach(async () => {
  await Promise.all(processes.splice(0).map((each) => each.end('SIGKILL')));
});
afterAll(() => latchkey.close());

async function start(part: 'api' | 'worker', change: Readonly<Record<string, string>> = {}) {
  const started = await startPart(part, latchkey, change);
  processes.push(started.process);
  return started;
}

const bearer = () => ({ authorization: `Bearer ${token}` });
const post = (url: string, correlationId: string, customerId: string, headers: Readonly<Record<string, string>> = {}) =>
  fetch(`${url}/v1/unlocks`, {
    method: 'POST',
    headers: { ...bearer(), correlationId, 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ customerId }),
  });

/** Accepted by the front door of this process, for whatever worker there is. */
async function begin(customerId: string, setup: CustomerSetup): Promise<string> {
  const correlationId = randomUUID();
  latchkey.sandbox.customers.set(customerId, setup);
  await latchkey.call('/v1/unlocks', { method: 'POST', body: { customerId }, headers: { correlationId } });
  return correlationId;
}

const putsOf = (correlationId: string, count: number) =>
  eventually(() => expect(latchkey.puts(correlationId)).toHaveLength(count), { limitMs: 60_000 });
const outcomeOf = (correlationId: string) =>
  eventually(async () => expect(inShort(await latchkey.story(correlationId)).at(-1)).toMatch(/^completed/), { limitMs: 90_000 });

describe('a front door that is told to stop', () => {
  it('says that it is not ready, goes on serving for SHUTDOWN_DELAY_MS without keeping connections, and only then takes none', async () => {
    const { process: api, url } = await start('api', { SHUTDOWN_DELAY_MS: '6000' });
    await eventually(async () => expect((await fetch(`${url}/readyz`)).status).toBe(200));
    api.child.kill('SIGTERM');
    const notReady = await eventually(async () => {
      const answer = await fetch(`${url}/readyz`);
      expect(answer.status).toBe(503);
      return answer.json();
    });
    expect(notReady).toMatchObject({ parts: expect.arrayContaining([{ part: 'process', ready: false }]) });
    const accepted = await post(url, randomUUID(), 'locked-1');
    expect([accepted.status, accepted.headers.get('connection')]).toEqual([202, 'close']);
    expect(await api.exitCode()).toBe(0);
    await expect(fetch(`${url}/healthz`)).rejects.toThrow();
  }, 120_000);

  it('tells whoever waits that the unlock is still running, instead of hanging up', async () => {
    const { process: api, url } = await start('api');
    const { process: worker } = await start('worker');
    for (const customer of ['waits-put', 'waits-post']) latchkey.sandbox.customers.set(customer, { script: [{ answerDelayMs: 3_000 }] });
    const [put, posted] = [randomUUID(), randomUUID()];
    const dropIn = fetch(`${url}/v1/customers/waits-put:unlock-user`, { method: 'PUT', headers: { ...bearer(), correlationId: put } });
    const preferred = post(url, posted, 'waits-post', { prefer: 'wait=30' });
    await Promise.all([putsOf(put, 1), putsOf(posted, 1)]);
    api.child.kill('SIGTERM');

    const [stillRunning, accepted] = await Promise.all([dropIn, preferred]);
    expect([stillRunning.status, stillRunning.headers.get('location'), stillRunning.headers.get('connection')]).toEqual([
      504,
      `/v1/unlocks/${put}`,
      'close',
    ]);
    expect(await stillRunning.json()).toMatchObject({ code: 'LATCHKEY_STILL_RUNNING' });
    expect([accepted.status, accepted.headers.get('connection')]).toEqual([202, 'close']);
    expect(await accepted.json()).toMatchObject({ correlationId: posted, state: 'running' });
    expect(await api.exitCode()).toBe(0);
    await Promise.all([outcomeOf(put), outcomeOf(posted)]);
    expect(await worker.end('SIGTERM')).toBe(0);
  }, 180_000);

  it('brings a request that is on its way to Temporal to its answer: a 202 stands for a workflow', async () => {
    const address = testTemporal().address;
    const way = await startTcpProxy(Number(address.split(':')[1]));
    const { process: api, url } = await start('api', { TEMPORAL_ADDRESS: `127.0.0.1:${way.port}` });
    await eventually(async () => expect((await fetch(`${url}/readyz`)).status).toBe(200));
    const correlationId = randomUUID();
    way.hold();
    const answer = post(url, correlationId, 'locked-2');
    await sleep(500);
    api.child.kill('SIGTERM');
    await sleep(500);
    way.restore();
    expect((await answer).status).toBe(202);
    expect(await api.exitCode()).toBe(0);
    const { status } = await latchkey.client.workflow.getHandle(`unlock-${correlationId}`).describe();
    expect(status.name).toBe('RUNNING');
    await way.close();
  }, 120_000);

  it('ends at once at a second signal a second later, and not at one that npm passed on twice', async () => {
    const { process: api, url } = await start('api');
    const { port } = new URL(url);
    const socket = connect(Number(port), '127.0.0.1');
    await once(socket, 'connect');
    socket.on('error', () => undefined);
    // Its body never comes, so that the front door has something to wait for.
    const head = ['POST /v1/unlocks HTTP/1.1', 'host: latchkey', `authorization: Bearer ${token}`, 'content-type: application/json'];
    socket.write(`${[...head, 'content-length: 10'].join('\r\n')}\r\n\r\n{`);
    await sleep(500);
    api.child.kill('SIGTERM');
    await sleep(200);
    api.child.kill('SIGTERM');
    await sleep(1_000);
    expect(api.child.exitCode).toBeNull();
    api.child.kill('SIGTERM');
    expect(await api.exitCode()).toBe(143);
    socket.destroy();
  }, 120_000);
});

describe('a worker that is told to stop', () => {
  it('waits for an answer as long as the bank may take, then leaves the unlock to another worker with the attempt closed as unknown', async () => {
    const { process: worker } = await start('worker');
    const correlationId = await begin('never-answered', { script: [{ answerDelayMs: 60_000 }] });
    await putsOf(correlationId, 1);
    expect(await worker.end('SIGTERM')).toBe(0);
    expect(inShort(await latchkey.story(correlationId)).at(-1)).toBe('attempt_finished 1 unknown');
    const { process: next } = await start('worker');
    await outcomeOf(correlationId);
    expect(inShort(await latchkey.story(correlationId)).at(-1)).toBe('completed unlocked attributed not_locked');
    expect(latchkey.puts(correlationId)).toHaveLength(1);
    expect(await next.end('SIGTERM')).toBe(0);
  }, 180_000);

  it('does not wait for an attempt that is due later: another worker makes it', async () => {
    const { process: worker } = await start('worker');
    const correlationId = await begin('due-later', { script: [{ httpStatus: 429, headers: { 'Retry-After': '2' } }] });
    await putsOf(correlationId, 1);
    await eventually(async () => expect(await latchkey.story(correlationId)).toHaveLength(4));
    expect(await worker.end('SIGTERM')).toBe(0);
    expect(latchkey.puts(correlationId)).toHaveLength(1);
    const { process: next } = await start('worker');
    await outcomeOf(correlationId);
    expect(inShort(await latchkey.story(correlationId)).slice(-2)).toEqual([
      'attempt_finished 2 succeeded 204',
      'completed unlocked confirmed not_locked',
    ]);
    expect(await next.end('SIGTERM')).toBe(0);
  }, 180_000);

  it('begins no PUT once its grace is over: another worker sends it', async () => {
    // Nothing of eight seconds is left for a grace, after what draining and a last call to the bank may take.
    const { process: worker } = await start('worker', { SHUTDOWN_LIMIT_MS: '8000' });
    const correlationId = await begin('handed-over', { script: [{ on: 'status', delayMs: 1_500 }] });
    const statusReads = () => latchkey.sandbox.calls().filter((call) => call.endpoint === 'status' && call.correlationId === correlationId);
    await eventually(() => expect(statusReads()).toHaveLength(1));
    expect(await worker.end('SIGTERM')).toBe(0);
    expect(inShort(await latchkey.story(correlationId))).toEqual(['requested', 'status_checked locked']);
    expect(latchkey.puts(correlationId)).toEqual([]);
    const { process: next } = await start('worker');
    await outcomeOf(correlationId);
    expect(inShort(await latchkey.story(correlationId)).slice(2)).toEqual([
      'attempt_started 1',
      'attempt_finished 1 succeeded 204',
      'completed unlocked confirmed not_locked',
    ]);
    expect(await next.end('SIGTERM')).toBe(0);
  }, 180_000);

  it('ends within SHUTDOWN_LIMIT_MS whatever holds it up, with exit code 1, and nothing is lost', async () => {
    const way = await startTcpProxy(Number(new URL(latchkey.database.url).port));
    const url = new URL(latchkey.database.url);
    url.port = String(way.port);
    const { process: worker } = await start('worker', {
      DATABASE_URL: url.href,
      UPSTREAM_TIMEOUT_MS: '2000',
      SHUTDOWN_LIMIT_MS: '3000',
    });
    const correlationId = await begin('held-up', { script: [{ answerDelayMs: 1_000 }] });
    await putsOf(correlationId, 1);
    way.hold();
    expect(await worker.end('SIGTERM')).toBe(1);
    expect(worker.output()).toContain('stopping took longer than 3000 ms (SHUTDOWN_LIMIT_MS)');
    await way.close();
    expect(inShort(await latchkey.story(correlationId)).at(-1)).toBe('attempt_started 1');
    const { process: next } = await start('worker');
    await outcomeOf(correlationId);
    expect(inShort(await latchkey.story(correlationId)).slice(3)).toEqual([
      'attempt_finished 1 unknown',
      'status_checked not_locked',
      'completed unlocked attributed not_locked',
    ]);
    expect(latchkey.puts(correlationId)).toHaveLength(1);
    expect(await next.end('SIGTERM')).toBe(0);
  }, 180_000);
});
