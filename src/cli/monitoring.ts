import type { RequestListener, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import type { Config } from '../config.js';
import { createHttpServer } from '../http/server.js';
import { silentObserver, type Observer } from '../domain/observer.js';
import { createMetrics, type Metrics } from '../metrics/index.js';
import { authorityOf } from './authority.js';
import type { Closers } from './closers.js';

interface MonitoringParts {
  readonly config: Pick<Config, 'HOST' | 'METRICS_PORT'>;
  readonly log: Pick<Logger, 'info'>;
  readonly closers: Closers;
  /** Whether the worker of this process polls at this moment; absent where there is none. */
  readonly workerPolls?: () => boolean;
}

export interface Monitoring {
  /** Hears what the parts tell; nobody listens where no port was set. */
  readonly observer: Observer;
  /** Where it listens; null where no port was set. */
  readonly url: string | null;
}

const DRAIN_MS = 1_000;

/**
 * Serves on `METRICS_PORT` what a process tells of itself: `/metrics`, `/healthz` while it lives, and where it has a worker `/readyz`:
 * 200 while that polls, else 503. Started before everything else, and so stopped after it, it also tells of a start or a stop under way.
 * @throws where the port is taken
 */
export async function startMonitoring({ config, log, closers, workerPolls }: MonitoringParts): Promise<Monitoring> {
  const { HOST, METRICS_PORT } = config;
  if (METRICS_PORT === undefined) return { observer: silentObserver, url: null };
  const metrics = createMetrics({ ofProcess: true });
  const server = createHttpServer(monitoringListener(metrics, workerPolls));
  const port = await server.listen({ host: HOST, port: METRICS_PORT }).catch((error: unknown) => {
    const taken = typeof error === 'object' && error !== null && 'code' in error && error.code === 'EADDRINUSE';
    throw taken
      ? new Error(`port ${METRICS_PORT} on ${HOST} is taken: set METRICS_PORT to another or stop what listens there`, { cause: error })
      : error;
  });
  closers.add('monitoring', () => server.close(DRAIN_MS));
  const url = `http://${authorityOf(HOST, port)}`;
  log.info({ url }, 'metrics and health are served');
  return { observer: metrics.observer, url };
}

interface View {
  readonly httpStatus: number;
  readonly contentType: string;
  readonly text: string;
}

function monitoringListener(metrics: Metrics, workerPolls: MonitoringParts['workerPolls']): RequestListener {
  const views = new Map<string, () => View | Promise<View>>([
    ['/healthz', () => json(200, { status: 'ok' })],
    ['/metrics', async () => ({ httpStatus: 200, contentType: metrics.contentType, text: await metrics.text() })],
  ]);
  if (workerPolls !== undefined) {
    views.set('/readyz', () => {
      const ready = workerPolls();
      return json(ready ? 200 : 503, { status: ready ? 'ready' : 'not_ready', parts: [{ part: 'worker', ready }] });
    });
  }
  return ({ method = '', url = '' }, response) => {
    const view = views.get(url.split('?', 1)[0] ?? '');
    if (view === undefined) return void response.writeHead(404).end();
    if (method !== 'GET' && method !== 'HEAD') return void response.writeHead(405, { allow: 'GET, HEAD' }).end();
    show(view, response).catch(() => response.destroy());
  };
}

async function show(view: () => View | Promise<View>, response: ServerResponse): Promise<void> {
  const { httpStatus, contentType, text } = await view();
  response.writeHead(httpStatus, { 'content-type': contentType, 'cache-control': 'no-store' }).end(text);
}

function json(httpStatus: number, body: object): View {
  return { httpStatus, contentType: 'application/json', text: JSON.stringify(body) };
}
