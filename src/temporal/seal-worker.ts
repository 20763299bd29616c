import type { DataConverter } from '@temporalio/common';
import { NativeConnection, Worker, type WorkflowBundleOption } from '@temporalio/worker';
import type { SealActivities } from '../../activities/contract.js';
import { connectionOptions, sealTaskQueue, type TemporalSettings } from './settings.js';

interface SealWorkerParts {
  readonly settings: TemporalSettings;
  readonly activities: SealActivities;
  readonly dataConverter: DataConverter;
  readonly workflowBundle: WorkflowBundleOption;
  /** Tests give each suite a queue of its own. */
  readonly taskQueue?: string;
}

export interface SealWorker {
  /** True while it polls for tasks. */
  polls(): boolean;
  /** Resolves once it has ended after `stop`; rejects where it fails. */
  readonly ended: Promise<void>;
  /** Takes nothing new; a run under way must be told to hand over. */
  stop(): Promise<void>;
}

/** One run at a time is all there is. */
const SLOTS = 2;
const SHUTDOWN_GRACE = '1 second';

/**
 * Starts the sealer's worker, on its own queue, with nothing but the seal; it polls when this resolves.
 * @throws where Temporal cannot be reached or the workflows cannot be loaded
 */
export async function startSealWorker(parts: SealWorkerParts): Promise<SealWorker> {
  const connection = await NativeConnection.connect(connectionOptions(parts.settings));
  try {
    const worker = await Worker.create({
      connection,
      namespace: parts.settings.namespace,
      dataConverter: parts.dataConverter,
      taskQueue: parts.taskQueue ?? sealTaskQueue,
      workflowBundle: parts.workflowBundle,
      activities: parts.activities,
      maxConcurrentActivityTaskExecutions: SLOTS,
      maxConcurrentWorkflowTaskExecutions: SLOTS,
      maxConcurrentLocalActivityExecutions: SLOTS,
      maxCachedWorkflows: SLOTS,
      shutdownGraceTime: SHUTDOWN_GRACE,
    });
    const ended = worker.run().finally(() => connection.close());
    ended.catch(() => undefined);
    return {
      polls: () => worker.getState() === 'RUNNING',
      ended,
      async stop() {
        if (worker.getState() === 'RUNNING') worker.shutdown();
        await ended.catch(() => undefined);
      },
    };
  } catch (error) {
    await connection.close().catch(() => undefined);
    throw error;
  }
}
