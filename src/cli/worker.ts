import { DefaultLogger, makeTelemetryFilterString, Runtime, type LogMetadata } from '@temporalio/worker';
import type { Logger } from 'pino';
import { createActivities } from '../../activities/index.js';
import type { Config } from '../config.js';
import { loadWorkflowBundle, startWorker, type LatchkeyWorker } from '../temporal/worker.js';
import { createUpstream } from '../upstream/index.js';
import type { Closers } from './closers.js';
import { activityTimeoutMs, dataConverter, openAuditLog, temporalSettings } from './parts.js';
import { startWorkerHealth } from './worker-health.js';

interface WorkerParts {
  readonly config: Config;
  readonly log: Logger;
  readonly closers: Closers;
}

/**
 * Starts the worker, and its health on `METRICS_PORT`; it polls when this resolves.
 * @throws where Temporal cannot be reached, the workflows cannot be loaded, or the port is taken
 */
export async function startWorkerPart({ config, log, closers }: WorkerParts): Promise<LatchkeyWorker> {
  installRuntime(log);
  const { UPSTREAM_BASE_URL, UPSTREAM_TOKEN_URL, UPSTREAM_CLIENT_ID, UPSTREAM_CLIENT_SECRET, UPSTREAM_INSTITUTION_ID } = config;
  if (
    UPSTREAM_BASE_URL === undefined ||
    UPSTREAM_TOKEN_URL === undefined ||
    UPSTREAM_CLIENT_ID === undefined ||
    UPSTREAM_CLIENT_SECRET === undefined ||
    UPSTREAM_INSTITUTION_ID === undefined
  ) {
    throw new TypeError('the bank is not set');
  }
  let polls = () => false;
  const healthUrl = await startWorkerHealth({ config, closers, polls: () => polls() });
  if (healthUrl !== null) log.info({ url: healthUrl }, "the worker's health is served");
  const audit = openAuditLog(config, log, closers);
  const upstream = createUpstream({
    baseUrl: UPSTREAM_BASE_URL,
    unlockPath: config.UPSTREAM_UNLOCK_PATH,
    statusPath: config.UPSTREAM_STATUS_PATH,
    statusFlagsField: config.UPSTREAM_STATUS_FLAGS,
    classificationOverrides: config.classificationOverrides,
    tokenUrl: UPSTREAM_TOKEN_URL,
    clientId: UPSTREAM_CLIENT_ID,
    clientSecret: UPSTREAM_CLIENT_SECRET,
    institutionId: UPSTREAM_INSTITUTION_ID,
    customerIdPattern: config.CUSTOMER_ID_PATTERN,
    timeoutMs: config.UPSTREAM_TIMEOUT_MS,
    ca: config.upstreamCa,
  });
  closers.add('connections to the bank', () => upstream.close());
  const worker = await startWorker({
    settings: temporalSettings(config),
    activities: createActivities({ upstream, audit }),
    dataConverter: await dataConverter(config),
    shutdownGraceMs: activityTimeoutMs(config),
    workflowBundle: await loadWorkflowBundle(),
  });
  polls = worker.polls;
  closers.add('worker', () => worker.stop());
  return worker;
}

/** Temporal's own log through ours; signals are for the composition root, which stops everything in order. */
function installRuntime(log: Logger): void {
  const levels = { TRACE: 'trace', DEBUG: 'debug', INFO: 'debug', WARN: 'warn', ERROR: 'error' } as const;
  Runtime.install({
    shutdownSignals: [],
    logger: new DefaultLogger('WARN', ({ level, message, meta }) => log[levels[level]](metaInShort(meta), message)),
    telemetryOptions: { logging: { filter: makeTelemetryFilterString({ core: 'WARN', other: 'ERROR' }), forward: {} } },
  });
}

/** Where and what, without the texts of errors: a failure's text may quote what was sent. */
function metaInShort(meta: LogMetadata | undefined): object {
  const fields = Object.entries(meta ?? {}).map(([name, value]: [string, unknown]) => [name === 'error' ? 'err' : name, value] as const);
  return Object.fromEntries(fields);
}
