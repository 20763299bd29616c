import type { Logger } from 'pino';
import { databaseFailure } from '../audit/failures.js';
import { migrate } from '../audit/migrate.js';
import type { Config } from '../config.js';
import { createTemporalClient } from '../temporal/client.js';
import { setUpTemporal } from '../temporal/setup.js';
import type { Tracing } from '../tracing/index.js';
import { startApi } from './api.js';
import { startCodec } from './codec.js';
import { embedWhatIsMissing, type EmbeddedParts, type Embedding } from './embedded.js';
import { temporalSettings } from './parts.js';
import { isTourDue, markTourDone, tour } from './tour.js';
import { startSealerPart } from './sealer.js';
import { startWorkerPart } from './worker.js';

interface UpParts extends Embedding {
  readonly log: Logger;
  readonly tracing: Tracing | null;
}

const AWAY_LIMIT_MS = 60_000;
const AGAIN_MS = 1_000;

/**
 * Everything in one process tree, with whatever is not configured embedded.
 * @returns a promise that rejects when the worker fails later on
 */
export async function up({ config: given, log, closers, say, signal, tracing }: UpParts): Promise<{ readonly ended: Promise<void> }> {
  const embedded = await embedWhatIsMissing({ config: given, closers, say, signal });
  const { config } = embedded;
  const databaseUrl = config.MIGRATE_DATABASE_URL ?? config.DATABASE_URL;
  if (databaseUrl === undefined) throw new TypeError('DATABASE_URL is not set');
  await Promise.all([
    unlessAwayForLong('Postgres', isDatabaseAway, { say, signal }, () => migrate({ databaseUrl, say })),
    unlessAwayForLong('Temporal', isTemporalAway, { say, signal }, () => prepareTemporal(config, say)),
  ]);
  signal.throwIfAborted();
  const worker = await startWorkerPart({ config, log, closers, tracing });
  const sealer = await startSealerPart({ config, log, closers, observer: worker.observer });
  const codecPort = embedded.codec?.port ?? config.CODEC_PORT;
  if (codecPort !== undefined && config.TEMPORAL_UI_URL !== undefined) {
    await embedded.codec?.release();
    await startCodec({ config, closers, port: codecPort, capability: embedded.codec?.capability ?? null });
  }
  const tryOut = hasOwnBank(embedded) ? demoCustomers : [];
  const apiUrl = await startApi({ config, log, closers, observer: worker.observer, tracing, worker, tryOut });
  await greet(embedded, { apiUrl, databaseUrl, ownDatabase: given.DATABASE_URL === undefined }, say);
  return { ended: Promise.race([worker.ended, sealer.ended]) };
}

async function prepareTemporal(config: Config, say: (line: string) => void): Promise<void> {
  const temporal = createTemporalClient(temporalSettings(config));
  try {
    await setUpTemporal(temporal, { reconcileIntervalMs: config.RECONCILE_INTERVAL_MS, say });
  } finally {
    await temporal.close();
  }
}

/** A part that starts beside us may need a moment; one that stays away ends the start. */
async function unlessAwayForLong<Result>(
  name: string,
  isAway: (error: unknown) => boolean,
  { say, signal }: Pick<UpParts, 'say' | 'signal'>,
  work: () => Promise<Result>,
): Promise<Result> {
  const untilMs = performance.now() + AWAY_LIMIT_MS;
  for (let said = false; ; said = true) {
    try {
      return await work();
    } catch (error) {
      if (signal.aborted || performance.now() > untilMs || !isAway(error)) throw error;
      if (!said) say(`${name} does not answer yet; waiting up to ${AWAY_LIMIT_MS / 1000} s for it`);
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }
}

/** What passes by itself; a wrong password does not. */
function isDatabaseAway(error: unknown): boolean {
  const failure = databaseFailure(error);
  return failure === 'unreachable' || failure === 'broken';
}

const DEADLINE_EXCEEDED = 4;
const UNAVAILABLE = 14;

function isTemporalAway(error: unknown): boolean {
  for (let each: unknown = error; each instanceof Error; each = each.cause) {
    const code = 'code' in each ? each.code : null;
    if (code === DEADLINE_EXCEEDED || code === UNAVAILABLE || /failed to connect/i.test(each.message)) return true;
  }
  return false;
}

/** Customers of the sandbox bank that show what there is to see. */
const demoCustomers = [
  { customerId: 'locked-3', says: 'locked: unlocked at once' },
  { customerId: 'two-503', says: 'the bank is unwell and answers 503 twice: watch it being tried again' },
  { customerId: 'on-hold-1', says: 'not locked but on hold: an unlock will not help' },
  { customerId: 'locked-on-hold-1', says: 'locked and on hold: an unlock alone will not do' },
  { customerId: 'forbidden-403', says: 'the bank refuses' },
];

function hasOwnBank({ config, sandbox }: Pick<EmbeddedParts, 'config' | 'sandbox'>): boolean {
  return sandbox !== null && config.UPSTREAM_BASE_URL === sandbox.bankBaseUrl;
}

interface Places {
  readonly apiUrl: string;
  readonly databaseUrl: string;
  /** Embedded: its login is no secret. */
  readonly ownDatabase: boolean;
}

async function greet(
  { config, sandbox }: EmbeddedParts,
  { apiUrl, databaseUrl, ownDatabase }: Places,
  say: (line: string) => void,
): Promise<void> {
  const ownBank = sandbox !== null && hasOwnBank({ config, sandbox });
  const ownIssuer = sandbox !== null && config.AUTH_ISSUER === sandbox.issuerUrl;
  const token = ownIssuer ? await sandbox.mintToken({ name: 'Sam Support' }) : null;
  let correlationIds: string[] = [];
  // A tour unlocks customers: never at a bank that is not ours.
  if (ownBank && token !== null && config.LATCHKEY_TOUR === 'auto' && isTourDue(config.DATA_DIR)) {
    correlationIds = await tour({ apiUrl, databaseUrl, token, say });
    await markTourDone(config.DATA_DIR);
  }
  say('');
  say('Latchkey is up.');
  if (config.OIDC_CLIENT_ID !== undefined) say(`  unlock a customer  ${config.PUBLIC_URL ?? apiUrl}`);
  say(`  API                ${apiUrl}/docs`);
  if (config.TEMPORAL_UI_URL !== undefined) {
    const workflows = `${config.TEMPORAL_UI_URL}/namespaces/${encodeURIComponent(config.TEMPORAL_NAMESPACE)}/workflows`;
    say(`  Temporal UI        ${workflows}${correlationIds[1] === undefined ? '' : `/unlock-${correlationIds[1]}`}`);
  }
  if (ownDatabase) {
    say(`  audit log          psql '${databaseUrl}' -c 'select * from unlock_attempt'`);
    say(`  is it intact?      DATABASE_URL='${databaseUrl}' npx latchkey audit verify`);
  }
  if (ownBank) say(`  sandbox bank       ${sandbox.url}/control/calls`);
  if (token !== null) {
    const customer = ownBank ? 'locked-2' : 'CUSTOMER_ID';
    say('  the same by HTTP:');
    say(
      `    curl -i -X PUT '${apiUrl}/v1/customers/${customer}:unlock-user' -H "correlationId: $(uuidgen)" -H 'authorization: Bearer ${token}'`,
    );
  }
  say('Ctrl-C stops everything.');
}
