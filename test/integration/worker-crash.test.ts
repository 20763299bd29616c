import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { CustomerSetup } from '../../src/sandbox/index.js';
import { taskQueue } from '../../src/temporal/settings.js';
import { eventually } from '../support/eventually.js';
import { buildProduct, startLatchkeyProcess, type LatchkeyProcess } from '../support/latchkey-process.js';
import { inShort, openLatchkey, PAYLOAD_KEYS, type Latchkey } from '../support/latchkey.js';
import { testTemporal } from '../support/temporal.js';

let latchkey: Latchkey;
let dataDir: string;
const workers: LatchkeyProcess[] = [];

beforeAll(async () => {
  buildProduct();
  dataDir = await mkdtemp(join(tmpdir(), 'latchkey-test-worker-'));
  latchkey = await openLatchkey({ withWorker: false, forProcesses: true });
}, 180_000);
afterAll(async () => {
  await Promise.all(workers.map((worker) => worker.end('SIGKILL')));
  await latchkey.close();
  await rm(dataDir, { recursive: true, force: true });
});

async function startWorkerProcess(settings: Readonly<Record<string, string>> = {}): Promise<LatchkeyProcess> {
  const { sandbox, database, namespace } = latchkey;
  const worker = startLatchkeyProcess(['worker'], {
    DATABASE_URL: database.url,
    TEMPORAL_ADDRESS: testTemporal().address,
    TEMPORAL_NAMESPACE: namespace,
    UPSTREAM_BASE_URL: sandbox.bankBaseUrl,
    UPSTREAM_TOKEN_URL: sandbox.bankTokenUrl,
    UPSTREAM_CLIENT_ID: sandbox.clientId,
    UPSTREAM_CLIENT_SECRET: sandbox.clientSecret,
    UPSTREAM_INSTITUTION_ID: sandbox.institutionId,
    UPSTREAM_TIMEOUT_MS: '4000',
    PAYLOAD_KEYS,
    DATA_DIR: dataDir,
    ...settings,
  });
  workers.push(worker);
  await worker.says(/the worker polls/);
  return worker;
}

async function begin(customerId: string, setup: CustomerSetup): Promise<string> {
  const correlationId = randomUUID();
  latchkey.sandbox.customers.set(customerId, setup);
  await latchkey.call('/v1/unlocks', { method: 'POST', body: { customerId }, headers: { correlationId } });
  await eventually(() => expect(latchkey.puts(correlationId)).toHaveLength(1));
  return correlationId;
}

describe('a worker killed between the PUT and its result row', () => {
  it('leaves an attempt that its successor closes as unknown; the status decides whether another PUT is sent', async () => {
    const first = await startWorkerProcess();
    const [applied, lost] = await Promise.all([
      begin('killed-after', { script: [{ answerDelayMs: 30_000 }] }),
      begin('killed-before', { script: [{ delayMs: 30_000, loseConnection: 'before_applying' }] }),
    ]);
    expect(await first.end('SIGKILL')).toBe('SIGKILL');
    const second = await startWorkerProcess();

    expect((await latchkey.unlock('killed-after', applied)).status).toBe(204);
    expect(inShort(await latchkey.story(applied))).toEqual([
      'requested',
      'status_checked locked',
      'attempt_started 1',
      'attempt_finished 1 unknown',
      'status_checked not_locked',
      'completed unlocked attributed not_locked',
    ]);
    expect(latchkey.puts(applied)).toHaveLength(1);

    expect((await latchkey.unlock('killed-before', lost)).status).toBe(204);
    expect(inShort(await latchkey.story(lost)).slice(2)).toEqual([
      'attempt_started 1',
      'attempt_finished 1 unknown',
      'status_checked locked',
      'attempt_started 2',
      'attempt_finished 2 succeeded 204',
      'completed unlocked confirmed not_locked',
    ]);
    expect(await second.end('SIGTERM')).toBe(0);
  }, 120_000);
});

describe('a worker killed with its PUT out, and the workflow terminated besides', () => {
  it('leaves a request that the reconciler ends by what the bank has done: unlocked, attributed', async () => {
    const first = await startWorkerProcess();
    const correlationId = await begin('killed-and-terminated', { script: [{ answerDelayMs: 30_000 }] });
    expect(await first.end('SIGKILL')).toBe('SIGKILL');
    await latchkey.client.workflow.getHandle(`unlock-${correlationId}`).terminate('given up by an operator');
    const second = await startWorkerProcess({ RECONCILE_AFTER_MS: '1000' });
    await eventually(
      async () => {
        await latchkey.client.workflow.execute('reconcileAudit', { taskQueue, workflowId: `reconcile-audit-${randomUUID()}` });
        expect(inShort(await latchkey.story(correlationId)).at(-1)).toBe('reconciled');
      },
      { limitMs: 60_000, intervalMs: 500 },
    );
    expect(inShort(await latchkey.story(correlationId))).toEqual([
      'requested',
      'status_checked locked',
      'attempt_started 1',
      'operator.out_of_band',
      'attempt_finished 1 unknown',
      'completed unlocked attributed not_locked',
      'reconciled 1',
      'reconciled',
    ]);
    expect(latchkey.puts(correlationId)).toHaveLength(1);
    await second.says(new RegExp(`"finding":"missing_outcome".*"correlationId":"${correlationId}"`));
    expect(second.output()).not.toContain('killed-and-terminated');
    expect(await second.end('SIGTERM')).toBe(0);
  }, 120_000);
});

describe('a worker told to stop', () => {
  it('finishes what it is doing and ends with exit code 0', async () => {
    const worker = await startWorkerProcess();
    const correlationId = await begin('draining', { script: [{ answerDelayMs: 1_500 }] });
    expect(await worker.end('SIGTERM')).toBe(0);
    const result = await latchkey.sql('select result from unlock_attempt where correlation_id = $1', [correlationId]);
    expect(result).toEqual([{ result: 'succeeded' }]);
  });
});
