import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { taskQueue } from '../../src/temporal/settings.js';
import { eventually } from '../support/eventually.js';
import { freePorts } from '../support/free-ports.js';
import { buildProduct, startLatchkeyProcess, startProcess, type LatchkeyProcess } from '../support/latchkey-process.js';
import { openLatchkey, PAYLOAD_KEYS, type Latchkey } from '../support/latchkey.js';
import { startPart } from '../support/part-process.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { testTemporal } from '../support/temporal.js';

/** What the rules look back on, here: minutes and hours would have to pass. */
const WINDOW = '12s';
const LONG = { limitMs: 90_000, intervalMs: 250 };
const hasPrometheus = spawnSync('prometheus', ['--version']).status === 0;
const withPrometheus = hasPrometheus ? describe : describe.skip;

let latchkey: Latchkey;
let way: TcpProxy;
let folder: string;
let apiUrl = '';
let token = '';
let ports: { readonly api: number; readonly worker: number; readonly sealer: number; readonly prometheus: number };
let worker: LatchkeyProcess;
const processes: LatchkeyProcess[] = [];

async function startWorker(change: Readonly<Record<string, string>> = {}): Promise<LatchkeyProcess> {
  const settings = { DATABASE_URL: throughTheWay(), METRICS_PORT: String(ports.worker), ...change };
  const { process } = await startPart('worker', latchkey, settings);
  processes.push(process);
  return process;
}

function throughTheWay(): string {
  return Object.assign(new URL(latchkey.database.url), { port: String(way.port) }).href;
}

async function startEverything(): Promise<void> {
  buildProduct();
  latchkey = await openLatchkey({ withWorker: false, forProcesses: true });
  token = await latchkey.sandbox.mintToken();
  way = await startTcpProxy(Number(new URL(latchkey.database.url).port));
  const [api = 0, ofWorker = 0, sealer = 0, prometheus = 0] = await freePorts(4);
  ports = { api, worker: ofWorker, sealer, prometheus };
  const settings = {
    DATABASE_URL: throughTheWay(),
    METRICS_PORT: String(api),
    UNLOCK_MAX_ATTEMPTS: '2',
    UNLOCK_INITIAL_INTERVAL_MS: '100',
    UNLOCK_MAX_INTERVAL_MS: '200',
    RETRY_AFTER_MAX_MS: '600000',
    UNLOCK_DEADLINE_MS: '900000',
  };
  const started = await startPart('api', latchkey, settings);
  processes.push(started.process);
  apiUrl = started.url;
  worker = await startWorker({ RECONCILE_AFTER_MS: '1000' });

  folder = mkdtempSync(join(tmpdir(), 'latchkey-test-alerts-'));
  const rules = readFileSync(fileURLToPath(new URL('../../ops/alerts.yml', import.meta.url)), 'utf8');
  writeFileSync(join(folder, 'alerts.yml'), rules.replace(/^ +for: .*\n/gm, '').replace(/\[\d+[mh]\]/g, `[${WINDOW}]`));
  const job = (name: string, port: number) => ({ job_name: name, static_configs: [{ targets: [`127.0.0.1:${port}`] }] });
  const config = {
    global: { scrape_interval: '2s', scrape_timeout: '2s', evaluation_interval: '1s' },
    rule_files: ['alerts.yml'],
    scrape_configs: [job('latchkey-api', api), job('latchkey-worker', ofWorker), job('latchkey-sealer', sealer)],
  };
  // JSON is YAML.
  writeFileSync(join(folder, 'prometheus.yml'), JSON.stringify(config));
  const args = ['--config.file=prometheus.yml', '--storage.tsdb.path=data', `--web.listen-address=127.0.0.1:${prometheus}`];
  const server = startProcess('prometheus', args, { cwd: folder, env: { PATH: process.env.PATH ?? '' } });
  processes.push(server);
  await server.says(/Server is ready/);
}

const alertList = z.object({
  data: z.object({ alerts: z.array(z.object({ state: z.string(), labels: z.looseObject({ alertname: z.string() }) })) }),
});

async function firing(): Promise<string[]> {
  const reply = await fetch(`http://127.0.0.1:${ports.prometheus}/api/v1/alerts`);
  const { data } = alertList.parse(await reply.json());
  return data.alerts.filter(({ state }) => state === 'firing').map(({ labels }) => labels.alertname);
}

const fires = (alert: string): Promise<void> => eventually(async () => expect(await firing()).toContain(alert), LONG);
const isOver = (alert: string): Promise<void> => eventually(async () => expect(await firing()).not.toContain(alert), LONG);

async function ask(customerId: string): Promise<string> {
  const correlationId = randomUUID();
  const headers = { authorization: `Bearer ${token}`, correlationId, 'content-type': 'application/json' };
  await fetch(`${apiUrl}/v1/unlocks`, { method: 'POST', headers, body: JSON.stringify({ customerId }) });
  return correlationId;
}

function askForMany(count: number, script: NonNullable<Parameters<Latchkey['sandbox']['customers']['set']>[1]['script']>) {
  return Promise.all(
    Array.from({ length: count }, () => {
      const customerId = `c-${randomUUID()}`;
      latchkey.sandbox.customers.set(customerId, { script });
      return ask(customerId);
    }),
  );
}

