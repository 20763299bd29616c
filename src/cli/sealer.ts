import { join } from 'node:path';
import type { Logger } from 'pino';
import { createSealActivities } from '../../activities/seal-rows.js';
import { connectAudit } from '../audit/connection.js';
import { createSealer, type Sealer } from '../audit/seal.js';
import type { Config } from '../config.js';
import type { Observer } from '../domain/observer.js';
import { readSigner, readVerifier, verifierKey, type NoteSigner, type NoteVerifier } from '../proof/signed-note.js';
import { createDirectoryPublication } from '../publication/directory.js';
import { publishTo, type Publication } from '../publication/index.js';
import { createWebHookPublication } from '../publication/web-hook.js';
import { startSealWorker, type SealWorker } from '../temporal/seal-worker.js';
import { loadWorkflowBundle } from '../temporal/worker.js';
import type { Closers } from './closers.js';
import { localSigningKey } from './local-keys.js';
import { dataConverter, privateHosts, temporalSettings } from './parts.js';

interface SealerParts {
  readonly config: Config;
  readonly log: Logger;
  readonly closers: Closers;
  readonly observer: Observer;
}

const PUBLISH_TIMEOUT_MS = 10_000;
const SEAL_STATEMENT_TIMEOUT_MS = 30_000;
const SEAL_CONNECTIONS = 2;

/**
 * Starts the sealer; it polls when this resolves. The runtime of Temporal must have been installed.
 * @throws where Temporal cannot be reached, the workflows cannot be loaded, or the signing key is none
 */
export async function startSealerPart({ config, log, closers, observer }: SealerParts): Promise<SealWorker> {
  const handOver = new AbortController();
  const worker = await startSealWorker({
    settings: temporalSettings(config),
    activities: createSealActivities({
      sealer: openSealer({ config, log, closers }),
      signer: await auditSigner(config),
      formerKeys: configuredVerifiers(config),
      publication: openPublication(config),
      intervalMs: config.SEAL_INTERVAL_MS,
      observer,
      handOver: handOver.signal,
    }),
    dataConverter: await dataConverter(config),
    workflowBundle: await loadWorkflowBundle(),
  });
  closers.add('sealer', async () => {
    handOver.abort();
    await worker.stop();
  });
  return worker;
}

/** @throws TypeError where no database is set */
export function openSealer({ config, log, closers }: Omit<SealerParts, 'observer'>): Sealer {
  const databaseUrl = config.SEAL_DATABASE_URL ?? config.DATABASE_URL;
  if (databaseUrl === undefined) throw new TypeError('SEAL_DATABASE_URL is not set');
  const { prisma, close } = connectAudit({
    databaseUrl,
    // A login of its own has rights of its own; the one login for everything takes the lesser role.
    role: config.SEAL_DATABASE_URL === undefined ? 'latchkey_sealer' : null,
    poolSize: SEAL_CONNECTIONS,
    plansAnew: true,
    statementTimeoutMs: SEAL_STATEMENT_TIMEOUT_MS,
    onError: (error) => log.warn({ error: error.name }, 'an idle database connection broke'),
  });
  closers.add("the sealer's database connections", close);
  return createSealer({ prisma, origin: config.AUDIT_LOG_ORIGIN });
}

/**
 * Who signs checkpoints: the key of the settings, or outside production one that is made once.
 * @throws NoteError where the key is none
 */
export async function auditSigner(config: Config): Promise<NoteSigner> {
  return readSigner(config.AUDIT_SIGNING_KEY ?? (await localSigningKey(config.DATA_DIR)), config.AUDIT_LOG_ORIGIN);
}

/** @throws NoteError where a key is none */
function configuredVerifiers({ AUDIT_VERIFIERS }: Config): NoteVerifier[] {
  return (AUDIT_VERIFIERS ?? []).map(readVerifier);
}

/**
 * The public keys whose checkpoints are trusted, each `name+id+base64`; outside production the local key's where none is set.
 * @throws NoteError where a key is none
 */
export async function trustedVerifierKeys(config: Config): Promise<readonly string[]> {
  if (config.AUDIT_VERIFIERS !== undefined) return config.AUDIT_VERIFIERS;
  if (config.production && config.AUDIT_SIGNING_KEY === undefined) return [];
  return [verifierKey(await auditSigner(config))];
}

/** Where checkpoints stand outside the database. */
export const publishDirectory = ({ AUDIT_PUBLISH_DIR, AUDIT_PUBLISH_URL, DATA_DIR }: Config): string | undefined =>
  AUDIT_PUBLISH_DIR ?? (AUDIT_PUBLISH_URL === undefined ? join(DATA_DIR, 'checkpoints') : undefined);

function openPublication(config: Config): Publication {
  const { AUDIT_PUBLISH_URL: url } = config;
  const directory = publishDirectory(config);
  return publishTo([
    ...(directory === undefined ? [] : [createDirectoryPublication(directory)]),
    ...(url === undefined
      ? []
      : [
          createWebHookPublication({
            url,
            policy: { privateHosts: privateHosts(config), ca: null, clientCertificate: null },
            timeoutMs: PUBLISH_TIMEOUT_MS,
          }),
        ]),
  ]);
}
