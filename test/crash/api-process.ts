import { connectAudit } from '../../src/audit/connection.js';
import { createAuditLog } from '../../src/audit/index.js';
import { createApp } from '../../src/http/app.js';
import { createAuthenticator } from '../../src/http/auth.js';
import { createHttpServer } from '../../src/http/server.js';
import { createTemporalClient } from '../../src/temporal/client.js';
import { createDataConverter } from '../../src/temporal/data-converter.js';
import { createUnlockClient } from '../../src/temporal/unlock-client.js';
import { createHooks, hookedAnswers, hookedDoor } from './hooks.js';
import { readPartSettings, type Order, type Report } from './messages.js';
import { budget, POOL_SIZE, STATEMENT_TIMEOUT_MS } from './part-limits.js';
import { issuerFetch } from '../support/anywhere.js';
import { closedRooms } from '../support/front-door.js';

/** The front door as a process that a test may hold at a place and kill. */
const settings = readPartSettings();
const tell = (report: Report): void => void process.send?.(report);
const hooks = createHooks(tell);

const { prisma } = connectAudit({
  databaseUrl: settings.databaseUrl,
  role: 'latchkey_app',
  institutionId: settings.institutionId,
  poolSize: POOL_SIZE,
  statementTimeoutMs: STATEMENT_TIMEOUT_MS,
});
const temporal = createTemporalClient(
  { address: settings.temporalAddress, namespace: 'default', tls: undefined, apiKey: undefined },
  createDataConverter(settings.payloadKeys),
);
const executions = createUnlockClient({
  client: temporal.client,
  customerRefKey: 'a key for tests only',
  readTimeoutMs: 10_000,
  taskQueue: settings.taskQueue,
});
const nothing = (): void => undefined;
const app = createApp({
  review: closedRooms().review,
  ...hookedDoor(hooks, createAuditLog({ prisma }), executions),
  auth: createAuthenticator({
    issuer: settings.issuerUrl,
    audience: settings.audience,
    jwksUrl: null,
    tokenTyp: 'at+jwt',
    allowedInstitutions: [settings.institutionId],
    fetch: issuerFetch(settings.issuerUrl),
  }),
  settings: {
    unlockWaitMs: 20_000,
    notLockedPolicy: 'reject',
    reasonRequired: false,
    customerIdPattern: /^[A-Za-z0-9_-]{1,64}$/,
    budget,
    sendQueue: null,
    temporalUiUrl: null,
    auditVerifiers: [],
    relockWatchMs: null,
    repeatGuard: null,
    namespace: 'default',
  },
  readiness: [],
  log: { info: nothing, warn: nothing, error: nothing },
});
await createHttpServer(hookedAnswers(hooks, app)).listen({ host: '127.0.0.1', port: settings.apiPort });

process.on('message', (order: Order) => {
  if (order.kind === 'stop') process.exit(0);
  hooks.obey(order);
});
process.on('disconnect', () => process.exit(0));
tell({ kind: 'ready' });
