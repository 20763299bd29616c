import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { DataConverter } from '@temporalio/common';
import type { Logger } from 'pino';
import type { AuditLog } from '../audit/audit-log.js';
import { connectAudit } from '../audit/connection.js';
import { createAuditLog } from '../audit/index.js';
import type { Config } from '../config.js';
import { createAuthenticator, type Authenticator } from '../http/auth.js';
import { createDataConverter } from '../temporal/data-converter.js';
import type { TemporalSettings } from '../temporal/settings.js';
import type { Closers } from './closers.js';
import { localKey } from './local-keys.js';

/** Beyond the calls of one activity, for tokens and audit rows: see `activityTimeoutMs`. */
const AUDIT_MARGIN_MS = 15_000;
const DEFAULT_AUDIENCE = 'latchkey';

/** One execution may fetch a token, read the status and send a PUT, each for as long as one call may take. */
export function activityTimeoutMs(config: Config): number {
  return 3 * config.UPSTREAM_TIMEOUT_MS + AUDIT_MARGIN_MS;
}

/** @throws TypeError where a part that needs a database was composed without one */
export function openAuditLog(config: Config, log: Logger, closers: Closers): AuditLog {
  if (config.DATABASE_URL === undefined) throw new TypeError('DATABASE_URL is not set');
  const { prisma, close } = connectAudit({
    databaseUrl: config.DATABASE_URL,
    // A login of its own has rights of its own; the one login for everything takes the lesser role.
    role: config.MIGRATE_DATABASE_URL === undefined ? 'latchkey_app' : null,
    onError: (error) => log.warn({ error: error.name }, 'an idle database connection broke'),
  });
  closers.add('database connections', close);
  return createAuditLog({ prisma });
}

/** Temporal's standard environment, but for address and namespace, which may be the embedded server's. */
export function temporalSettings(config: Config): TemporalSettings {
  if (config.TEMPORAL_ADDRESS === undefined) throw new TypeError('TEMPORAL_ADDRESS is not set');
  const { tls, apiKey } = loadClientConnectConfig({ disableFile: true }).connectionOptions;
  return {
    address: config.TEMPORAL_ADDRESS,
    namespace: config.TEMPORAL_NAMESPACE,
    tls: tls ?? undefined,
    apiKey: typeof apiKey === 'string' ? apiKey : undefined,
  };
}

/** The key of the customers' references in Temporal; every process of one deployment must have the same. */
export async function customerRefKey(config: Config): Promise<string> {
  return config.CUSTOMER_REF_KEY ?? localKey(config.DATA_DIR, 'customer-ref-key');
}

const LOCAL_KEY_ID = 'local';

/** The keys of what Temporal keeps; every process of one deployment must have the same. */
export async function payloadKeys(config: Config): Promise<string> {
  return config.PAYLOAD_KEYS ?? `${LOCAL_KEY_ID}:${await localKey(config.DATA_DIR, 'payload-key')}`;
}

export async function dataConverter(config: Config): Promise<DataConverter> {
  return createDataConverter(await payloadKeys(config));
}

export function authenticator(config: Config): Authenticator {
  const { AUTH_ISSUER, UPSTREAM_INSTITUTION_ID } = config;
  if (AUTH_ISSUER === undefined || UPSTREAM_INSTITUTION_ID === undefined) throw new TypeError('issuer or institution is not set');
  return createAuthenticator({
    issuer: AUTH_ISSUER,
    audience: config.AUTH_AUDIENCE ?? DEFAULT_AUDIENCE,
    jwksUrl: config.AUTH_JWKS_URL ?? null,
    tokenTyp: config.AUTH_TOKEN_TYP,
    allowedInstitutions: [UPSTREAM_INSTITUTION_ID],
  });
}
