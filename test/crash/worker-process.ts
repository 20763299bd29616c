import { DefaultLogger, Runtime } from '@temporalio/worker';
import { createActivities, type ActivityParts } from '../../activities/index.js';
import { connectAudit } from '../../src/audit/connection.js';
import { createAuditLog } from '../../src/audit/index.js';
import { silentObserver } from '../../src/domain/observer.js';
import { createTemporalClient } from '../../src/temporal/client.js';
import { createDataConverter } from '../../src/temporal/data-converter.js';
import { createExecutions } from '../../src/temporal/reconciler-executions.js';
import { startWorker } from '../../src/temporal/worker.js';
import { createUpstream } from '../../src/upstream/index.js';
import { createHooks, hookedActivities } from './hooks.js';
import { readPartSettings, type Order, type Report } from './messages.js';
import { CALL_TIMEOUT_MS, POOL_SIZE, STATEMENT_TIMEOUT_MS } from './part-limits.js';
import { anywhere } from '../support/anywhere.js';

/** The worker as a process that a test may hold at a place, stop and kill. */
const settings = readPartSettings();
const tell = (report: Report): void => void process.send?.(report);
const hooks = createHooks(tell);

Runtime.install({
  shutdownSignals: [],
  logger: new DefaultLogger('ERROR'),
  telemetryOptions: { logging: { filter: 'OFF', console: {} } },
});
const { prisma } = connectAudit({
  databaseUrl: settings.databaseUrl,
  role: 'latchkey_app',
  institutionId: settings.institutionId,
  poolSize: POOL_SIZE,
  statementTimeoutMs: STATEMENT_TIMEOUT_MS,
});
const upstream = createUpstream({
  baseUrl: settings.bankBaseUrl,
  unlockPath: '/v1/customers/{customerId}:unlock-user',
  statusPath: '/v1/customers/{customerId}?userIdType=CUSTOMER_ID',
  statusFlagsField: 'userStatus',
  classificationOverrides: [],
  tokenUrl: settings.bankTokenUrl,
  clientId: settings.clientId,
  clientSecret: settings.clientSecret,
  institutionId: settings.institutionId,
  customerIdPattern: /^[A-Za-z0-9_-]{1,64}$/,
  timeoutMs: CALL_TIMEOUT_MS,
  outbound: anywhere,
});
const temporalSettings = { address: settings.temporalAddress, namespace: 'default', tls: undefined, apiKey: undefined };
const dataConverter = createDataConverter(settings.payloadKeys);
const { client } = createTemporalClient(temporalSettings, dataConverter);
const parts: ActivityParts = {
  upstream,
  audit: createAuditLog({ prisma }),
  executions: createExecutions({ client, taskQueue: settings.taskQueue }),
  observer: silentObserver,
  reconciler: { afterMs: 60_000, openAfterMs: 120_000, unavailableAfterMs: 3_600_000 },
};
const worker = await startWorker({
  settings: temporalSettings,
  activities: hookedActivities(hooks, parts, createActivities),
  institutions: [{ institutionId: settings.institutionId, maxPerSecond: null }],
  dataConverter,
  shutdownGraceMs: 5_000,
  workflowBundle: { codePath: settings.workflowBundle },
  taskQueue: settings.taskQueue,
});

process.on('message', (order: Order) => {
  if (order.kind !== 'stop') return hooks.obey(order);
  void worker.stop().then(() => process.exit(0));
});
process.on('disconnect', () => process.exit(0));
tell({ kind: 'ready' });
