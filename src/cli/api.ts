import type { Logger } from 'pino';
import type { Config } from '../config.js';
import type { Observer } from '../domain/observer.js';
import { createApp } from '../http/app.js';
import { createHttpServer, serverTimes, type HttpServer } from '../http/server.js';
import type { HttpSettings, ReadinessCheck, RuleSettings } from '../http/settings.js';
import { institutionsOf, repeatGuardOf } from '../institutions.js';
import { createTemporalClient } from '../temporal/client.js';
import { sendQueueBeside, taskQueue } from '../temporal/settings.js';
import { createUnlockClient } from '../temporal/unlock-client.js';
import type { LatchkeyWorker } from '../temporal/worker.js';
import type { Tracing } from '../tracing/index.js';
import type { DeskParts } from '../web/index.js';
import { authorityOf } from './authority.js';
import type { Closers } from './closers.js';
import { openDesk } from './desk.js';
import { openGate } from './gate.js';
import {
  activityTimeoutMs,
  authenticator,
  customerRefKey,
  dataConverter,
  openAuditLog,
  openAuditReview,
  temporalSettings,
} from './parts.js';
import { trustedVerifierKeys } from './sealer.js';
import { stopTimes } from './stopping.js';

interface ApiParts {
  readonly config: Config;
  readonly log: Logger;
  readonly closers: Closers;
  readonly observer: Observer;
  readonly tracing: Tracing | null;
  /** The worker of the same process; absent where the worker is a process of its own. */
  readonly worker?: Pick<LatchkeyWorker, 'client' | 'polls'>;
  /** Customers of the sandbox bank, where that is the bank. */
  readonly tryOut?: DeskParts['tryOut'];
}

const DEFAULT_PORT = 3000;
const QUEUEING_MS = 5_000;
const SILENCE_MARGIN_MS = 30_000;

/**
 * Starts the front door. Postgres, Temporal and the issuer may be away: it answers 503 until they are there.
 * @returns the URL under which it listens
 */
export async function startApi({ config, log, closers, observer, tracing, worker, tryOut = [] }: ApiParts): Promise<string> {
  const audit = openAuditLog({ config, log, closers, observer });
  const review = openAuditReview({ config, log, closers });
  const temporal = createTemporalClient(temporalSettings(config), await dataConverter(config), tracing?.temporal);
  closers.add('Temporal client', temporal.close);
  let ownUrl = '';
  const publicUrl = (): string => config.PUBLIC_URL ?? ownUrl;
  const pages = openDesk({ config, log, closers, publicUrl, tryOut });
  const executions = createUnlockClient({
    client: temporal.client,
    eagerClient: worker?.client ?? undefined,
    customerRefKey: await customerRefKey(config),
    readTimeoutMs: 2 * config.UPSTREAM_TIMEOUT_MS + QUEUEING_MS,
    pagesUrl: () => (pages === null ? null : publicUrl()),
  });
  const draining = new AbortController();
  const shutdown = new AbortController();
  const app = createApp({
    audit,
    review,
    executions,
    auth: authenticator(config),
    settings: httpSettings(config, await trustedVerifierKeys(config)),
    readiness: readinessChecks(audit, executions, worker?.polls),
    log,
    observer,
    pages: pages ?? undefined,
    ...openGate({ config, audit, log, closers, observer }),
    drainSignal: draining.signal,
    shutdownSignal: shutdown.signal,
  });
  const silenceMs = Math.max(serverTimes.silenceMs, config.UNLOCK_WAIT_MS + SILENCE_MARGIN_MS);
  const server = createHttpServer(app, { ...serverTimes, silenceMs });
  const port = await listen(server, config);
  ownUrl = `http://${authorityOf(config.HOST, port)}`;
  closers.add('front door', async () => {
    const { delayMs, drainMs } = stopTimes(config);
    draining.abort();
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    shutdown.abort();
    await server.close(drainMs);
  });
  return ownUrl;
}

function httpSettings(config: Config, auditVerifiers: readonly string[]): HttpSettings {
  return {
    unlockWaitMs: config.UNLOCK_WAIT_MS,
    customerIdPattern: config.CUSTOMER_ID_PATTERN,
    budget: {
      maxAttempts: config.UNLOCK_MAX_ATTEMPTS,
      initialIntervalMs: config.UNLOCK_INITIAL_INTERVAL_MS,
      maxIntervalMs: config.UNLOCK_MAX_INTERVAL_MS,
      retryAfterMaxMs: config.RETRY_AFTER_MAX_MS,
      activityTimeoutMs: activityTimeoutMs(config),
      deadlineMs: config.UNLOCK_DEADLINE_MS,
    },
    ...rulesByInstitution(config),
    webhookCallers: config.webhooks.map(({ institutionId, clientId }) => ({ institutionId, clientId })),
    temporalUiUrl: config.TEMPORAL_UI_URL ?? null,
    auditVerifiers,
    namespace: config.TEMPORAL_NAMESPACE,
  };
}

function rulesByInstitution(config: Config): RuleSettings {
  const rules = institutionsOf(config).map(({ institutionId, maxPerSecond, ...institution }) => {
    const { notLockedPolicy, reasonRequired, relockWatchMs, repeatGuard } = institution;
    const sendQueue = maxPerSecond === null ? null : sendQueueBeside(taskQueue, institutionId);
    return [institutionId, { notLockedPolicy, reasonRequired, sendQueue, relockWatchMs, repeatGuard }] as const;
  });
  const { NOT_LOCKED_POLICY: notLockedPolicy, REASON_REQUIRED: reasonRequired, RELOCK_WATCH_MS: relockWatchMs = null } = config;
  const repeatGuard = repeatGuardOf(config);
  return { notLockedPolicy, reasonRequired, sendQueue: null, relockWatchMs, repeatGuard, institutions: new Map(rules) };
}

interface Pingable {
  ping(): Promise<void>;
}

function readinessChecks(audit: Pingable, executions: Pingable, workerPolls: (() => boolean) | undefined): ReadinessCheck[] {
  const checks = [
    { part: 'postgres', check: () => audit.ping() },
    { part: 'temporal', check: () => executions.ping() },
  ];
  if (workerPolls === undefined) return checks;
  const worker = async () => {
    if (!workerPolls()) throw new Error('the worker does not poll');
  };
  return [...checks, { part: 'worker', check: worker }];
}

/** A port that was set is used or the start fails; outside production one that was not set steps over a taken one. */
async function listen(server: HttpServer, { PORT, HOST, production }: Config): Promise<number> {
  for (let port = PORT ?? DEFAULT_PORT; ; port += 1) {
    try {
      return await server.listen({ host: HOST, port });
    } catch (error) {
      const taken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
      if (taken && PORT === undefined && !production && port < 65_535) continue;
      throw taken ? new Error(`port ${port} on ${HOST} is taken: set PORT to another or stop what listens there`, { cause: error }) : error;
    }
  }
}
