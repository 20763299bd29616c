import { afterEach, describe, expect, it } from '@jest/globals';
import { createClosers } from '../../src/cli/closers.js';
import { startMonitoring } from '../../src/cli/monitoring.js';
import { silentObserver } from '../../src/domain/observer.js';
import { parseExposition } from '../support/prometheus.js';

const closers: ReturnType<typeof createClosers>[] = [];
afterEach(async () => {
  for (const each of closers.splice(0)) await each.closeAll();
});

async function monitoring(workerPolls?: () => boolean, METRICS_PORT: number | undefined = 0) {
  const mine = createClosers((_name, error) => {
    throw error;
  });
  closers.push(mine);
  const { observer, url } = await startMonitoring({
    config: { HOST: '127.0.0.1', METRICS_PORT },
    log: { info: () => undefined },
    closers: mine,
    ...(workerPolls === undefined ? {} : { workerPolls }),
  });
  return { observer, url: url ?? '' };
}

describe('the monitoring of a process', () => {
  it('is not served unless a port was set, and then nobody listens', async () => {
    const mine = createClosers(() => undefined);
    const config = { HOST: '127.0.0.1', METRICS_PORT: undefined };
    expect(await startMonitoring({ config, log: { info: () => undefined }, closers: mine })).toEqual({
      observer: silentObserver,
      url: null,
    });
  });

  it('says that the process lives, whether or not the worker polls', async () => {
    const { url } = await monitoring(() => false);
    const answer = await fetch(`${url}/healthz`);
    expect([answer.status, await answer.json()]).toEqual([200, { status: 'ok' }]);
    expect(answer.headers.get('cache-control')).toBe('no-store');
  });

  it('is ready while the worker polls, and only then', async () => {
    let polling = false;
    const { url } = await monitoring(() => polling);
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

  it('knows of no readiness where the process has no worker', async () => {
    const { url } = await monitoring();
    expect([(await fetch(`${url}/readyz`)).status, (await fetch(`${url}/healthz`)).status]).toEqual([404, 200]);
  });

  it('shows the metrics of the process, and what its parts have told', async () => {
    const { observer, url } = await monitoring();
    observer.requestCompleted('rejected');
    const answer = await fetch(`${url}/metrics`);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8']);
    const samples = parseExposition(await answer.text());
    expect(samples).toContainEqual({ name: 'latchkey_unlock_requests_completed_total', labels: { outcome: 'rejected' }, value: 1 });
    expect(samples.map(({ name }) => name)).toContain('nodejs_eventloop_lag_p99_seconds');
  });

  it('answers nothing else', async () => {
    const { url } = await monitoring(() => true);
    expect((await fetch(`${url}/metrics-of-nobody`)).status).toBe(404);
    const posted = await fetch(`${url}/readyz`, { method: 'POST' });
    expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    expect((await fetch(`${url}/readyz?from=probe`, { method: 'HEAD' })).status).toBe(200);
  });

  it('fails the start where its port is taken', async () => {
    const port = Number(new URL((await monitoring()).url).port);
    await expect(monitoring(undefined, port)).rejects.toThrow(`port ${port} on 127.0.0.1 is taken: set METRICS_PORT`);
  });
});
