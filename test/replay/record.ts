// Records the histories that `replay.test.ts` replays: run it after a change of the workflows that is meant to begin new ones,
// and keep the old recordings: they stand for workflows that still run in production.
import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { scheduleReconciler } from '../../src/temporal/schedules.js';
import { eventually } from '../support/eventually.js';
import { openHouse } from '../support/house.js';
import { CALLER_CLIENT_ID } from '../../src/sandbox/issuer.js';
import { openLatchkey } from '../support/latchkey.js';
import { startReceiver, webhookSecret } from '../support/receiver.js';

const [, , version, beginning = ''] = process.argv;
if (version === undefined) throw new Error('usage: npm run record:histories -- VERSION [the beginning of the names to record]');
const isWanted = (name: string): boolean => name.startsWith(beginning);
const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = fileURLToPath(new URL(`histories/${version}/`, import.meta.url));
await mkdir(folder, { recursive: true });
const house = await openHouse();
const latchkey = await openLatchkey({ budget: { initialIntervalMs: 200 }, reconciler: { afterMs: 1, openAfterMs: 1 } });
const repeatGuard = { maxUnlocks: 1, windowMs: 86_400_000, approvalMs: 60_000 };
const guarded = await openLatchkey({ settings: { repeatGuard } });
const hurried = await openLatchkey({ settings: { repeatGuard: { ...repeatGuard, approvalMs: 1_000 } } });
const receiver = await startReceiver();
const webhook = { institutionId: 'sandbox-bank', clientId: CALLER_CLIENT_ID, url: receiver.url, secrets: [webhookSecret()] };
const telling = await openLatchkey({ webhooks: [webhook] });
const hasty = await openLatchkey({ budget: { retryAfterMaxMs: 60_000, deadlineMs: 3_000, activityTimeoutMs: 2_000 } });

async function record(
  name: string,
  customerId: string,
  meanwhile?: (workflowId: string) => Promise<void>,
  { call, client } = latchkey,
): Promise<void> {
  if (!isWanted(name)) return;
  const correlationId = randomUUID();
  await call('/v1/unlocks', { method: 'POST', body: { customerId, reason: 'recording' }, headers: { correlationId } });
  const handle = client.workflow.getHandle(`unlock-${correlationId}`);
  await meanwhile?.(handle.workflowId);
  await save(name, handle.workflowId, client);
}

async function save(name: string, workflowId: string, client = latchkey.client): Promise<void> {
  const handle = client.workflow.getHandle(workflowId);
  await handle.result();
  // Who recorded it, on which machine and in which folder, is no part of the history that matters.
  const json = historyToJSON(await handle.fetchHistory())
    .replaceAll(/\d+@[\w.-]+/g, 'recorder')
    .replaceAll(root, '');
  await writeFile(`${folder}${name}.json`, `${json}\n`);
}

async function unlockedBefore(customerId: string, house: typeof latchkey): Promise<void> {
  await house.unlock(customerId);
  house.sandbox.customers.set(customerId, { state: { locked: true } });
}

function decide(decision: 'approve' | 'decline'): (workflowId: string) => Promise<void> {
  return async (workflowId) => {
    const token = await guarded.sandbox.mintToken({ subject: 'second-person' });
    const path = `/v1/unlocks/${workflowId.replace('unlock-', '')}:${decision}`;
    await eventually(async () => {
      const { status } = await guarded.call(path, { method: 'POST', body: { reason: 'recording' }, token });
      if (status >= 300) throw new Error('not waiting yet');
    });
  };
}

async function recordApprovals(): Promise<void> {
  for (const customerId of ['locked-1', 'two-503', 'locked-2']) await unlockedBefore(customerId, guarded);
  await unlockedBefore('locked-1', hurried);
  await record('approval-approved', 'locked-1', decide('approve'), guarded);
  await record('approval-declined', 'two-503', decide('decline'), guarded);
  await record('approval-cancelled', 'locked-2', (workflowId) => cancelAtOnce(workflowId, guarded), guarded);
  await record('approval-expired', 'locked-1', undefined, hurried);
}

async function cancelAtOnce(workflowId: string, { call }: typeof latchkey): Promise<void> {
  const correlationId = workflowId.replace('unlock-', '');
  await eventually(async () => {
    const { body } = await call(`/v1/unlocks/${correlationId}`);
    if (!JSON.stringify(body).includes('"waiting"')) throw new Error('not waiting yet');
  });
  await call(`/v1/unlocks/${correlationId}:cancel`, { method: 'POST', body: { reason: 'recording' } });
}

