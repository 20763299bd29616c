import { hostFaults, type HostRules } from './host-rules.js';
import { readInstitutions, type SharedSettings } from './institutions.js';
import { fileTwin, readSecret, secretSettings } from './secret-files.js';
import { readWebhooks, type WebhookEntry } from './webhook-file.js';
import { readCertificateAndKey, readCodes, readFile } from './setting-files.js';
import { settings, type Settings } from './settings.js';

export { settings } from './settings.js';

/** Which part of Latchkey starts; it decides what must be set. `up` embeds what is not. */
export type Part =
  'up' | 'api' | 'worker' | 'sealer' | 'audit' | 'key' | 'continue' | 'caller' | 'codec' | 'migrate' | 'temporal' | 'sandbox';

/** Thrown where the settings cannot work; names every fault at once. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(`the settings cannot work:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`);
    this.faults = faults;
  }
}

type Environment = Readonly<Record<string, string | undefined>>;

type FileSettings =
  | 'INSTITUTIONS_FILE'
  | 'WEBHOOKS_FILE'
  | 'UPSTREAM_CODES_FILE'
  | 'UPSTREAM_CA_FILE'
  | 'UPSTREAM_CLIENT_CERT_FILE'
  | 'UPSTREAM_CLIENT_KEY_FILE';

export interface Config extends Omit<Settings, FileSettings>, SharedSettings {
  readonly production: boolean;
  /** Callers who are told that their requests have ended. */
  readonly webhooks: readonly WebhookEntry[];
}

const required: Record<Part, readonly (keyof Settings)[]> = {
  up: [],
  api: ['DATABASE_URL', 'TEMPORAL_ADDRESS', 'AUTH_ISSUER', 'UPSTREAM_INSTITUTION_ID'],
  worker: ['DATABASE_URL', 'TEMPORAL_ADDRESS', 'UPSTREAM_BASE_URL'],
  sealer: ['TEMPORAL_ADDRESS'],
  audit: [],
  key: [],
  continue: [],
  caller: ['LATCHKEY_TOKEN'],
  codec: ['CODEC_PORT', 'TEMPORAL_UI_URL', 'AUTH_ISSUER', 'UPSTREAM_INSTITUTION_ID'],
  migrate: [],
  temporal: ['TEMPORAL_ADDRESS'],
  sandbox: [],
};
const requiredInProduction: Record<Part, readonly (keyof Settings)[]> = {
  up: [
    ...([
      'DATABASE_URL',
      'TEMPORAL_ADDRESS',
      'UPSTREAM_BASE_URL',
      'AUTH_ISSUER',
      'AUTH_AUDIENCE',
      'CUSTOMER_REF_KEY',
      'PAYLOAD_KEYS',
    ] as const),
    ...(['AUDIT_SIGNING_KEY', 'AUDIT_LOG_ORIGIN'] as const),
  ],
  api: ['AUTH_AUDIENCE', 'CUSTOMER_REF_KEY', 'PAYLOAD_KEYS'],
  worker: ['PAYLOAD_KEYS'],
  sealer: ['PAYLOAD_KEYS', 'AUDIT_SIGNING_KEY', 'AUDIT_LOG_ORIGIN'],
  audit: [],
  key: ['AUDIT_SIGNING_KEY', 'AUDIT_LOG_ORIGIN'],
  continue: ['AUDIT_SIGNING_KEY', 'AUDIT_LOG_ORIGIN'],
  caller: [],
  codec: ['AUTH_AUDIENCE', 'PAYLOAD_KEYS'],
  migrate: [],
  temporal: [],
  sandbox: [],
};

