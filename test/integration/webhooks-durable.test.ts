import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from '@temporalio/client';
import { webhookId } from '../../activities/deliver-webhook.js';
import { auditEventId } from '../../src/audit/event-id.js';
import { CALLER_CLIENT_ID } from '../../src/sandbox/issuer.js';
import type { CustomerSetup } from '../../src/sandbox/index.js';
import type { WebhookSettings } from '../../src/webhooks/index.js';
import { eventually } from '../support/eventually.js';
import { buildProduct, startLatchkeyProcess, type LatchkeyProcess } from '../support/latchkey-process.js';
import { openLatchkey, PAYLOAD_KEYS, type Latchkey } from '../support/latchkey.js';
import { startReceiver, webhookSecret, type Receiver } from '../support/receiver.js';
import { muchLater } from '../support/steering.js';
import { testTemporal } from '../support/temporal.js';

const secret = webhookSecret();
const patient = { limitMs: 60_000, intervalMs: 250 };
let receiver: Receiver;
beforeAll(async () => {
  receiver = await startReceiver();
});
afterAll(() => receiver.close());

const webhook = (): WebhookSettings => ({
  ...{ institutionId: 'sandbox-bank', clientId: CALLER_CLIENT_ID },
  ...{ url: receiver.url, secrets: [secret] },
});
const notified = async (house: Latchkey, correlationId: string) =>
  (await house.story(correlationId)).filter(({ action }) => action === 'notified').map(({ metadata }) => metadata);
const idsAbout = (correlationId: string) => new Set(receiver.about(correlationId).map(({ headers }) => headers['webhook-id']));

async function begin(house: Latchkey, customerId: string, setup: CustomerSetup = {}): Promise<string> {
  const correlationId = randomUUID();
  house.sandbox.customers.set(customerId, setup);
  await house.call('/v1/unlocks', { method: 'POST', body: { customerId }, headers: { correlationId } });
  return correlationId;
}