async function whileAskingForGoodOnes<Result>(work: () => Promise<Result>): Promise<Result> {
  const timer = setInterval(() => void askForMany(3, []).catch(() => undefined), 500);
  return work().finally(() => clearInterval(timer));
}

describe('the alerts', () => {
  it('are driven by a real Prometheus in CI (Debian: apt-get install prometheus)', () => {
    expect({ inCi: process.env.CI === 'true', hasPrometheus }).not.toEqual({ inCi: true, hasPrometheus: false });
  });
});

withPrometheus('the running system, watched by Prometheus with the rules of ops/', () => {
  beforeAll(startEverything, 240_000);
  afterAll(async () => {
    await Promise.all(processes.map((each) => each.end('SIGKILL')));
    await way.close();
    await latchkey.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('tells that nobody seals the audit log, until somebody does', async () => {
    await fires('LatchkeySealerSilent');
    await fires('LatchkeyDown');
    const { database, namespace } = latchkey;
    const sealer = startLatchkeyProcess(['sealer'], {
      DATABASE_URL: database.url,
      TEMPORAL_ADDRESS: testTemporal().address,
      TEMPORAL_NAMESPACE: namespace,
      METRICS_PORT: String(ports.sealer),
      PAYLOAD_KEYS,
      DATA_DIR: folder,
    });
    processes.push(sealer);
    await isOver('LatchkeySealerSilent');
    await isOver('LatchkeyDown');
  }, 200_000);

  it('is quiet while unlocks go well', async () => {
    await whileAskingForGoodOnes(async () => {
      await new Promise((resolve) => setTimeout(resolve, 4_000));
      await eventually(async () => expect(await firing()).toEqual([]), LONG);
    });
  }, 200_000);

  it('tells of a bank that is unwell, and of unlocks that fail for it, until it is well again', async () => {
    await askForMany(
      12,
      Array.from({ length: 4 }, () => ({ httpStatus: 503 })),
    );
    await fires('LatchkeyBankUnwell');
    await fires('LatchkeyUnlocksFailing');
    await whileAskingForGoodOnes(async () => {
      await isOver('LatchkeyBankUnwell');
      await isOver('LatchkeyUnlocksFailing');
    });
  }, 200_000);

  it('tells of a code that nobody knows', async () => {
    await askForMany(1, [{ httpStatus: 503, code: 'UXU_77777' }]);
    await fires('LatchkeyBankDrift');
    await isOver('LatchkeyBankDrift');
  }, 200_000);

  it('tells of somebody who steers directly in Temporal, and of what the reconciler had to mend for it', async () => {
    const [correlationId = ''] = await askForMany(1, [{ httpStatus: 429, headers: { 'Retry-After': '300' } }]);
    const handle = latchkey.client.workflow.getHandle(`unlock-${correlationId}`);
    await eventually(async () => expect((await handle.describe()).raw.pendingActivities?.[0]?.attempt).toBe(2));
    await handle.terminate('by hand');
    await eventually(async () => {
      await latchkey.client.workflow.execute('reconcileAudit', { taskQueue, workflowId: `reconcile-audit-${randomUUID()}` });
      expect(await firing()).toEqual(expect.arrayContaining(['LatchkeyOperatedOutOfBand', 'LatchkeyReconcilerFound']));
    }, LONG);
    await isOver('LatchkeyOperatedOutOfBand');
    await isOver('LatchkeyReconcilerFound');
  }, 200_000);

  it('tells of somebody who tries doors', async () => {
    const knock = () => fetch(`${apiUrl}/v1/audit/events`, { headers: { authorization: 'Bearer nonsense' } });
    const timer = setInterval(() => void Promise.all([knock(), knock(), knock()]).catch(() => undefined), 250);
    await fires('LatchkeyAccessDenied').finally(() => clearInterval(timer));
    await isOver('LatchkeyAccessDenied');
  }, 200_000);

  it('tells of rows that cannot be written and a front door that fails for it, until Postgres is back', async () => {
    await askForMany(10, [{ answerDelayMs: 3_000 }]);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    way.cut();
    const timer = setInterval(() => void askForMany(2, []).catch(() => undefined), 250);
    try {
      await fires('LatchkeyAuditWritesFailing');
      await fires('LatchkeyFrontDoorFailing');
    } finally {
      clearInterval(timer);
      way.restore();
    }
    await whileAskingForGoodOnes(async () => {
      await isOver('LatchkeyAuditWritesFailing');
      await isOver('LatchkeyFrontDoorFailing');
    });
  }, 200_000);

  it('tells of a process that is gone, and of credentials that the bank refuses, until both are mended', async () => {
    await worker.end('SIGKILL');
    await fires('LatchkeyDown');
    const refused = await startWorker({ UPSTREAM_CLIENT_SECRET: 'not the one' });
    await isOver('LatchkeyDown');
    const timer = setInterval(() => void askForMany(1, []).catch(() => undefined), 500);
    await fires('LatchkeyBankRefusesOurCredentials').finally(() => clearInterval(timer));
    await refused.end('SIGTERM');
    worker = await startWorker();
    await isOver('LatchkeyBankRefusesOurCredentials');
  }, 300_000);
});