/** What makes no sense without its partner. */
const dependents: readonly (readonly [keyof Settings, keyof Settings])[] = [
  ['UPSTREAM_TOKEN_URL', 'UPSTREAM_BASE_URL'],
  ['UPSTREAM_CLIENT_ID', 'UPSTREAM_BASE_URL'],
  ['UPSTREAM_CLIENT_SECRET', 'UPSTREAM_BASE_URL'],
  ['UPSTREAM_CLIENT_CERT_FILE', 'UPSTREAM_CLIENT_KEY_FILE'],
  ['UPSTREAM_CLIENT_KEY_FILE', 'UPSTREAM_CLIENT_CERT_FILE'],
  ['AUTH_JWKS_URL', 'AUTH_ISSUER'],
  ['OIDC_CLIENT_SECRET', 'OIDC_CLIENT_ID'],
  ['TEMPORAL_DEPLOYMENT_NAME', 'TEMPORAL_WORKER_BUILD_ID'],
  ['TEMPORAL_WORKER_BUILD_ID', 'TEMPORAL_DEPLOYMENT_NAME'],
];
const neededWithBank: readonly (keyof Settings)[] = [
  'UPSTREAM_TOKEN_URL',
  'UPSTREAM_CLIENT_ID',
  'UPSTREAM_CLIENT_SECRET',
  'UPSTREAM_INSTITUTION_ID',
];
/** What each institution has for itself, once there is a file of them. */
const ofOneInstitution: readonly (keyof Settings)[] = ['UPSTREAM_INSTITUTION_ID', 'UPSTREAM_CLIENT_ID', 'UPSTREAM_CLIENT_SECRET'];
const outbound = [
  'UPSTREAM_BASE_URL',
  'UPSTREAM_TOKEN_URL',
  'AUTH_ISSUER',
  'AUTH_JWKS_URL',
  'AUDIT_PUBLISH_URL',
  'LATCHKEY_URL',
  'OTEL_EXPORTER_OTLP_ENDPOINT',
  'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT',
] as const satisfies readonly (keyof Settings)[];

/** Where these parts find the database when `DATABASE_URL` is not set. */
const ownDatabases: Partial<Record<Part, keyof Settings>> = {
  migrate: 'MIGRATE_DATABASE_URL',
  continue: 'MIGRATE_DATABASE_URL',
  sealer: 'SEAL_DATABASE_URL',
  audit: 'AUDIT_DATABASE_URL',
};

/** Only what is embedded heeds these, and production embeds nothing. */
const forEmbeddedParts: readonly (keyof Settings)[] = ['TEMPORAL_CLI_PATH'];
const ROOT = 0;

/**
 * Parses the settings once, at start.
 * @param userId whom the process runs as; null where the system has no such numbers
 * @throws ConfigError naming every fault
 */
export function loadConfig(environment: Environment, part: Part, userId: number | null = null): Config {
  // An empty variable is one that was not set, but for the one whose emptiness says something.
  const set = Object.fromEntries(Object.entries(environment).filter(([name, value]) => value !== '' || name === 'UPSTREAM_STATUS_FLAGS'));
  const faults: string[] = [];
  const given: Environment = { ...set, ...Object.fromEntries(secretSettings.map((name) => [name, readSecret(set, name, faults)])) };
  const parsed = settings.safeParse(given);
  if (!parsed.success) faults.push(...parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`));
  const has = (name: keyof Settings) => set[name] !== undefined || isNamedAsFile(name, set);
  const production = given.NODE_ENV === 'production';

  const must = new Set([...required[part], ...(production ? requiredInProduction[part] : [])]);
  const callsBanks = part === 'up' || part === 'worker';
  // The API never holds the bank's credentials, so it need not be told of them.
  const needsBank = has('UPSTREAM_BASE_URL') || must.has('UPSTREAM_BASE_URL');
  if (needsBank && callsBanks) for (const name of neededWithBank) must.add(name);
  const ownDatabase = ownDatabases[part];
  if (ownDatabase !== undefined && !has(ownDatabase)) must.add('DATABASE_URL');
  const publishes = part === 'sealer' || part === 'up';
  if (production && publishes && !has('AUDIT_PUBLISH_DIR') && !has('AUDIT_PUBLISH_URL')) {
    faults.push('AUDIT_PUBLISH_DIR or AUDIT_PUBLISH_URL is required in production: a checkpoint must stand outside the database');
  }
  if (production && has('OIDC_CLIENT_ID') && (part === 'api' || part === 'up')) {
    if (!has('PUBLIC_URL')) faults.push('PUBLIC_URL is required in production with OIDC_CLIENT_ID: the issuer leads people back to it');
    // Without TLS a session could be read on the way; whatever stands before the API ends it.
    else if (given.PUBLIC_URL?.startsWith('https:') !== true) faults.push('PUBLIC_URL must be https in production');
  }
  if (has('INSTITUTIONS_FILE')) {
    // Each of them may bring its own; what is missing is told with it.
    for (const name of [...ofOneInstitution, 'UPSTREAM_BASE_URL', 'UPSTREAM_TOKEN_URL'] as const) must.delete(name);
    for (const name of ofOneInstitution.filter(has))
      faults.push(`${name} must not be set beside INSTITUTIONS_FILE, which has each institution's`);
  }
  for (const name of must) if (!has(name)) faults.push(`${name} is required${because(name, part, production)}`);
  for (const [name, partner] of dependents) {
    if (has(name) && !has(partner) && !must.has(partner)) faults.push(`${name} is set, but ${partner} is not: set both or neither`);
  }
  if (production && part === 'sandbox') faults.push('NODE_ENV is production: the sandbox is not for production');
  if (production && userId === ROOT) faults.push('NODE_ENV is production: start as a user other than root');
  const embedding = production ? forEmbeddedParts.filter(has) : [];
  for (const name of embedding) faults.push(`${name} is for an embedded server, and production embeds nothing: do not set it`);

  const classificationOverrides = readCodes(given.UPSTREAM_CODES_FILE, faults);
  const upstreamCa = readFile(given.UPSTREAM_CA_FILE, 'UPSTREAM_CA_FILE', faults);
  const upstreamClientCertificate = readCertificateAndKey(
    { certificate: given.UPSTREAM_CLIENT_CERT_FILE, key: given.UPSTREAM_CLIENT_KEY_FILE },
    ['UPSTREAM_CLIENT_CERT_FILE', 'UPSTREAM_CLIENT_KEY_FILE'],
    faults,
  );

  const hostRules = { production, plainHttpHosts: settings.shape.ALLOW_HTTP_HOSTS.parse(given.ALLOW_HTTP_HOSTS) };
  const institutions = readInstitutions(given.INSTITUTIONS_FILE, { environment: set, callsBanks, hostRules, faults });
  const served = institutions?.map(({ institutionId }) => institutionId) ?? [given.UPSTREAM_INSTITUTION_ID ?? []].flat();
  const webhooks = readWebhooks(given.WEBHOOKS_FILE, { environment: set, callsReceivers: callsBanks, served, hostRules, faults });
  faults.push(...contradictions(given, hostRules));
  if (!parsed.success || faults.length > 0) throw new ConfigError(faults);
  return { ...parsed.data, production, classificationOverrides, upstreamCa, upstreamClientCertificate, institutions, webhooks };
}

