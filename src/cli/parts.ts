import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { DataConverter } from '@temporalio/common';
import type { Logger } from 'pino';
import type { ReconcilerSettings } from '../../activities/index.js';
import type { AuditLog } from '../audit/audit-log.js';
import { connectAudit, type AuditConnection } from '../audit/connection.js';
import {
  connectInstitutions,
  createAuditLogByInstitution,
  createAuditReviewByInstitution,
  type InstitutionConnections,
} from '../audit/by-institution.js';
import type { AuditReview } from '../audit/audit-review.js';
import type { Config } from '../config.js';
import { institutionsOf } from '../institutions.js';
import type { Observer } from '../domain/observer.js';
import { createAuthenticator, type Authenticator } from '../http/auth.js';
import { createFetch, type FetchDocument, type OutboundPolicy } from '../outbound/index.js';
import { createDataConverter } from '../temporal/data-converter.js';
import type { TemporalSettings } from '../temporal/settings.js';
import type { WorkerVersion } from '../temporal/worker-version.js';
import type { UpstreamSettings } from '../upstream/index.js';
import { createWebhooks, type Webhooks } from '../webhooks/index.js';
import type { Closers } from './closers.js';
import { localKey } from './local-keys.js';

/** Beyond the calls of one activity, for tokens and audit rows: see `activityTimeoutMs`. */
const AUDIT_MARGIN_MS = 15_000;
const DEFAULT_AUDIENCE = 'latchkey';

/** One execution may fetch a token, read the status and send a PUT, each for as long as one call may take. */
export function activityTimeoutMs(config: Config): number {
  return 3 * config.UPSTREAM_TIMEOUT_MS + AUDIT_MARGIN_MS;
}

interface AuditLogParts {
  readonly config: Config;
  readonly log: Logger;
  readonly closers: Closers;
  readonly observer: Observer;
}

/** How long a status that the bank does not tell is asked for before a request that was left open ends without it. */
const UNAVAILABLE_AFTER_MS = 3_600_000;

/** Requests older than their deadline and a margin are looked into from the audit log's side; those that closed, from Temporal's. */
export function reconcilerSettings({ RECONCILE_AFTER_MS, UNLOCK_DEADLINE_MS }: Config): ReconcilerSettings {
  return {
    afterMs: RECONCILE_AFTER_MS,
    openAfterMs: UNLOCK_DEADLINE_MS + RECONCILE_AFTER_MS + AUDIT_MARGIN_MS,
    unavailableAfterMs: UNAVAILABLE_AFTER_MS,
  };
}

/** @throws TypeError where a part that needs a database was composed without one */
export function openAuditLog({ observer, ...parts }: AuditLogParts): AuditLog {
  return createAuditLogByInstitution({ connections: openInstitutions(parts), observer });
}

type DatabaseParts = Omit<AuditLogParts, 'observer'>;

/** Of all institutions together; exports and lists share them. */
const REVIEW_CONNECTIONS = 4;
const REVIEW_STATEMENT_TIMEOUT_MS = 30_000;

/**
 * The audit log as its reviewers see it, over the auditor's login.
 * @throws TypeError where a part that needs a database was composed without one
 */
export function openAuditReview({ config, log, closers }: DatabaseParts): AuditReview {
  const databaseUrl = config.AUDIT_DATABASE_URL ?? config.DATABASE_URL;
  if (databaseUrl === undefined) throw new TypeError('AUDIT_DATABASE_URL is not set');
  const connections = connectInstitutions({
    databaseUrl,
    // A login of its own has rights of its own; the one login for everything takes the lesser role.
    role: config.AUDIT_DATABASE_URL === undefined ? 'latchkey_auditor' : null,
    institutionIds: institutionIds(config),
    connectionsInAll: REVIEW_CONNECTIONS,
    statementTimeoutMs: REVIEW_STATEMENT_TIMEOUT_MS,
    // Which index a page starts from depends on what is filtered.
    plansAnew: true,
    onError: (error: Error) => log.warn({ error: error.name }, 'an idle database connection broke'),
  });
  closers.add("reviewers' database connections", () => connections.close());
  return createAuditReviewByInstitution({ connections });
}

/**
 * Connections for each institution that is served.
 * @throws TypeError where a part that needs a database was composed without one
 */
export function openInstitutions({ closers, ...parts }: DatabaseParts): InstitutionConnections {
  const connections = connectInstitutions({ ...databaseSettings(parts), institutionIds: institutionIds(parts.config) });
  closers.add('database connections', () => connections.close());
  return connections;
}

/**
 * Connections for what belongs to no institution.
 * @throws TypeError where a part that needs a database was composed without one
 */
export function openDatabase({ closers, poolSize, ...parts }: DatabaseParts & { readonly poolSize: number }): AuditConnection['prisma'] {
  const { prisma, close } = connectAudit({ ...databaseSettings(parts), poolSize });
  closers.add('database connections', close);
  return prisma;
}

