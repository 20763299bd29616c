import { ScheduleAlreadyRunning, ScheduleOverlapPolicy, type Client } from '@temporalio/client';
import { taskQueue } from './settings.js';

interface ReconcilerSchedule {
  readonly intervalMs: number;
  readonly scheduleId?: string;
  readonly taskQueue?: string;
}

/** What was missed while the server was away is made up for by the next run. */
const CATCH_UP = '1 minute';
/** A run that no worker carries on must not keep the next one from beginning for ever. */
const RUN_TIMEOUT = '15 minutes';

/** Sees to it that the reconciler runs at intervals, one run at a time. What an operator has paused stays paused. */
export async function scheduleReconciler(
  client: Client,
  { intervalMs, scheduleId = 'reconcile-audit', taskQueue: queue = taskQueue }: ReconcilerSchedule,
): Promise<void> {
  const schedule = {
    spec: { intervals: [{ every: intervalMs }] },
    action: {
      type: 'startWorkflow' as const,
      workflowType: 'reconcileAudit',
      workflowId: scheduleId,
      taskQueue: queue,
      workflowRunTimeout: RUN_TIMEOUT,
    },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: CATCH_UP },
  };
  try {
    await client.schedule.create({ scheduleId, ...schedule });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    await client.schedule.getHandle(scheduleId).update(({ state }) => ({ ...schedule, state }));
  }
}
