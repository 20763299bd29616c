import { DefaultLogger, Runtime } from '@temporalio/worker';
import { z } from 'zod';
import { createActivities } from '../../activities/index.js';
import { connectAudit } from '../../src/audit/connection.js';
import { createAuditLog } from '../../src/audit/index.js';
import { silentObserver } from '../../src/domain/observer.js';
import { createTemporalClient } from '../../src/temporal/client.js';
import { createDataConverter } from '../../src/temporal/data-converter.js';
import { createExecutions } from '../../src/temporal/reconciler-executions.js';
import { startWorker } from '../../src/temporal/worker.js';
import { createUpstream } from '../../src/upstream/index.js';
import { anywhere } from '../support/anywhere.js';

/** A worker in a process of its own, which a run may kill or stop: told by one line of JSON where everything is, it prints when it polls. */
const settings = z
  .object({
    databaseUrl: z.string(),
    temporalAddress: z.string(),
    namespace: z.string(),
    taskQueue: z.string(),
    workflowBundle: z.object({ codePath: z.string() }),
    payloadKeys: z.string(),
    customerIdPattern: z.string(),
    upstream: z.looseObject({
      baseUrl: z.string(),
      unlockPath: z.string(),
      statusPath: z.string(),
      statusFlagsField: z.string(),
      tokenUrl: z.string(),
      clientId: z.string(),
      clientSecret: z.string(),
      institutionId: z.string(),
      timeoutMs: z.number(),
    }),
  })
  .parse(JSON.parse(process.argv[2] ?? ''));

const logger = new DefaultLogger('ERROR');
Runtime.install({ shutdownSignals: [], logger, telemetryOptions: { logging: { filter: 'ERROR', console: {} } } });
const audit = connectAudit({ databaseUrl: settings.databaseUrl, role: 'latchkey_app', institutionId: settings.upstream.institutionId });
const upstream = createUpstream({
  ...settings.upstream,
  classificationOverrides: [],
  customerIdPattern: new RegExp(settings.customerIdPattern),
  outbound: anywhere,
});
const temporalSettings = { address: settings.temporalAddress, namespace: settings.namespace, tls: undefined, apiKey: undefined };
const dataConverter = createDataConverter(settings.payloadKeys);
const temporal = createTemporalClient(temporalSettings, dataConverter);
const worker = await startWorker({
  settings: temporalSettings,
  activities: createActivities({
    upstream,
    audit: createAuditLog(audit),
    executions: createExecutions({ client: temporal.client, taskQueue: settings.taskQueue }),
    observer: silentObserver,
    reconciler: { afterMs: 60_000, openAfterMs: 120_000, unavailableAfterMs: 3_600_000 },
  }),
  institutions: [{ institutionId: settings.upstream.institutionId, maxPerSecond: null }],
  dataConverter,
  shutdownGraceMs: 10_000,
  workflowBundle: settings.workflowBundle,
  taskQueue: settings.taskQueue,
});
process.once('SIGTERM', () => {
  void worker
    .stop()
    .then(() => upstream.close())
    .then(() => temporal.close())
    .then(() => audit.close())
    .then(() => process.exit(0));
});
// Whoever started it may itself be killed.
const parent = process.ppid;
setInterval(() => {
  if (process.ppid !== parent) process.exit(1);
}, 1_000).unref();
process.stdout.write('it polls\n');
