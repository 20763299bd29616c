// Records the histories that `replay.test.ts` replays: run it after a change of the workflows that is meant to begin new ones,
// and keep the old recordings: they stand for workflows that still run in production.
import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { eventually } from '../support/eventually.js';
import { openHouse } from '../support/house.js';
import { openLatchkey } from '../support/latchkey.js';

const version = process.argv[2];
if (version === undefined) throw new Error('usage: npm run record:histories -- VERSION');
const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = fileURLToPath(new URL(`histories/${version}/`, import.meta.url));
await mkdir(folder, { recursive: true });
const house = await openHouse();
const latchkey = await openLatchkey({ budget: { initialIntervalMs: 200 } });

async function record(name: string, customerId: string, meanwhile?: (workflowId: string) => Promise<void>): Promise<void> {
  const correlationId = randomUUID();
  await latchkey.call('/v1/unlocks', { method: 'POST', body: { customerId, reason: 'recording' }, headers: { correlationId } });
  const handle = latchkey.client.workflow.getHandle(`unlock-${correlationId}`);
  await meanwhile?.(handle.workflowId);
  await handle.result();
  // Who recorded it, on which machine and in which folder, is no part of the history that matters.
  const json = historyToJSON(await handle.fetchHistory())
    .replaceAll(/\d+@[\w.-]+/g, 'recorder')
    .replaceAll(root, '');
  await writeFile(`${folder}${name}.json`, `${json}\n`);
}

async function cancelWhileWaiting(workflowId: string): Promise<void> {
  const handle = latchkey.client.workflow.getHandle(workflowId);
  await eventually(async () => {
    const { raw } = await handle.describe();
    if ((raw.pendingActivities ?? []).length === 0) throw new Error('not waiting yet');
  });
  await handle.cancel();
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
} finally {
  await latchkey.close();
  await house.close();
}
