import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import proto from '@temporalio/proto';
import type { CustomerSetup } from '../../src/sandbox/index.js';
import { eventually } from '../support/eventually.js';
import { inShort, openLatchkey, type Latchkey } from '../support/latchkey.js';

let latchkey: Latchkey;
beforeAll(async () => {
  latchkey = await openLatchkey({ upstreamTimeoutMs: 4_000, budget: { retryAfterMaxMs: 600_000, deadlineMs: 900_000 } });
});
afterAll(() => latchkey.close());

const soon = { httpStatus: 429, headers: { 'Retry-After': '1' } };
const muchLater = { httpStatus: 429, headers: { 'Retry-After': '300' } };

async function begin(customerId: string, setup: CustomerSetup) {
  const correlationId = randomUUID();
  latchkey.sandbox.customers.set(customerId, setup);
  await latchkey.call('/v1/unlocks', { method: 'POST', body: { customerId }, headers: { correlationId } });
  const handle = latchkey.client.workflow.getHandle(`unlock-${correlationId}`);
  const pending = async () => (await handle.describe()).raw.pendingActivities?.[0];
  /** What `temporal activity pause` and its kin name. */
  const activity = async () => ({
    namespace: 'default',
    execution: { workflowId: handle.workflowId },
    id: (await pending())?.activityId ?? '',
    identity: 'operator',
  });
  const waits = () =>
    eventually(async () => {
      // The first execution hands the wait to Temporal; from the second on it stands there.
      expect((await pending())?.attempt).toBe(2);
    });
  return { correlationId, handle, pending, activity, waits };
}

describe('an operator', () => {
  it('hurries an attempt that waits, by pausing and unpausing it', async () => {
    const { correlationId, handle, activity, waits } = await begin('hurried', { script: [muchLater] });
    await waits();
    const { workflowService } = latchkey.client;
    await workflowService.pauseActivity(await activity());
    await workflowService.unpauseActivity(await activity());
    expect(await handle.result()).toMatchObject({ outcome: 'unlocked', attempts: 2 });
    expect(latchkey.puts(correlationId)).toHaveLength(2);
  });

  it('hurries an attempt that waits, by resetting it', async () => {
    const { correlationId, handle, activity, waits } = await begin('reset', { script: [muchLater] });
    await waits();
    await latchkey.client.workflowService.resetActivity(await activity());
    expect(await handle.result()).toMatchObject({ outcome: 'unlocked', attempts: 2 });
    expect(latchkey.puts(correlationId)).toHaveLength(2);
  });

  it('keeps a paused attempt from being sent for as long as it is paused', async () => {
    const { correlationId, handle, activity, pending, waits } = await begin('paused', { script: [soon] });
    await waits();
    await latchkey.client.workflowService.pauseActivity(await activity());
    await sleep(2_500);
    expect((await pending())?.paused).toBe(true);
    expect(latchkey.puts(correlationId)).toHaveLength(1);
    await latchkey.client.workflowService.unpauseActivity(await activity());
    expect(await handle.result()).toMatchObject({ outcome: 'unlocked', attempts: 2 });
  });

  it('may pause an attempt whose PUT is out: its answer is recorded all the same', async () => {
    const { correlationId, handle, activity } = await begin('paused-while-out', { script: [{ httpStatus: 503 }, { answerDelayMs: 800 }] });
    await eventually(() => expect(latchkey.puts(correlationId)).toHaveLength(2));
    await latchkey.client.workflowService.pauseActivity(await activity());
    expect(await handle.result()).toMatchObject({ outcome: 'unlocked', verification: 'confirmed', attempts: 2 });
  });

  it('cancels a paused attempt', async () => {
    const { correlationId, handle, activity, waits } = await begin('cancelled-paused', { script: [muchLater] });
    await waits();
    await latchkey.client.workflowService.pauseActivity(await activity());
    await handle.cancel();
    expect(await handle.result()).toMatchObject({ outcome: 'cancelled', attempts: 1 });
    expect(inShort(await latchkey.story(correlationId)).at(-1)).toBe('completed cancelled');
  });

  it('finds the same outcome again after a reset of a workflow that has ended: no PUT is sent', async () => {
    const { correlationId, handle } = await begin('ended', { script: [{ httpStatus: 503 }] });
    const result = await handle.result();
    latchkey.sandbox.customers.lock('ended');
    await resetWorkflow(handle.workflowId);
    const again = latchkey.client.workflow.getHandle(handle.workflowId);
    expect(await again.result()).toEqual(result);
    expect(latchkey.puts(correlationId)).toHaveLength(2);
  });

  it('may reset a workflow whose PUT is out: its answer counts, and no PUT is sent beside it', async () => {
    const { correlationId, handle } = await begin('reset-while-out', { script: [{ httpStatus: 503 }, { answerDelayMs: 900 }] });
    await eventually(() => expect(latchkey.puts(correlationId)).toHaveLength(2));
    await resetWorkflow(handle.workflowId);
    expect(await latchkey.client.workflow.getHandle(handle.workflowId).result()).toMatchObject({ outcome: 'unlocked', attempts: 2 });
    expect(latchkey.puts(correlationId)).toHaveLength(2);
  });

  it('terminates a workflow: no PUT leaves once its execution has heard of it', async () => {
    const { correlationId, handle, pending } = await begin('terminated', {
      script: [{ httpStatus: 503 }, { on: 'status' }, { on: 'status', delayMs: 2_500 }],
    });
    const statusReads = () => latchkey.sandbox.calls().filter((each) => each.endpoint === 'status' && each.correlationId === correlationId);
    await eventually(() => expect(statusReads()).toHaveLength(2));
    expect((await pending())?.activityType?.name).toBe('sendUnlock');
    await handle.terminate();
    await eventually(async () => expect(inShort(await latchkey.story(correlationId)).at(-1)).toBe('status_checked locked'));
    await sleep(500);
    expect(latchkey.puts(correlationId)).toHaveLength(1);
  });
});

/** As `temporal workflow reset`, to before the first step. */
async function resetWorkflow(workflowId: string): Promise<void> {
  const { runId } = await latchkey.client.workflow.getHandle(workflowId).describe();
  const { ResetWorkflowExecutionRequest } = proto.temporal.api.workflowservice.v1;
  const wish = { workflowTaskFinishEventId: 4, requestId: randomUUID(), reason: 'tried by an operator' };
  const reset = ResetWorkflowExecutionRequest.fromObject({ namespace: 'default', workflowExecution: { workflowId, runId }, ...wish });
  await latchkey.client.workflowService.resetWorkflowExecution(reset);
}
