import { afterEach, describe, expect, it } from '@jest/globals';
import { createClosers } from '../../src/cli/closers.js';
import { startWorkerHealth } from '../../src/cli/worker-health.js';

const closers: ReturnType<typeof createClosers>[] = [];
afterEach(async () => {
  for (const each of closers.splice(0)) await each.closeAll();
});

async function health(polls: () => boolean, METRICS_PORT: number | undefined = 0): Promise<string | null> {
  const mine = createClosers((_name, error) => {
    throw error;
  });
  closers.push(mine);
  return startWorkerHealth({ config: { HOST: '127.0.0.1', METRICS_PORT }, closers: mine, polls });
}

describe("the worker's health", () => {
  it('is not served unless a port was set', async () => {
    const mine = createClosers(() => undefined);
    expect(
      await startWorkerHealth({ config: { HOST: '127.0.0.1', METRICS_PORT: undefined }, closers: mine, polls: () => true }),
    ).toBeNull();
  });

  it('says that the process lives, whether or not the worker polls', async () => {
    const url = await health(() => false);
    const answer = await fetch(`${url}/healthz`);
    expect([answer.status, await answer.json()]).toEqual([200, { status: 'ok' }]);
    expect(answer.headers.get('cache-control')).toBe('no-store');
  });

  it('is ready while the worker polls, and only then', async () => {
    let polling = false;
    const url = await health(() => polling);
    const look = async () => {
      const answer = await fetch(`${url}/readyz`);
      return [answer.status, await answer.json()];
    };
    expect(await look()).toEqual([503, { status: 'not_ready', parts: [{ part: 'worker', ready: false }] }]);
    polling = true;
    expect(await look()).toEqual([200, { status: 'ready', parts: [{ part: 'worker', ready: true }] }]);
    polling = false;
    expect((await look())[0]).toBe(503);
  });

  it('answers nothing else', async () => {
    const url = await health(() => true);
    expect((await fetch(`${url}/metrics-of-nobody`)).status).toBe(404);
    const posted = await fetch(`${url}/readyz`, { method: 'POST' });
    expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    expect((await fetch(`${url}/readyz?from=probe`, { method: 'HEAD' })).status).toBe(200);
  });

  it('fails the start where its port is taken', async () => {
    const port = Number(new URL((await health(() => true)) ?? '').port);
    await expect(health(() => true, port)).rejects.toThrow(`port ${port} on 127.0.0.1 is taken: set METRICS_PORT`);
  });
});
