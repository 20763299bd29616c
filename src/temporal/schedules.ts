import { ScheduleAlreadyRunning, ScheduleOverlapPolicy, type Client, type ScheduleOptions } from '@temporalio/client';
import { sealTaskQueue, taskQueue } from './settings.js';

interface ReconcilerSchedule {
  readonly intervalMs: number;
  readonly scheduleId?: string;
  readonly taskQueue?: string;
}

interface SealerSchedule {
  readonly scheduleId?: string;
  readonly taskQueue?: string;
}

/** What was missed while the server was away is made up for by the next run. */
const CATCH_UP = '1 minute';
/** A run that no worker carries on must not keep the next one from beginning for ever. */
const RUN_TIMEOUT = '15 minutes';
/** How soon a run begins after one that was terminated; one that ends is followed at once. */
const SEALER_INTERVAL = '1 minute';

/** Sees to it that the reconciler runs at intervals, one run at a time. What an operator has paused stays paused. */
export async function scheduleReconciler(
  client: Client,
  { intervalMs, scheduleId = 'reconcile-audit', taskQueue: queue = taskQueue }: ReconcilerSchedule,
): Promise<void> {
  await schedule(client, scheduleId, {
    spec: { intervals: [{ every: intervalMs }] },
    action: startWorkflow('reconcileAudit', scheduleId, queue),
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: CATCH_UP },
  });
}

/** Sees to it that the sealer always runs, one run at a time. What an operator has paused stays paused. */
export async function scheduleSealer(
  client: Client,
  { scheduleId = 'seal-audit', taskQueue: queue = sealTaskQueue }: SealerSchedule = {},
): Promise<void> {
  await schedule(client, scheduleId, {
    spec: { intervals: [{ every: SEALER_INTERVAL }] },
    action: startWorkflow('sealAudit', scheduleId, queue),
    // A run takes longer than the interval: the next one waits for its end.
    policies: { overlap: ScheduleOverlapPolicy.BUFFER_ONE, catchupWindow: CATCH_UP },
  });
}

function startWorkflow(workflowType: string, workflowId: string, queue: string) {
  return { type: 'startWorkflow' as const, workflowType, workflowId, taskQueue: queue, workflowRunTimeout: RUN_TIMEOUT };
}

async function schedule(client: Client, scheduleId: string, wanted: Omit<ScheduleOptions, 'scheduleId'>): Promise<void> {
  try {
    // The first run does not wait for its time.
    await client.schedule.create({ scheduleId, ...wanted, state: { triggerImmediately: true } });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    await client.schedule.getHandle(scheduleId).update(({ state }) => ({ ...wanted, state }));
  }
}