describe('a worker that dies', () => {
  let house: Latchkey;
  let folder: string;
  const workers: LatchkeyProcess[] = [];
  beforeAll(async () => {
    buildProduct();
    folder = await mkdtemp(join(tmpdir(), 'latchkey-test-webhooks-'));
    await writeFile(join(folder, 'desk.secret'), `${secret}\n`);
    const { institutionId, clientId, url } = webhook();
    await writeFile(join(folder, 'webhooks.json'), JSON.stringify([{ institutionId, clientId, url, secretFile: 'desk.secret' }]));
    house = await openLatchkey({ withWorker: false, forProcesses: true, webhooks: [webhook()] });
  }, 180_000);
  afterAll(async () => {
    await Promise.all(workers.map((worker) => worker.end('SIGKILL')));
    await house.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function startWorkerProcess(): Promise<LatchkeyProcess> {
    const { sandbox, database, namespace } = house;
    const worker = startLatchkeyProcess(['worker'], {
      ...{ DATABASE_URL: database.url, TEMPORAL_ADDRESS: testTemporal().address, TEMPORAL_NAMESPACE: namespace },
      ...{ UPSTREAM_BASE_URL: sandbox.bankBaseUrl, UPSTREAM_TOKEN_URL: sandbox.bankTokenUrl },
      ...{ UPSTREAM_CLIENT_ID: sandbox.clientId, UPSTREAM_CLIENT_SECRET: sandbox.clientSecret },
      ...{ UPSTREAM_INSTITUTION_ID: sandbox.institutionId, PAYLOAD_KEYS, DATA_DIR: folder },
      ...{ WEBHOOKS_FILE: join(folder, 'webhooks.json'), LOG_LEVEL: 'trace' },
    });
    workers.push(worker);
    await worker.says(/the worker polls/);
    return worker;
  }

  it('with a message that is out is followed by one that sends it again, under the same id', async () => {
    const first = await startWorkerProcess();
    const correlationId = randomUUID();
    receiver.answer(correlationId, { httpStatus: 204, silent: true });
    house.sandbox.customers.set('killed', {});
    await house.call('/v1/unlocks', { method: 'POST', body: { customerId: 'killed' }, headers: { correlationId } });
    await eventually(() => expect(receiver.about(correlationId)).toHaveLength(1), patient);
    await first.end('SIGKILL');
    await startWorkerProcess();
    await eventually(
      async () => expect(await notified(house, correlationId)).toMatchObject([{ delivered: true, httpStatus: 204 }]),
      patient,
    );
    expect(receiver.about(correlationId)).toHaveLength(2);
    expect([...idsAbout(correlationId)]).toEqual([webhookId(correlationId)]);
  }, 120_000);

  it('has not told its log of the secret, or of anything that stands behind the host of the URL', () => {
    const written = workers.map((worker) => worker.output()).join('\n');
    expect(written).not.toContain(secret.slice('whsec_'.length));
    expect(written).not.toMatch(/hooks\/unlocks/);
  });
});

describe('a request that the reconciler ends', () => {
  let house: Latchkey;
  const endsWithTheRecord = new Set<string>();
  const notYet = new Set<string>();
  beforeAll(async () => {
    house = await openLatchkey({
      budget: { retryAfterMaxMs: 600_000, deadlineMs: 900_000 },
      reconciler: { afterMs: 1, openAfterMs: 1 },
      webhooks: [webhook()],
      // Somebody terminates the workflow just after its end is on record.
      bricks: ({ audit, executions }) => ({
        executions: {
          ...executions,
          async notifyCaller(notification) {
            if (notYet.has(notification.correlationId)) throw new Error('no answer of Temporal');
            return executions.notifyCaller(notification);
          },
        },
        audit: {
          ...audit,
          async append(event) {
            const written = await audit.append(event);
            if (event.action === 'customer.unlock.completed' && endsWithTheRecord.delete(event.correlationId ?? '')) {
              await house.client.workflow.getHandle(event.workflowId ?? '').terminate();
            }
            return written;
          },
        },
      }),
    });
  });
  afterAll(() => house.close());

  /** Visibility follows an execution's end by a moment. */
  const reconcileUntil = (expectation: () => Promise<void>): Promise<void> =>
    eventually(async () => {
      await house.client.workflow.execute('reconcileAudit', {
        taskQueue: house.taskQueue,
        workflowId: `reconcile-audit-${randomUUID()}`,
      });
      await expectation();
    }, patient);
  const delivered = async (correlationId: string): Promise<void> =>
    expect(await notified(house, correlationId)).toMatchObject([{ delivered: true }]);

  async function waiting(customerId: string): Promise<string> {
    const correlationId = await begin(house, customerId, { script: [muchLater] });
    const handle = house.client.workflow.getHandle(`unlock-${correlationId}`);
    await eventually(async () => expect((await handle.describe()).raw.pendingActivities?.[0]?.attempt).toBe(2));
    return correlationId;
  }

  it('because its workflow was terminated is told to its caller, once, with the outcome that stands', async () => {
    const correlationId = await waiting('terminated');
    await house.client.workflow.getHandle(`unlock-${correlationId}`).terminate('by an operator');
    await reconcileUntil(() => delivered(correlationId));
    await reconcileUntil(() => delivered(correlationId));
    const messages = receiver.about(correlationId);
    expect(messages).toHaveLength(1);
    expect(JSON.parse(messages[0]?.body ?? '')).toMatchObject({ data: { outcome: 'failed', attempts: 1 } });
    expect([...idsAbout(correlationId)]).toEqual([webhookId(correlationId)]);
  }, 90_000);

  it('is ended although its caller cannot be told yet, and told later', async () => {
    const correlationId = await waiting('told-later');
    notYet.add(correlationId);
    await house.client.workflow.getHandle(`unlock-${correlationId}`).terminate();
    await reconcileUntil(async () => expect((await house.story(correlationId)).at(-1)?.action).toBe('reconciled'));
    expect(receiver.about(correlationId)).toEqual([]);
    notYet.delete(correlationId);
    await reconcileUntil(() => delivered(correlationId));
  }, 90_000);

  it('because its workflow is gone is told too: the first row says that it was promised', async () => {
    const correlationId = randomUUID();
    const action = 'customer.unlock.requested';
    await house.audit.append({
      id: auditEventId(`unlock-${correlationId}`, action, 'once'),
      occurredAt: new Date(),
      action,
      ...{ correlationId, institutionId: 'sandbox-bank', customerId: 'gone', actorType: 'user', actorId: 'agent-1' },
      metadata: { clientId: CALLER_CLIENT_ID, notifyCaller: true, deadlineAt: new Date().toISOString() },
    });
    await reconcileUntil(() => delivered(correlationId));
    expect(receiver.about(correlationId)).toHaveLength(1);
  }, 90_000);

  it('after its end was on record, and before its workflow told anybody, is told', async () => {
    const correlationId = randomUUID();
    endsWithTheRecord.add(correlationId);
    house.sandbox.customers.set('in-between', {});
    await house.call('/v1/unlocks', { method: 'POST', body: { customerId: 'in-between' }, headers: { correlationId } });
    await expect(house.client.workflow.getHandle(`unlock-${correlationId}`).result()).rejects.toThrow();
    await expect(house.client.workflow.getHandle(`notify-${correlationId}`).describe()).rejects.toThrow(/not found/i);
    await reconcileUntil(() => delivered(correlationId));
    expect(receiver.about(correlationId)).toHaveLength(1);
  }, 90_000);

  it('is not told where it was not promised', async () => {
    const correlationId = randomUUID();
    const token = await house.sandbox.mintToken({ clientId: 'another-client' });
    house.sandbox.customers.set('untold', { script: [muchLater] });
    await house.call('/v1/unlocks', { method: 'POST', body: { customerId: 'untold' }, headers: { correlationId }, token });
    const handle = house.client.workflow.getHandle(`unlock-${correlationId}`);
    await eventually(async () => expect((await handle.describe()).raw.pendingActivities?.[0]?.attempt).toBe(2));
    await handle.terminate();
    await reconcileUntil(async () => expect((await house.story(correlationId)).at(-1)?.action).toBe('reconciled'));
    expect(receiver.about(correlationId)).toEqual([]);
    await expect(house.client.workflow.getHandle(`notify-${correlationId}`).describe()).rejects.toThrow(/not found/i);
  }, 90_000);

  it('and whose telling somebody terminates is told no more: that is on record, with who did it', async () => {
    const correlationId = randomUUID();
    receiver.answer(correlationId, ...Array.from({ length: 50 }, () => ({ httpStatus: 500 })));
    house.sandbox.customers.set('silenced', {});
    await house.call('/v1/unlocks', { method: 'POST', body: { customerId: 'silenced' }, headers: { correlationId } });
    await eventually(() => expect(receiver.about(correlationId).length).toBeGreaterThan(0), patient);
    const { connection, options } = house.client;
    const operator = new Client({ connection, namespace: options.namespace, identity: 'mallory@laptop' });
    await operator.workflow.getHandle(`notify-${correlationId}`).terminate('enough');
    await reconcileUntil(async () =>
      expect(await notified(house, correlationId)).toMatchObject([{ delivered: false, result: 'stopped', recordedBy: 'reconciler' }]),
    );
    const rows = (await house.story(correlationId)).filter(({ action }) => action === 'operator.out_of_band');
    expect(rows.map(({ metadata }) => metadata)).toMatchObject([{ operation: 'terminate', identity: 'mallory@laptop', reason: 'enough' }]);
    const [unlocked] = await house.sql<{ outcome: string }>(
      'select outcome from audit_event where correlation_id = $1 and outcome is not null',
      [correlationId],
    );
    expect(unlocked).toEqual({ outcome: 'unlocked' });
  }, 90_000);
});
