import { DefaultLogger, makeTelemetryFilterString, Runtime, type LogMetadata, type RuntimeOptions } from '@temporalio/worker';
import type { Logger } from 'pino';
import { createActivities } from '../../activities/index.js';
import { createAuditLogByInstitution, type InstitutionConnections } from '../audit/by-institution.js';
import { createPace } from '../audit/index.js';
import type { Pace } from '../audit/pace.js';
import type { Config } from '../config.js';
import { institutionsOf, type Institution } from '../institutions.js';
import type { Observer } from '../domain/observer.js';
import { parseCorrelationId } from '../domain/unlock-request.js';
import { createTemporalClient } from '../temporal/client.js';
import { createExecutions } from '../temporal/reconciler-executions.js';
import { loadWorkflowBundle, startWorker, type LatchkeyWorker } from '../temporal/worker.js';
import type { Tracing } from '../tracing/index.js';
import { createUpstreamByInstitution } from '../upstream/by-institution.js';
import { authorityOf } from './authority.js';
import type { Closers } from './closers.js';
import { tellingDrift } from './drift-log.js';
import { startMonitoring } from './monitoring.js';
import {
  bankSettings,
  dataConverter,
  openInstitutions,
  openWebhooks,
  reconcilerSettings,
  temporalSettings,
  workerVersion,
} from './parts.js';
import { stopTimes } from './stopping.js';

interface WorkerParts {
  readonly config: Config;
  readonly log: Logger;
  readonly closers: Closers;
  readonly tracing: Tracing | null;
}

export interface WorkerPart extends LatchkeyWorker {
  /** Hears what the parts of this process tell of themselves. */
  readonly observer: Observer;
}

/**
 * Starts the worker, and before it the monitoring of this process; it polls when this resolves.
 * @throws where Temporal cannot be reached, the workflows cannot be loaded, or `METRICS_PORT` is taken
 */
export async function startWorkerPart({ config, log, closers, tracing }: WorkerParts): Promise<WorkerPart> {
  installRuntime({ config, log });
  let polls = () => false;
  const monitoring = await startMonitoring({ config, log, closers, workerPolls: () => polls() });
  const observer = tellingDrift(monitoring.observer, log);
  const connections = openInstitutions({ config, log, closers });
  const institutions = institutionsOf(config);
  const upstream = createUpstreamByInstitution(bankSettings(config, observer));
  closers.add('connections to the bank', () => upstream.close());
  const settings = temporalSettings(config);
  const converter = await dataConverter(config);
  const temporal = createTemporalClient(settings, converter);
  closers.add("the reconciler's connection to Temporal", () => temporal.close());
  const { graceMs } = stopTimes(config);
  const graceIsOver = new AbortController();
  const worker = await startWorker({
    settings,
    activities: createActivities({
      upstream,
      audit: createAuditLogByInstitution({ connections, observer }),
      executions: createExecutions({ client: temporal.client }),
      observer,
      reconciler: reconcilerSettings(config),
      webhooks: openWebhooks({ config, closers }),
      handOver: graceIsOver.signal,
      paceOf: pacesOf(institutions, connections),
    }),
    institutions,
    version: workerVersion(config),
    dataConverter: converter,
    shutdownGraceMs: graceMs,
    workflowBundle: await loadWorkflowBundle(tracing === null ? 'plain' : 'traced'),
    tracing: tracing?.temporal,
  });
  polls = worker.polls;
  closers.add('worker', async () => {
    const timer = setTimeout(() => graceIsOver.abort(), graceMs);
    await worker.stop();
    clearTimeout(timer);
  });
  return { ...worker, observer };
}

/** Turns at the bank of each institution that has a rate. */
function pacesOf(institutions: readonly Institution[], connections: InstitutionConnections): (institutionId: string) => Pace | undefined {
  const paces = institutions.flatMap(({ institutionId, maxPerSecond }): [string, Pace][] =>
    maxPerSecond === null ? [] : [[institutionId, createPace({ prisma: connections.of(institutionId), maxPerSecond })]],
  );
  const byInstitution = new Map(paces);
  return (institutionId) => byInstitution.get(institutionId);
}

/** Temporal's own log through ours, and its own metrics on a port of theirs; signals are for the composition root, which stops everything in order. */
export function installRuntime({ config, log }: Pick<WorkerParts, 'config' | 'log'>): void {
  const { HOST, TEMPORAL_SDK_METRICS_PORT: port } = config;
  const levels = { TRACE: 'trace', DEBUG: 'debug', INFO: 'debug', WARN: 'warn', ERROR: 'error' } as const;
  const options: RuntimeOptions = {
    shutdownSignals: [],
    logger: new DefaultLogger('WARN', ({ level, message, meta }) =>
      log[isExpected(message) ? 'debug' : levels[level]](metaInShort(meta), message),
    ),
    telemetryOptions: {
      logging: { filter: makeTelemetryFilterString({ core: 'WARN', other: 'ERROR' }), forward: {} },
      // Names and units as Prometheus would have them.
      ...(port !== undefined && {
        metrics: {
          prometheus: { bindAddress: authorityOf(HOST, port), countersTotalSuffix: true, unitSuffix: true, useSecondsForDurations: true },
        },
      }),
    },
  };
  try {
    Runtime.install(options);
  } catch (error) {
    if (port === undefined) throw error;
    throw new Error(`port ${port} on ${HOST} cannot be had: set TEMPORAL_SDK_METRICS_PORT to another`, { cause: error });
  }
}

/** The queue for paced PUTs has activities alone, and is meant to. */
function isExpected(message: string): boolean {
  return message.startsWith('No workflows registered');
}

/** Where and what, and whose, without the texts of errors: a failure's text may quote what was sent. */
function metaInShort(meta: LogMetadata | undefined): object {
  const fields = Object.entries(meta ?? {}).map(([name, value]: [string, unknown]) => [name === 'error' ? 'err' : name, value] as const);
  const correlationId = parseCorrelationId(/^(?:unlock|relock-watch)-(.*)$/.exec(String(meta?.workflowId))?.[1] ?? '');
  return { ...Object.fromEntries(fields), ...(correlationId === null ? {} : { correlationId }) };
}
