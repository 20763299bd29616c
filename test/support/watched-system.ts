import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect } from '@jest/globals';
import { z } from 'zod';
import type { CustomerSetup } from '../../src/sandbox/index.js';
import { eventually } from './eventually.js';
import { freePorts } from './free-ports.js';
import { buildProduct, startLatchkeyProcess, startProcess, type LatchkeyProcess } from './latchkey-process.js';
import { openLatchkey, PAYLOAD_KEYS } from './latchkey.js';
import { startPart } from './part-process.js';
import { startTcpProxy } from './tcp-proxy.js';
import { testTemporal } from './temporal.js';

export const hasPrometheus = spawnSync('prometheus', ['--version']).status === 0;
export const withPrometheus = hasPrometheus ? describe : describe.skip;

type Environment = Readonly<Record<string, string>>;
type Script = NonNullable<CustomerSetup['script']>;

interface Wishes {
  /** What the rules look back on, here: minutes and hours would have to pass. */
  readonly window?: string;
  readonly api?: Environment;
  readonly worker?: Environment;
}

const LONG = { limitMs: 90_000, intervalMs: 250 };

const alertList = z.object({
  data: z.object({ alerts: z.array(z.object({ state: z.string(), labels: z.looseObject({ alertname: z.string() }) })) }),
});

/**
 * An API and a worker as processes of their own, and a Prometheus that watches them with the rules of ops/: without their `for`, and with
 * a short window. No sealer runs before `startSealer`.
 */
export async function startWatchedSystem({ window = '12s', api: ofApi = {}, worker: ofWorker = {} }: Wishes = {}) {
  buildProduct();
  const latchkey = await openLatchkey({ withWorker: false, forProcesses: true });
  const token = await latchkey.sandbox.mintToken();
  const way = await startTcpProxy(Number(new URL(latchkey.database.url).port));
  const wayToTemporal = await startTcpProxy(Number(testTemporal().address.split(':')[1]));
  const [api = 0, worker = 0, sdk = 0, sealer = 0, prometheus = 0] = await freePorts(5);
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-test-alerts-'));
  const processes: LatchkeyProcess[] = [];
  const databaseUrl = Object.assign(new URL(latchkey.database.url), { port: String(way.port) }).href;

  async function startWorker(change: Environment = {}): Promise<LatchkeyProcess> {
    const settings = {
      DATABASE_URL: databaseUrl,
      TEMPORAL_ADDRESS: `127.0.0.1:${wayToTemporal.port}`,
      METRICS_PORT: String(worker),
      TEMPORAL_SDK_METRICS_PORT: String(sdk),
      ...ofWorker,
      ...change,
    };
    const started = await startPart('worker', latchkey, settings);
    processes.push(started.process);
    return started.process;
  }

  function startSealer(): void {
    const settings = {
      DATABASE_URL: latchkey.database.url,
      TEMPORAL_ADDRESS: testTemporal().address,
      TEMPORAL_NAMESPACE: latchkey.namespace,
      METRICS_PORT: String(sealer),
      PAYLOAD_KEYS,
      DATA_DIR: folder,
    };
    processes.push(startLatchkeyProcess(['sealer'], settings));
  }

  async function startPrometheus(): Promise<void> {
    const rules = readFileSync(fileURLToPath(new URL('../../ops/alerts.yml', import.meta.url)), 'utf8');
    writeFileSync(join(folder, 'alerts.yml'), rules.replace(/^ +for: .*\n/gm, '').replace(/\[\d+[mh]\]/g, `[${window}]`));
    const job = (name: string, port: number) => ({ job_name: name, static_configs: [{ targets: [`127.0.0.1:${port}`] }] });
    const config = {
      global: { scrape_interval: '2s', scrape_timeout: '2s', evaluation_interval: '1s' },
      rule_files: ['alerts.yml'],
      scrape_configs: [
        job('latchkey-api', api),
        job('latchkey-worker', worker),
        job('latchkey-worker-sdk', sdk),
        job('latchkey-sealer', sealer),
      ],
    };
    // JSON is YAML.
    writeFileSync(join(folder, 'prometheus.yml'), JSON.stringify(config));
    const args = ['--config.file=prometheus.yml', '--storage.tsdb.path=data', `--web.listen-address=127.0.0.1:${prometheus}`];
    const server = startProcess('prometheus', args, { cwd: folder, env: { PATH: process.env.PATH ?? '' } });
    processes.push(server);
    await server.says(/Server is ready/);
  }

  const settings = {
    DATABASE_URL: databaseUrl,
    METRICS_PORT: String(api),
    UNLOCK_MAX_ATTEMPTS: '2',
    UNLOCK_INITIAL_INTERVAL_MS: '100',
    UNLOCK_MAX_INTERVAL_MS: '200',
    RETRY_AFTER_MAX_MS: '600000',
    UNLOCK_DEADLINE_MS: '900000',
    ...ofApi,
  };
  async function close(): Promise<void> {
    await Promise.all(processes.map((each) => each.end('SIGKILL')));
    await Promise.all([way.close(), wayToTemporal.close()]);
    await latchkey.close();
    rmSync(folder, { recursive: true, force: true });
  }

  async function startAll() {
    const started = await startPart('api', latchkey, settings);
    processes.push(started.process);
    const firstWorker = await startWorker({ RECONCILE_AFTER_MS: '1000' });
    await startPrometheus();
    return { apiUrl: started.url, firstWorker };
  }
  const { apiUrl, firstWorker } = await startAll().catch(async (error: unknown) => {
    await close();
    throw error;
  });

  async function firing(): Promise<string[]> {
    const reply = await fetch(`http://127.0.0.1:${prometheus}/api/v1/alerts`);
    const { data } = alertList.parse(await reply.json());
    return data.alerts.filter(({ state }) => state === 'firing').map(({ labels }) => labels.alertname);
  }

  async function ask(customerId: string): Promise<string> {
    const correlationId = randomUUID();
    const headers = { authorization: `Bearer ${token}`, correlationId, 'content-type': 'application/json' };
    await fetch(`${apiUrl}/v1/unlocks`, { method: 'POST', headers, body: JSON.stringify({ customerId }) });
    return correlationId;
  }

  function askForMany(count: number, script: Script): Promise<string[]> {
    return Promise.all(
      Array.from({ length: count }, () => {
        const customerId = `c-${randomUUID()}`;
        latchkey.sandbox.customers.set(customerId, { script });
        return ask(customerId);
      }),
    );
  }

  return {
    latchkey,
    apiUrl,
    firstWorker,
    startWorker,
    startSealer,
    /** The ways to Postgres for both parts, and to Temporal for the worker. */
    way,
    wayToTemporal,
    firing,
    fires: (alert: string): Promise<void> => eventually(async () => expect(await firing()).toContain(alert), LONG),
    isOver: (alert: string): Promise<void> => eventually(async () => expect(await firing()).not.toContain(alert), LONG),
    /** Asks for unlocks of new customers whose bank is as scripted; returns their correlationIds. */
    askForMany,
    async whileAskingForGoodOnes<Result>(work: () => Promise<Result>): Promise<Result> {
      const timer = setInterval(() => void askForMany(3, []).catch(() => undefined), 500);
      return work().finally(() => clearInterval(timer));
    },
    close,
  };
}

export type WatchedSystem = Awaited<ReturnType<typeof startWatchedSystem>>;
/** For conditions that need several looks of Prometheus. */
export const AT_LEISURE = LONG;
