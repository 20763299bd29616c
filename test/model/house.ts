import type { ActivityParts } from '../../activities/index.js';
import { openLatchkey, type Latchkey } from '../support/latchkey.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { testTemporal } from '../support/temporal.js';
import { BANK_TIMEOUT_MS, RETRY_AFTER_MS } from './behaviours.js';
import { crewOfProcesses, crewWithin, type Crew } from './crew.js';
import type { Limits } from './evidence.js';

export const waysOfTheHouse = ['api to Postgres', 'worker to Postgres', 'Temporal'] as const;
/** A connection that a run may cut. */
export type Way = (typeof waysOfTheHouse)[number];

/** A house with short budgets that many runs share, one after the other: each takes customers and correlationIds of its own. */
export interface House {
  readonly latchkey: Latchkey;
  readonly crew: Crew;
  readonly limits: Limits;
  cut(way: Way): void;
  restoreAll(): void;
  close(): Promise<void>;
}

const limits: Limits = { maxAttempts: 4, bankTimeoutMs: BANK_TIMEOUT_MS, retryAfterMs: RETRY_AFTER_MS };

interface HouseWishes {
  readonly workers: 'within' | 'processes';
  readonly bricks?: (real: ActivityParts) => Partial<ActivityParts>;
}

export async function openModelHouse({ workers, bricks }: HouseWishes): Promise<House> {
  const ways = new Map<Way, TcpProxy>();
  const open = async (way: Way, port: number): Promise<number> => {
    const proxy = await startTcpProxy(port);
    ways.set(way, proxy);
    return proxy.port;
  };
  const behind = (way: Way) => async (direct: string) => {
    const url = new URL(direct);
    url.port = String(await open(way, Number(url.port)));
    return url.href;
  };
  const temporalPort = Number(testTemporal().address.split(':')[1]);
  const latchkey = await openLatchkey({
    withWorker: false,
    upstreamTimeoutMs: BANK_TIMEOUT_MS,
    budget: {
      maxAttempts: limits.maxAttempts,
      initialIntervalMs: 100,
      maxIntervalMs: 400,
      retryAfterMaxMs: RETRY_AFTER_MS,
      deadlineMs: workers === 'within' ? 30_000 : 90_000,
    },
    temporalAddress: `127.0.0.1:${await open('Temporal', temporalPort)}`,
    apiDatabaseUrl: behind('api to Postgres'),
    workerDatabaseUrl: behind('worker to Postgres'),
    ...(bricks === undefined ? {} : { bricks }),
  });
  const crew = workers === 'within' ? crewWithin(latchkey) : crewOfProcesses(latchkey);
  await crew.hire();
  const restoreAll = (): void => ways.forEach((way) => way.restore());
  return {
    latchkey,
    crew,
    limits,
    cut: (way) => ways.get(way)?.cut(),
    restoreAll,
    async close() {
      restoreAll();
      await crew.close();
      await latchkey.close();
      await Promise.all([...ways.values()].map((way) => way.close()));
    },
  };
}
