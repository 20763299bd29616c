import { randomUUID } from 'node:crypto';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import pg from 'pg';
import { createActivities, type ActivityParts, type ReconcilerSettings } from '../../activities/index.js';
import { connectInstitutions, createAuditLogByInstitution, createAuditReviewByInstitution } from '../../src/audit/by-institution.js';
import type { AuditLog } from '../../src/audit/audit-log.js';
import { connectAudit } from '../../src/audit/connection.js';
import { createDeskSessions, createPace } from '../../src/audit/index.js';
import { createApp } from '../../src/http/app.js';
import { createAuthenticator } from '../../src/http/auth.js';
import { createDenials, type Denials } from '../../src/http/denials.js';
import { createHttpServer } from '../../src/http/server.js';
import type { HttpSettings } from '../../src/http/settings.js';
import type { Waits } from '../../src/http/waits.js';
import { silentObserver, type Observer } from '../../src/domain/observer.js';
import { createSandbox, type Sandbox } from '../../src/sandbox/index.js';
import { createTemporalClient } from '../../src/temporal/client.js';
import { createDataConverter } from '../../src/temporal/data-converter.js';
import { createExecutions } from '../../src/temporal/reconciler-executions.js';
import { createUnlockClient } from '../../src/temporal/unlock-client.js';
import { sendQueueBeside, taskQueue } from '../../src/temporal/settings.js';
import { setUpTemporal } from '../../src/temporal/setup.js';
import { startWorker, type LatchkeyWorker } from '../../src/temporal/worker.js';
import type { WorkerVersion } from '../../src/temporal/worker-version.js';
import { createUpstreamByInstitution } from '../../src/upstream/by-institution.js';
import type { UpstreamSettings } from '../../src/upstream/index.js';
import { createDesk } from '../../src/web/index.js';
import { createWebhooks, type WebhookSettings } from '../../src/webhooks/index.js';
import { createTestDatabase, type TestDatabase } from './database.js';
import { testTemporal, uniqueTaskQueue } from './temporal.js';
import { anywhere, issuerFetch } from './anywhere.js';

export const UPSTREAM_TIMEOUT_MS = 1_000;
/** A key for tests only. */
export const PAYLOAD_KEYS = `test:${Buffer.alloc(32, 7).toString('base64')}`;

const settings: HttpSettings = {
  unlockWaitMs: 30_000,
  notLockedPolicy: 'reject',
  reasonRequired: false,
  customerIdPattern: /^[A-Za-z0-9_-]{1,64}$/,
  budget: {
    maxAttempts: 6,
    initialIntervalMs: 50,
    maxIntervalMs: 400,
    retryAfterMaxMs: 2_000,
    activityTimeoutMs: 8_000,
    deadlineMs: 60_000,
  },
  sendQueue: null,
  temporalUiUrl: null,
  auditVerifiers: [],
  relockWatchMs: null,
  repeatGuard: null,
  namespace: 'default',
};

interface Wishes {
  /** A database that outlives it; without one it has its own. */
  readonly database?: TestDatabase;
  readonly settings?: Partial<HttpSettings>;
  readonly budget?: Partial<HttpSettings['budget']>;
  /** The way to Postgres for the API and the worker, if not the direct one. */
  readonly apiDatabaseUrl?: (direct: string) => Promise<string>;
  readonly workerDatabaseUrl?: (direct: string) => Promise<string>;
  readonly taskQueue?: string;
  /** For parts that run as processes beside it: the product's own task queue, in a namespace where nobody else's parts take its tasks. */
  readonly forProcesses?: boolean;
  readonly temporalAddress?: string;
  readonly withWorker?: boolean;
  readonly statusPath?: string;
  readonly statusFlagsField?: string;
  readonly upstreamTimeoutMs?: number;
  /** The same house with other bricks in its worker. */
  readonly bricks?: (real: ActivityParts) => Partial<ActivityParts>;
  readonly reconciler?: Partial<ReconcilerSettings>;
  /** Hears what the worker's parts tell of themselves. */
  readonly observer?: Observer;
  /** PUTs in any second, over all workers. */
  readonly maxPerSecond?: number;
  readonly waits?: Waits;
  /** How refused requests go on record; without it they do not. */
  readonly denials?: (audit: AuditLog) => Denials;
  readonly streams?: Waits;
  /** With the pages for people; times in milliseconds. */
  readonly desk?: { readonly idleMs?: number; readonly maxMs?: number; readonly tokenSeconds?: number };
  /** A secret that the bank still takes besides its own. */
  readonly previousClientSecret?: string;
  /** The API's, and each worker's that is told of no others. */
  readonly payloadKeys?: string;
  /** Institutions that are served besides the usual one, each with a sandbox bank of its own. */
  readonly others?: readonly string[];
  /** Callers who are told that their requests have ended; the usual token's is `CALLER_CLIENT_ID`. */
  readonly webhooks?: readonly WebhookSettings[];
}

