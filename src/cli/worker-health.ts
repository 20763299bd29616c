import type { RequestListener } from 'node:http';
import type { Config } from '../config.js';
import { createHttpServer } from '../http/server.js';
import type { Closers } from './closers.js';

interface WorkerHealthParts {
  readonly config: Pick<Config, 'HOST' | 'METRICS_PORT'>;
  readonly closers: Closers;
  /** Whether the worker polls at this moment. */
  readonly polls: () => boolean;
}

const DRAIN_MS = 1_000;

/**
 * Serves the worker's health on `METRICS_PORT`: `/healthz` while the process lives, `/readyz` while the worker polls, else 503.
 * Started before the worker, and so stopped after it, it also tells of a worker that connects or drains.
 * @returns the URL under which it listens; null where no port was set
 * @throws where the port is taken
 */
export async function startWorkerHealth({ config: { HOST, METRICS_PORT }, closers, polls }: WorkerHealthParts): Promise<string | null> {
  if (METRICS_PORT === undefined) return null;
  const server = createHttpServer(workerHealthListener(polls));
  const port = await server.listen({ host: HOST, port: METRICS_PORT }).catch((error: unknown) => {
    const taken = typeof error === 'object' && error !== null && 'code' in error && error.code === 'EADDRINUSE';
    throw taken
      ? new Error(`port ${METRICS_PORT} on ${HOST} is taken: set METRICS_PORT to another or stop what listens there`, { cause: error })
      : error;
  });
  closers.add("the worker's health", () => server.close(DRAIN_MS));
  return `http://${HOST.includes(':') ? `[${HOST}]` : HOST}:${port}`;
}

function workerHealthListener(polls: () => boolean): RequestListener {
  const looks: ReadonlyMap<string, () => { readonly httpStatus: number; readonly body: object }> = new Map([
    ['/healthz', () => ({ httpStatus: 200, body: { status: 'ok' } })],
    [
      '/readyz',
      () => {
        const ready = polls();
        return { httpStatus: ready ? 200 : 503, body: { status: ready ? 'ready' : 'not_ready', parts: [{ part: 'worker', ready }] } };
      },
    ],
  ]);
  return ({ method = '', url = '' }, response) => {
    const look = looks.get(url.split('?', 1)[0] ?? '');
    if (look === undefined) return void response.writeHead(404).end();
    if (method !== 'GET' && method !== 'HEAD') return void response.writeHead(405, { allow: 'GET, HEAD' }).end();
    const { httpStatus, body } = look();
    response.writeHead(httpStatus, { 'content-type': 'application/json', 'cache-control': 'no-store' }).end(JSON.stringify(body));
  };
}