function databaseSettings({ config, log }: Pick<DatabaseParts, 'config' | 'log'>) {
  if (config.DATABASE_URL === undefined) throw new TypeError('DATABASE_URL is not set');
  return {
    databaseUrl: config.DATABASE_URL,
    // A login of its own has rights of its own; the one login for everything takes the lesser role.
    role: config.MIGRATE_DATABASE_URL === undefined ? ('latchkey_app' as const) : null,
    onError: (error: Error) => log.warn({ error: error.name }, 'an idle database connection broke'),
  };
}

/** @throws TypeError where a part that serves institutions was composed without one */
function institutionIds(config: Config): string[] {
  const served = institutionsOf(config);
  if (served.length === 0) throw new TypeError('the institution is not set');
  return served.map(({ institutionId }) => institutionId);
}

/** Temporal's standard environment, but for address and namespace, which may be the embedded server's, and the key, which may stand in a file. */
export function temporalSettings(config: Config): TemporalSettings {
  if (config.TEMPORAL_ADDRESS === undefined) throw new TypeError('TEMPORAL_ADDRESS is not set');
  const known = Object.entries({ ...process.env, TEMPORAL_API_KEY: config.TEMPORAL_API_KEY });
  const overrideEnvVars = Object.fromEntries(known.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
  const { tls, apiKey } = loadClientConnectConfig({ disableFile: true, overrideEnvVars }).connectionOptions;
  return {
    address: config.TEMPORAL_ADDRESS,
    namespace: config.TEMPORAL_NAMESPACE,
    tls: tls ?? undefined,
    apiKey: typeof apiKey === 'string' ? apiKey : undefined,
  };
}

/** @returns null where versions are not told apart */
export function workerVersion({ TEMPORAL_DEPLOYMENT_NAME, TEMPORAL_WORKER_BUILD_ID }: Config): WorkerVersion | null {
  if (TEMPORAL_DEPLOYMENT_NAME === undefined || TEMPORAL_WORKER_BUILD_ID === undefined) return null;
  return { deploymentName: TEMPORAL_DEPLOYMENT_NAME, buildId: TEMPORAL_WORKER_BUILD_ID };
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

const ISSUER_TIMEOUT_MS = 3_000;
const ISSUER_BODY_LIMIT_BYTES = 256 * 1024;

/** @throws TypeError where issuer or institution were left out of the settings */
export function authenticator(config: Config): Authenticator {
  const { AUTH_ISSUER } = config;
  if (AUTH_ISSUER === undefined) throw new TypeError('AUTH_ISSUER is not set');
  return createAuthenticator({
    issuer: AUTH_ISSUER,
    audience: config.AUTH_AUDIENCE ?? DEFAULT_AUDIENCE,
    jwksUrl: config.AUTH_JWKS_URL ?? null,
    tokenTyp: config.AUTH_TOKEN_TYP,
    allowedInstitutions: institutionIds(config),
    fetch: issuerFetch(config, AUTH_ISSUER),
  });
}

/** The way to the issuer, and to its keys. */
export function issuerFetch(config: Config, issuer: string): FetchDocument {
  return createFetch({
    policy: { privateHosts: privateHosts(config), ca: null, clientCertificate: null },
    urls: [issuer, config.AUTH_JWKS_URL ?? issuer],
    timeoutMs: ISSUER_TIMEOUT_MS,
    bodyLimitBytes: ISSUER_BODY_LIMIT_BYTES,
  });
}

/** In production no call goes to an address within the house, unless the operator names the host. */
export function privateHosts({ production, ALLOW_HTTP_HOSTS }: Config): OutboundPolicy['privateHosts'] {
  return production ? ALLOW_HTTP_HOSTS : 'any';
}

/** A receiver need only say that it has the message. */
const RECEIVER_TIMEOUT_MS = 10_000;

/** Where callers are told that their requests have ended. */
export function openWebhooks({ config, closers }: Pick<DatabaseParts, 'config' | 'closers'>): Webhooks {
  const webhooks = createWebhooks({
    webhooks: config.webhooks,
    policy: { privateHosts: privateHosts(config), ca: null, clientCertificate: null },
    timeoutMs: RECEIVER_TIMEOUT_MS,
  });
  closers.add("connections to callers' receivers", () => webhooks.close());
  return webhooks;
}

/**
 * How the worker reaches each institution's bank and its token endpoint.
 * @throws TypeError where a bank is not set
 */
export function bankSettings(config: Config, observer: Observer): UpstreamSettings[] {
  return institutionsOf(config).map(({ institutionId, bank }) => {
    if (bank === null) throw new TypeError(`the bank of ${institutionId} is not set`);
    const { statusFlags: statusFlagsField, ca, clientCertificate, ...rest } = bank;
    return {
      ...rest,
      institutionId,
      statusFlagsField,
      customerIdPattern: config.CUSTOMER_ID_PATTERN,
      timeoutMs: config.UPSTREAM_TIMEOUT_MS,
      outbound: { privateHosts: privateHosts(config), ca, clientCertificate },
      tellsTrace: config.UPSTREAM_TRACEPARENT,
      observer,
    };
  });
}
