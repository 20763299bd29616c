import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Client } from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import { bundleWorkflowCode, NativeConnection, Worker, type WorkflowBundleOption } from '@temporalio/worker';
import type { Activities } from '../../activities/contract.js';
import { failureConverterPath } from './data-converter.js';
import { connectionOptions, taskQueue, type TemporalSettings } from './settings.js';

interface WorkerParts {
  readonly settings: TemporalSettings;
  readonly activities: Activities;
  readonly dataConverter: DataConverter;
  /** Longer than one call to the bank and its audit write may take, in milliseconds. */
  readonly shutdownGraceMs: number;
  readonly workflowBundle: WorkflowBundleOption;
  /** Tests give each suite a queue of its own. */
  readonly taskQueue?: string;
}

export interface LatchkeyWorker {
  /** A client on the worker's own connection: what it starts, this worker may take at once. Gone when the worker has stopped. */
  readonly client: Client;
  /** True while it polls for tasks. */
  polls(): boolean;
  /** Resolves once it has drained after `stop`; rejects where it fails. */
  readonly ended: Promise<void>;
  /** Lets what runs finish, takes nothing new, and closes its connection. */
  stop(): Promise<void>;
}

/** Enough that slow banks cannot keep clean unlocks waiting for a slot. */
const SLOTS = 500;

/**
 * Starts the worker; it polls when this resolves.
 * @throws where Temporal cannot be reached or the workflows cannot be loaded
 */
export async function startWorker(parts: WorkerParts): Promise<LatchkeyWorker> {
  const connection = await NativeConnection.connect(connectionOptions(parts.settings));
  let worker: Worker;
  try {
    worker = await Worker.create({
      connection,
      namespace: parts.settings.namespace,
      taskQueue: parts.taskQueue ?? taskQueue,
      workflowBundle: parts.workflowBundle,
      activities: parts.activities,
      dataConverter: parts.dataConverter,
      shutdownGraceTime: parts.shutdownGraceMs,
      maxConcurrentWorkflowTaskExecutions: SLOTS,
      maxConcurrentLocalActivityExecutions: SLOTS,
      maxConcurrentActivityTaskExecutions: SLOTS,
      // A dead worker's sticky queue holds a workflow up for this long.
      stickyQueueScheduleToStartTimeout: '2 seconds',
    });
  } catch (error) {
    await connection.close();
    throw error;
  }
  const ended = worker.run().finally(() => connection.close());
  return {
    client: new Client({ connection, namespace: parts.settings.namespace, dataConverter: parts.dataConverter }),
    polls: () => worker.getState() === 'RUNNING',
    ended,
    async stop() {
      if (worker.getState() === 'RUNNING') worker.shutdown();
      await ended.catch(() => undefined);
    },
  };
}

const prebuiltBundle = fileURLToPath(new URL('../../workflow-bundle.js', import.meta.url));
const workflowsEntry = fileURLToPath(new URL('../../workflows/index.js', import.meta.url));

/** Where the build puts the workflows' bundle, and what it is made of: the failure converter runs within workflows too. */
export const bundlePaths = { bundle: prebuiltBundle, sources: { workflowsPath: workflowsEntry, failureConverterPath } };

/** The workflows as the build bundled them, or bundled now where they were not. */
export async function loadWorkflowBundle(): Promise<WorkflowBundleOption> {
  return existsSync(prebuiltBundle) ? { codePath: prebuiltBundle } : bundleWorkflowCode(bundlePaths.sources);
}