async function recordTelling(name: string, ...answers: Parameters<typeof receiver.answer>[1][]): Promise<void> {
  if (!isWanted(name)) return;
  const correlationId = randomUUID();
  receiver.answer(correlationId, ...answers);
  telling.sandbox.customers.set(name, {});
  await telling.call('/v1/unlocks', { method: 'POST', body: { customerId: name }, headers: { correlationId } });
  await save(name, `unlock-${correlationId}`, telling.client);
  await save(`${name}-by-notify-caller`, `notify-${correlationId}`, telling.client);
}

async function recordReconciler(): Promise<void> {
  if (!isWanted('reconcile-audit')) return;
  latchkey.sandbox.customers.set('left-open', { script: [{ httpStatus: 429, headers: { 'Retry-After': '60' }, times: 'always' }] });
  const correlationId = randomUUID();
  await latchkey.call('/v1/unlocks', { method: 'POST', body: { customerId: 'left-open' }, headers: { correlationId } });
  const handle = latchkey.client.workflow.getHandle(`unlock-${correlationId}`);
  await untilWaiting(handle.workflowId);
  await handle.terminate();
  const scheduleId = `reconcile-audit-${randomUUID()}`;
  await scheduleReconciler(latchkey.client, { scheduleId, taskQueue: latchkey.taskQueue, intervalMs: 2_000 });
  const schedule = latchkey.client.schedule.getHandle(scheduleId);
  try {
    const runs = await eventually(async () => {
      const { recentActions } = (await schedule.describe()).info;
      const [first, second] = recentActions.map(({ action }) => action.workflow.workflowId);
      if (first === undefined || second === undefined) throw new Error('the second run has not begun yet');
      return [first, second] as const;
    });
    await save('reconcile-audit-from-the-beginning', runs[0]);
    await save('reconcile-audit-going-on', runs[1]);
  } finally {
    await schedule.delete();
  }
}

async function untilWaiting(workflowId: string): Promise<void> {
  await eventually(async () => {
    const { raw } = await latchkey.client.workflow.getHandle(workflowId).describe();
    if ((raw.pendingActivities ?? []).length === 0) throw new Error('not waiting yet');
  });
}

async function cancelWhileWaiting(workflowId: string): Promise<void> {
  await untilWaiting(workflowId);
  await latchkey.client.workflow.getHandle(workflowId).cancel();
}

async function pauseWhileWaiting(workflowId: string): Promise<void> {
  const correlationId = workflowId.replace('unlock-', '');
  await eventually(async () => {
    const { status } = await hasty.call(`/v1/unlocks/${correlationId}:pause`, { method: 'POST', body: { reason: 'recording' } });
    if (status !== 202) throw new Error('not waiting yet');
  });
}

try {
  await record('clean', 'locked-1');
  await record('not-locked', 'open-1');
  await record('unknown-customer', 'nobody');
  await record('rejected', 'forbidden-403');
  await record('two-503', 'two-503');
  await record('attributed', 'answer-lost');
  await record('status-read-retried', 'status-two-503');
  await record('attempts-used-up', 'always-503');
  latchkey.sandbox.customers.set('waiting', { script: [{ httpStatus: 429, headers: { 'Retry-After': '60' }, times: 'always' }] });
  await record('cancelled-while-waiting', 'waiting', cancelWhileWaiting);
  latchkey.sandbox.customers.set('slow', { script: [{ on: 'status', delayMs: 500 }] });
  await record('cancelled-in-the-fast-phase', 'slow', (workflowId) =>
    latchkey.client.workflow
      .getHandle(workflowId)
      .cancel()
      .then(() => undefined),
  );
  hasty.sandbox.customers.set('waiting', { script: [{ httpStatus: 429, headers: { 'Retry-After': '2' }, times: 'always' }] });
  await record('paused-beyond-the-deadline', 'waiting', pauseWhileWaiting, hasty);
  await recordReconciler();
  if (isWanted('approval')) await recordApprovals();
  await recordTelling('told');
  await recordTelling('told-again', { httpStatus: 503 });
  await recordTelling('told-in-vain', { httpStatus: 410 });
} finally {
  await hurried.close();
  await guarded.close();
  await hasty.close();
  await telling.close();
  await receiver.close();
  await latchkey.close();
  await house.close();
}
