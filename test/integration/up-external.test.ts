import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { createTemporalClient } from '../../src/temporal/client.js';
import { taskQueue } from '../../src/temporal/settings.js';
import { createEmptyDatabase, type TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { startForeignBank, type ForeignBank } from '../support/foreign-bank.js';
import { freePorts } from '../support/free-ports.js';
import { INSTITUTION, startForeignIssuer, type ForeignIssuer } from '../support/front-door.js';
import { buildProduct, startLatchkeyProcess, type LatchkeyProcess } from '../support/latchkey-process.js';
import { testTemporal } from '../support/temporal.js';

const SECRET = 'a+secret/with=signs';
let bank: ForeignBank;
let issuer: ForeignIssuer;
let database: TestDatabase;
let latchkey: LatchkeyProcess;
let url: string;
let settings: Record<string, string>;
let sdkMetricsPort = 0;
const dataDir = mkdtempSync(join(tmpdir(), 'latchkey-test-up-'));

beforeAll(async () => {
  buildProduct();
  [bank, issuer, database] = await Promise.all([startForeignBank('client', SECRET), startForeignIssuer(), createEmptyDatabase()]);
  [sdkMetricsPort = 0] = await freePorts(1);
  settings = {
    DATABASE_URL: database.url,
    TEMPORAL_ADDRESS: testTemporal().address,
    // A namespace that nobody has made yet, without our search attributes.
    TEMPORAL_NAMESPACE: `external-${randomUUID()}`,
    UPSTREAM_BASE_URL: bank.baseUrl,
    UPSTREAM_TOKEN_URL: bank.tokenUrl,
    UPSTREAM_CLIENT_ID: 'client',
    UPSTREAM_CLIENT_SECRET: SECRET,
    UPSTREAM_INSTITUTION_ID: INSTITUTION,
    AUTH_ISSUER: issuer.url,
    DATA_DIR: dataDir,
    LOG_LEVEL: 'info',
    METRICS_PORT: '0',
    TEMPORAL_SDK_METRICS_PORT: String(sdkMetricsPort),
  };
  latchkey = startLatchkeyProcess(['up'], settings);
  await latchkey.says(/Ctrl-C stops everything/);
  url = (await latchkey.says(/(http:\/\/127\.0\.0\.1:\d+)\/docs/))[1] ?? '';
}, 180_000);
afterAll(async () => {
  await latchkey.end('SIGKILL');
  await Promise.all([bank.close(), issuer.stop(), database.drop()]);
  rmSync(dataDir, { recursive: true, force: true });
});

async function unlock(customerId: string, correlationId: string): Promise<Response> {
  const authorization = `Bearer ${await issuer.token()}`;
  return fetch(`${url}/v1/customers/${customerId}:unlock-user`, { method: 'PUT', headers: { authorization, correlationId } });
}

describe('latchkey up with everything configured', () => {
  it('embeds nothing: no child process, no data directory, no tour', () => {
    expect(spawnSync('ps', ['-o', 'args=', '--ppid', String(latchkey.child.pid)], { encoding: 'utf8' })).toMatchObject({
      stdout: '',
      stderr: '',
    });
    expect(existsSync(join(dataDir, 'postgres'))).toBe(false);
    expect(latchkey.output()).not.toMatch(/tour/);
    expect(bank.calls).toEqual([]);
  });

  it('sees to it that the reconciler runs', async () => {
    const namespace = settings.TEMPORAL_NAMESPACE ?? '';
    const temporal = createTemporalClient({ address: testTemporal().address, namespace, tls: undefined, apiKey: undefined });
    try {
      expect(await temporal.client.schedule.getHandle('reconcile-audit').describe()).toMatchObject({
        spec: { intervals: [{ every: 60_000 }] },
        action: { type: 'startWorkflow', workflowType: 'reconcileAudit', taskQueue },
        policies: { overlap: 'SKIP' },
        state: { paused: false },
      });
    } finally {
      await temporal.close();
    }
  });

  it('migrates, and unlocks at a bank, with an issuer, a Postgres and a Temporal server that are not its own', async () => {
    bank.locked.add('cust_1');
    const correlationId = randomUUID();
    expect((await unlock('cust_1', correlationId)).status).toBe(204);
    expect(bank.locked.has('cust_1')).toBe(false);
    expect(bank.calls.filter(({ correlationId: theirs }) => theirs === correlationId).map(({ method }) => method)).toEqual([
      'GET',
      'PUT',
      'GET',
    ]);
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    const { rows } = await client.query('select attempt, result, http_status from unlock_attempt where correlation_id = $1', [
      correlationId,
    ]);
    await client.end();
    expect(rows).toEqual([{ attempt: 1, result: 'succeeded', http_status: 204 }]);
  });

  it('says no secret, token or customer in its log', async () => {
    await unlock('customer-in-log', randomUUID());
    await eventually(() => expect(latchkey.output()).toMatch(/"msg":"request"/));
    expect(latchkey.output()).not.toMatch(/customer-in-log|foreign-token|with=signs|eyJ/);
  });

  it('answers problems as problem details, and knows when it is ready', async () => {
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    const answer = await fetch(`${url}/v1/unlocks`);
    expect(answer.status).toBe(401);
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  });

  it("tells what the alert rules ask of Temporal's SDK on another", async () => {
    const rules = readFileSync(fileURLToPath(new URL('../../ops/alerts.yml', import.meta.url)), 'utf8');
    const asked = [...rules.matchAll(/\b(temporal_\w+)\{([^}]*)\}/g)];
    expect(asked.length).toBeGreaterThan(1);
    // A series begins with its first event: the reconciler's first steps come by themselves.
    await eventually(async () => {
      const metrics = await (await fetch(`http://127.0.0.1:${sdkMetricsPort}/metrics`)).text();
      for (const [, name = '', matchers = ''] of asked) {
        const [line = 'none'] = metrics.split('\n').filter((each) => each.startsWith(`${name}{`));
        for (const [, label] of matchers.matchAll(/(\w+)\s*[=!]/g))
          expect([name, line]).toEqual([name, expect.stringContaining(`${label}="`)]);
      }
    });
  });

  it('tells the health of its worker and its metrics on a port of its own', async () => {
    const url = (await latchkey.says(/"url":"(http:[^"]+)","msg":"metrics and health are served"/))[1] ?? '';
    expect([(await fetch(`${url}/healthz`)).status, (await fetch(`${url}/readyz`)).status]).toEqual([200, 200]);
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toMatch(/^latchkey_unlock_requests_completed_total{outcome="unlocked"} [1-9]/m);
    expect(metrics).toMatch(/^latchkey_audit_write_duration_seconds_count{action="customer.unlock.completed",result="written"} [1-9]/m);
  });

  it('refuses a port that was set and is taken', async () => {
    const other = { ...settings, TEMPORAL_SDK_METRICS_PORT: String((await freePorts(1))[0]) };
    const second = startLatchkeyProcess(['up'], { ...other, PORT: new URL(url).port });
    expect(await second.exitCode()).toBe(1);
    expect(second.output()).toMatch(/port \d+ on 127\.0\.0\.1 is taken/);
    const third = startLatchkeyProcess(['up'], settings);
    expect(await third.exitCode()).toBe(1);
    expect(third.output()).toContain(`port ${sdkMetricsPort} on 127.0.0.1 cannot be had: set TEMPORAL_SDK_METRICS_PORT to another`);
  });

  it('stops at SIGTERM with exit code 0', async () => {
    expect(await latchkey.end('SIGTERM')).toBe(0);
  });
});

describe('latchkey with settings that cannot work', () => {
  it('does not start, and names every fault at once without quoting a value', async () => {
    const broken = startLatchkeyProcess(['up'], {
      ...settings,
      UPSTREAM_CLIENT_SECRET: '',
      UPSTREAM_TOKEN_URL: 'http://bank.example/token',
      UNLOCK_MAX_ATTEMPTS: 'many',
      UNLOCK_INITIAL_INTERVAL_MS: '90000',
      NOT_LOCKED_POLICY: 'perhaps',
    });
    expect(await broken.exitCode()).toBe(78);
    expect(broken.output()).toMatch(/settings cannot work/);
    for (const name of ['UPSTREAM_CLIENT_SECRET', 'UNLOCK_MAX_ATTEMPTS', 'NOT_LOCKED_POLICY']) expect(broken.output()).toContain(name);
    expect(broken.output()).not.toContain(database.url);
  });
});