interface WorkerWish {
  /** The rate that it keeps to; null: none. */
  readonly maxPerSecond?: number | null;
  readonly version?: WorkerVersion | null;
  /** The institutions that it is told of; by default all. */
  readonly serves?: readonly string[];
  /** What it shows the bank, if not the bank's newest secret. */
  readonly clientSecret?: string;
  readonly payloadKeys?: string;
}

interface CallWish {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly token?: string;
}

/** Nothing of it opens another institution's bank. */
const bankOf = (institutionId: string) => ({
  institutionId,
  clientId: `client-of-${institutionId}`,
  clientSecret: `secret-of-${institutionId}`,
});

let runtimeInstalled = false;

/** The whole house on real parts, in this process: a database and a task queue of its own, and a sandbox bank. */
export async function openLatchkey(wishes: Wishes = {}) {
  if (!runtimeInstalled) {
    Runtime.install({
      shutdownSignals: [],
      logger: new DefaultLogger('ERROR'),
      telemetryOptions: { logging: { filter: 'ERROR', console: {} } },
    });
    runtimeInstalled = true;
  }
  const { address, workflowBundle } = testTemporal();
  const namespace = wishes.forProcesses === true ? `test-${randomUUID()}` : testTemporal().namespace;
  const database = wishes.database ?? (await createTestDatabase());
  const sandbox = await createSandbox({
    ...(wishes.previousClientSecret !== undefined && { previousClientSecret: wishes.previousClientSecret }),
    ...(wishes.desk?.tokenSeconds !== undefined && { deskTokenSeconds: wishes.desk.tokenSeconds }),
  });
  const otherSandboxes = await Promise.all((wishes.others ?? []).map((institutionId) => createSandbox(bankOf(institutionId))));
  const sandboxes = [sandbox, ...otherSandboxes];
  const institutionIds = sandboxes.map(({ institutionId }) => institutionId);
  const { observer = silentObserver } = wishes;
  const queue = wishes.forProcesses === true ? taskQueue : (wishes.taskQueue ?? uniqueTaskQueue());
  const temporalSettings = { address: wishes.temporalAddress ?? address, namespace, tls: undefined, apiKey: undefined };
  const direct = async (url: string): Promise<string> => url;
  const apiDatabaseUrl = await (wishes.apiDatabaseUrl ?? direct)(database.url);
  const workerDatabaseUrl = await (wishes.workerDatabaseUrl ?? direct)(database.url);
  const apiAudit = connectInstitutions({ databaseUrl: apiDatabaseUrl, role: 'latchkey_app', institutionIds });
  const workerAudit = connectInstitutions({ databaseUrl: workerDatabaseUrl, role: 'latchkey_app', institutionIds });
  const reviewAudit = connectInstitutions({ databaseUrl: apiDatabaseUrl, role: 'latchkey_auditor', institutionIds });
  const auditLog = createAuditLogByInstitution({ connections: apiAudit });
  const review = createAuditReviewByInstitution({ connections: reviewAudit });
  const settingsOf = (bank: Sandbox): UpstreamSettings => ({
    baseUrl: bank.bankBaseUrl,
    unlockPath: '/v1/customers/{customerId}:unlock-user',
    statusPath: wishes.statusPath ?? '/v1/customers/{customerId}?userIdType=CUSTOMER_ID',
    statusFlagsField: wishes.statusFlagsField ?? 'userStatus',
    classificationOverrides: [],
    tokenUrl: bank.bankTokenUrl,
    clientId: bank.clientId,
    clientSecret: bank.clientSecret,
    institutionId: bank.institutionId,
    customerIdPattern: wishes.settings?.customerIdPattern ?? settings.customerIdPattern,
    timeoutMs: wishes.upstreamTimeoutMs ?? UPSTREAM_TIMEOUT_MS,
    outbound: anywhere,
  });
  const upstreamSettings = settingsOf(sandbox);
  const upstream = createUpstreamByInstitution(sandboxes.map((bank) => ({ ...settingsOf(bank), observer })));
  const dataConverter = createDataConverter(wishes.payloadKeys ?? PAYLOAD_KEYS);
  const bricks = wishes.bricks ?? (() => ({}));
  const workers: LatchkeyWorker[] = [];
  const temporal = createTemporalClient(temporalSettings, dataConverter);
  if (wishes.forProcesses === true) await setUpTemporal(temporal, { reconcileIntervalMs: 86_400_000, say: () => undefined });
  const webhooks = createWebhooks({ webhooks: wishes.webhooks ?? [], policy: anywhere, timeoutMs: 2_000 });
  const parts: ActivityParts = {
    upstream,
    webhooks,
    audit: createAuditLogByInstitution({ connections: workerAudit, observer }),
    executions: createExecutions({ client: temporal.client, taskQueue: queue }),
    observer,
    reconciler: { afterMs: 60_000, openAfterMs: 120_000, unavailableAfterMs: 3_600_000, ...wishes.reconciler },
  };
  async function addWorker({
    maxPerSecond = wishes.maxPerSecond ?? null,
    version = null,
    serves,
    clientSecret,
    payloadKeys,
  }: WorkerWish = {}): Promise<LatchkeyWorker> {
    // The usual institution's alone.
    const paced = maxPerSecond === null ? null : createPace({ prisma: workerAudit.of(sandbox.institutionId), maxPerSecond });
    const pace = paced && { paceOf: (institutionId: string) => (institutionId === sandbox.institutionId ? paced : undefined) };
    const told = sandboxes.filter(({ institutionId }) => serves?.includes(institutionId) ?? true);
    const secret = clientSecret === undefined ? {} : { clientSecret };
    const ownBanks = told.map((bank) => ({ ...settingsOf(bank), ...secret, observer }));
    const ownUpstream = (serves ?? clientSecret) && { upstream: createUpstreamByInstitution(ownBanks) };
    const worker = await startWorker({
      settings: temporalSettings,
      activities: createActivities({ ...parts, ...pace, ...ownUpstream, ...bricks({ ...parts, ...pace }) }),
      institutions: institutionIds.map((institutionId, index) => ({ institutionId, maxPerSecond: index === 0 ? maxPerSecond : null })),
      version,
      dataConverter: payloadKeys === undefined ? dataConverter : createDataConverter(payloadKeys),
      shutdownGraceMs: 10_000,
      workflowBundle,
      taskQueue: queue,
    });
    workers.push(worker);
    return worker;
  }
  if (wishes.withWorker !== false) await addWorker();

  const executions = createUnlockClient({
    client: temporal.client,
    customerRefKey: 'a key for tests only',
    readTimeoutMs: 10_000,
    taskQueue: queue,
    pagesUrl: () => (wishes.desk === undefined ? null : url),
  });
  const shutdown = new AbortController();
  const logLines: object[] = [];
  const note = (fields: object, message: string): void => void logLines.push({ ...fields, message });
  const sendQueue = wishes.maxPerSecond === undefined ? null : sendQueueBeside(queue, sandbox.institutionId);
  const webhookCallers = wishes.webhooks ?? [];
  const httpSettings = {
    ...settings,
    namespace,
    sendQueue,
    webhookCallers,
    ...wishes.settings,
    budget: { ...settings.budget, ...wishes.budget },
  };
  const deskDatabase = connectAudit({ databaseUrl: apiDatabaseUrl, role: 'latchkey_app', poolSize: 2 });
  const pages =
    wishes.desk &&
    createDesk({
      issuer: sandbox.issuerUrl,
      clientId: sandbox.deskClientId,
      clientSecret: null,
      scopes: 'openid profile institution-users:read institution-users:write unlocks:operate unlocks:approve audit:read',
      publicUrl: () => url,
      secure: false,
      store: createDeskSessions({ prisma: deskDatabase.prisma, idleMs: wishes.desk.idleMs ?? 900_000 }),
      sessionMaxMs: wishes.desk.maxMs ?? 36_000_000,
      fetch: issuerFetch(sandbox.issuerUrl),
      tryOut: [{ customerId: 'locked-3', says: 'locked' }],
    });
  const usualDenials = wishes.desk && createDenials({ audit: auditLog, observer, log: { info: note, warn: note, error: note } });
  const denials = wishes.denials?.(auditLog) ?? usualDenials;
  let url = '';
  const app = createApp({
    pages,
    ...(denials && { denials }),
    audit: auditLog,
    review,
    executions,
    auth: createAuthenticator({
      issuer: sandbox.issuerUrl,
      audience: sandbox.audience,
      jwksUrl: null,
      tokenTyp: 'at+jwt',
      allowedInstitutions: institutionIds,
      fetch: issuerFetch(sandbox.issuerUrl),
    }),
    settings: httpSettings,
    readiness: [
      { part: 'postgres', check: () => auditLog.ping() },
      { part: 'temporal', check: () => executions.ping() },
    ],
    log: { info: note, warn: note, error: note },
    ...(wishes.waits !== undefined && { waits: wishes.waits }),
    ...(wishes.streams !== undefined && { streams: wishes.streams }),
    shutdownSignal: shutdown.signal,
  });
  const server = createHttpServer(app);
  url = `http://127.0.0.1:${await server.listen({ host: '127.0.0.1', port: 0 })}`;
  const pool = new pg.Pool({ connectionString: database.url, max: 4 });
  pool.on('error', () => undefined);
  const usualToken = await sandbox.mintToken();

  async function call(path: string, { method = 'GET', headers = {}, body, token = usualToken }: CallWish = {}) {
    const response = await fetch(url + path, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === '' ? null : (JSON.parse(text) as unknown) };
  }

  async function sql<Row extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    return (await pool.query<Row>(text, [...values])).rows;
  }

  return {
    url,
    sandbox,
    otherSandboxes,
    database,
    client: temporal.client,
    executions,
    audit: auditLog,
    review,
    upstream,
    upstreamSettings,
    namespace,
    taskQueue: queue,
    logLines,
    addWorker,
    call,
    sql,
    /** Asks through the drop-in endpoint, which waits for the outcome. */
    unlock(customerId: string, correlationId: string = randomUUID()) {
      return call(`/v1/customers/${customerId}:unlock-user`, { method: 'PUT', headers: { correlationId } });
    },
    /** What stands in the audit table of one request, in the order in which it was written. */
    story(correlationId: string): Promise<StoryRow[]> {
      return sql<StoryRow>(
        `select replace(action, 'customer.unlock.', '') as action, attempt, result, outcome, verification, http_status, upstream_code, lock_status, metadata
           from audit_event where correlation_id = $1 order by position`,
        [correlationId],
      );
    },
    /** The unlock PUTs of one request that the bank heard of, and whether each took a lock away. */
    puts(correlationId: string) {
      return sandbox.calls().filter((each) => each.endpoint === 'unlock' && each.correlationId === correlationId);
    },
    /** As at a stop: waiting answers come at once. */
    shutDown: () => shutdown.abort(),
    async close() {
      shutdown.abort();
      await server.close(5_000);
      await denials?.close();
      await Promise.all(workers.map((worker) => worker.stop()));
      await temporal.close();
      await upstream.close();
      await webhooks.close();
      await Promise.all([apiAudit.close(), reviewAudit.close(), workerAudit.close(), deskDatabase.close()]);
      await pool.end();
      await Promise.all(sandboxes.map((each) => each.close()));
      if (wishes.database === undefined) await database.drop();
    },
  };
}

export type Latchkey = Awaited<ReturnType<typeof openLatchkey>>;

export interface StoryRow {
  readonly action: string;
  readonly attempt: number | null;
  readonly result: string | null;
  readonly outcome: string | null;
  readonly verification: string | null;
  readonly http_status: number | null;
  readonly upstream_code: string | null;
  readonly lock_status: string | null;
  readonly metadata: Record<string, unknown>;
}

/** A story in short: actions with what each says, for comparisons that read well. */
export function inShort(rows: readonly StoryRow[]): string[] {
  return rows.map(({ action, attempt, result, outcome, verification, http_status, lock_status }) =>
    [action, attempt, result, outcome, verification, action === 'attempt_finished' ? http_status : null, lock_status]
      .filter((part) => part !== null)
      .join(' '),
  );
}
