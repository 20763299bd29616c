import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Client } from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import { bundleWorkflowCode, NativeConnection, Worker, type WorkerOptions, type WorkflowBundleOption } from '@temporalio/worker';
import type { Activities } from '../../activities/contract.js';
import { failureConverterPath } from './data-converter.js';
import { connectionOptions, sendQueueBeside, taskQueue, type TemporalSettings } from './settings.js';
import type { TemporalTracing } from './tracing.js';
import type { WorkerVersion } from './worker-version.js';

interface WorkerParts {
  readonly settings: TemporalSettings;
  readonly activities: Activities;
  readonly dataConverter: DataConverter;
  /** How long after `stop` Temporal tells no activity of it, in milliseconds; ours go on with what they have begun either way. */
  readonly shutdownGraceMs: number;
  readonly workflowBundle: WorkflowBundleOption;
  /** The institutions that are served. */
  readonly institutions: readonly SendLimit[];
  /** Null: it takes what is for workers without a version. Else it takes nothing new before its version is made current. */
  readonly version?: WorkerVersion | null;
  /** Tests give each suite a queue of its own. */
  readonly taskQueue?: string;
  /** Wants the bundle for it; left out: nothing is traced. */
  readonly tracing?: TemporalTracing | undefined;
}

interface SendLimit {
  readonly institutionId: string;
  /** How many PUTs of the institution Temporal hands out in a second, over all workers; null: no limit. */
  readonly maxPerSecond: number | null;
}

export interface LatchkeyWorker {
  /**
   * A client on the worker's own connection: what it starts, this worker may take at once. Gone when the worker has stopped. Null where the
   * worker has a version: the server would hand it the first task whichever version is current.
   */
  readonly client: Client | null;
  /** True while it polls for tasks, on each of its queues. */
  polls(): boolean;
  /** Resolves once it has drained after `stop`; rejects where it fails. */
  readonly ended: Promise<void>;
  /** Lets what runs finish, takes nothing new, and closes its connection. */
  stop(): Promise<void>;
}

/** Enough that slow banks cannot keep clean unlocks waiting for a slot. */
const SLOTS = 500;

/**
 * Starts the worker, on the queue of everything and on each institution's for PUTs whose rate is limited; it polls when this resolves.
 * @throws where Temporal cannot be reached or the workflows cannot be loaded
 */
export async function startWorker(parts: WorkerParts): Promise<LatchkeyWorker> {
  const { activities, dataConverter, taskQueue: queue = taskQueue, institutions, version = null, tracing } = parts;
  const { namespace } = parts.settings;
  const connection = await NativeConnection.connect(connectionOptions(parts.settings));
  const shared = {
    connection,
    namespace,
    dataConverter,
    shutdownGraceTime: parts.shutdownGraceMs,
    maxConcurrentActivityTaskExecutions: SLOTS,
    ...(tracing === undefined ? {} : { interceptors: tracing.worker }),
    ...(version === null ? {} : { workerDeploymentOptions: deploymentOptions(version) }),
  };
  const workers: Worker[] = [];
  try {
    workers.push(
      await Worker.create({
        ...shared,
        taskQueue: queue,
        workflowBundle: parts.workflowBundle,
        ...(tracing === undefined ? {} : { sinks: tracing.sinks }),
        activities,
        maxConcurrentWorkflowTaskExecutions: SLOTS,
        maxConcurrentLocalActivityExecutions: SLOTS,
        // A dead worker's sticky queue holds a workflow up for this long.
        stickyQueueScheduleToStartTimeout: '2 seconds',
      }),
    );
    for (const { institutionId, maxPerSecond } of institutions) {
      workers.push(
        await Worker.create({
          ...shared,
          taskQueue: sendQueueBeside(queue, institutionId),
          activities: { sendUnlock: activities.sendUnlock },
          ...(maxPerSecond === null ? {} : { maxTaskQueueActivitiesPerSecond: maxPerSecond }),
        }),
      );
    }
  } catch (error) {
    // The first worker may hold it, and what went wrong is to be told.
    await connection.close().catch(() => undefined);
    throw error;
  }
  const stopAll = (): void => {
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
  };
  const ended = runAll(workers, stopAll).finally(() => connection.close());
  return {
    client: version === null ? new Client({ connection, namespace, dataConverter, interceptors: tracing?.client ?? {} }) : null,
    polls: () => workers.every((worker) => worker.getState() === 'RUNNING'),
    ended,
    async stop() {
      stopAll();
      await ended.catch(() => undefined);
    },
  };
}

/** Workflows that run follow the current version, so that none is left behind by workers that are gone. */
function deploymentOptions(version: WorkerVersion): NonNullable<WorkerOptions['workerDeploymentOptions']> {
  return { version, useWorkerVersioning: true, defaultVersioningBehavior: 'AUTO_UPGRADE' };
}

/** One that ends takes the others with it: half a worker would look alive. */
async function runAll(workers: readonly Worker[], stopAll: () => void): Promise<void> {
  const ends = await Promise.allSettled(workers.map((worker) => worker.run().finally(stopAll)));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}

const pathTo = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
// The failure converter runs within workflows too.
const sources = { workflowsPath: pathTo('workflows/index.js'), failureConverterPath };

/** The workflows' bundles, where the build puts them and what they are made of: without tracing nothing of it is loaded. */
export const workflowBundles = {
  plain: { path: pathTo('workflow-bundle.js'), sources },
  traced: {
    path: pathTo('workflow-bundle-traced.js'),
    sources: { ...sources, workflowInterceptorModules: [pathTo('workflows/traced.js')] },
  },
};

/** The workflows as the build bundled them, or bundled now where they were not. */
export async function loadWorkflowBundle(which: keyof typeof workflowBundles = 'plain'): Promise<WorkflowBundleOption> {
  const bundle = workflowBundles[which];
  return existsSync(bundle.path) ? { codePath: bundle.path } : bundleWorkflowCode(bundle.sources);
}