/** What is well said by itself but not together; reads the settings one by one, for another one may be at fault already. */
function contradictions(given: Environment, hostRules: HostRules): string[] {
  const faults: string[] = [];
  const intervals = settings.pick({ UNLOCK_INITIAL_INTERVAL_MS: true, UNLOCK_MAX_INTERVAL_MS: true }).safeParse(given);
  if (intervals.success && intervals.data.UNLOCK_INITIAL_INTERVAL_MS > intervals.data.UNLOCK_MAX_INTERVAL_MS) {
    faults.push('UNLOCK_INITIAL_INTERVAL_MS must not exceed UNLOCK_MAX_INTERVAL_MS');
  }
  const stop = settings.pick({ SHUTDOWN_DELAY_MS: true, SHUTDOWN_LIMIT_MS: true, UPSTREAM_TIMEOUT_MS: true }).safeParse(given);
  if (stop.success && stop.data.SHUTDOWN_LIMIT_MS <= stop.data.SHUTDOWN_DELAY_MS + stop.data.UPSTREAM_TIMEOUT_MS) {
    faults.push('SHUTDOWN_LIMIT_MS must be longer than SHUTDOWN_DELAY_MS and UPSTREAM_TIMEOUT_MS together');
  }
  for (const name of outbound) {
    const setting = settings.shape[name].safeParse(given[name]);
    if (setting.success && setting.data !== undefined) faults.push(...hostFaults(name, setting.data, hostRules));
  }
  return faults;
}

/** True also where the file is of no use, which is a fault of its own. */
function isNamedAsFile(name: keyof Settings, set: Environment): boolean {
  return secretSettings.some((secret) => secret === name) && set[fileTwin(name)] !== undefined;
}

function because(name: keyof Settings, part: Part, production: boolean): string {
  if (neededWithBank.includes(name) && part !== 'api') return ' with UPSTREAM_BASE_URL';
  if (part === 'caller') return ' by commands that call the front door: an access token of its issuer (docs/cli.md says how to get one)';
  if (required[part].includes(name)) return ` for latchkey ${part}`;
  return production ? ' in production' : '';
}
