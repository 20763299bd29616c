import { z } from 'zod';
import { type ClassificationRule } from './domain/classification.js';
import { isAddressWithin } from './outbound/public-address.js';
import { fileTwin, readSecret, secretSettings } from './secret-files.js';
import { readCertificateAndKey, readCodes, readFile, type CertificateAndKey } from './setting-files.js';

/** Which part of Latchkey starts; it decides what must be set. `up` embeds what is not. */
export type Part = 'up' | 'api' | 'worker' | 'codec' | 'migrate' | 'temporal' | 'sandbox';

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

const text = z.string().min(1);
const count = (least: number, most: number) =>
  z.string().regex(/^\d+$/, 'must be a whole number').transform(Number).pipe(z.number().min(least).max(most));
const port = count(0, 65_535);
const WEEK_MS = 7 * 24 * 3_600_000;
const durationMs = count(1, WEEK_MS);
const rate = z
  .string()
  .regex(/^\d+(\.\d+)?$/, 'must be a number')
  .transform(Number)
  // At 2.5 a second the third PUT would leave within the second of the first one.
  .pipe(
    z
      .number()
      .min(0.01)
      .max(10_000)
      .refine((perSecond) => perSecond < 1 || Number.isInteger(perSecond), 'must be a whole number, or below 1'),
  );
const versionPart = text.regex(/^[\w-][\w.-]{0,127}$/, 'must be 1 to 128 letters, digits, dots, dashes and underscores');
const flag = z.enum(['true', 'false']).transform((value) => value === 'true');
const httpUrl = z
  // Aborts, because what follows could not read a URL that is none.
  .url({ protocol: /^https?$/, abort: true })
  .refine((url) => !/[?#]/.test(url) && hasNoCredentials(new URL(url)), 'must carry no query, fragment or credentials');
const postgresUrl = z.url({ protocol: /^postgres(ql)?$/ });
const pattern = text.transform((source, context) => {
  try {
    return new RegExp(source, 'u');
  } catch {
    context.addIssue({ code: 'custom', message: 'must be a regular expression' });
    return z.NEVER;
  }
});
const pathTemplate = text
  .refine((path) => path.startsWith('/') && path.split('{customerId}').length === 2, {
    error: 'must start with a slash and name {customerId} once',
    abort: true,
  })
  .refine(isSpelledAsUrl, 'must be spelled as a URL has it, without dot segments or a fragment');
// All the world is no proxy.
const proxyRange = z.union([
  z.ipv4(),
  z.ipv6(),
  z.union([z.cidrv4(), z.cidrv6()]).refine((range) => !range.endsWith('/0')),
  z.enum(['loopback', 'linklocal', 'uniquelocal']),
]);
const proxies = text
  .transform((list) => (/^\d+$/.test(list) ? Number(list) : list.split(/[\s,]+/)))
  .pipe(
    z.union(
      [z.int().min(1).max(10), z.array(proxyRange)],
      'must be a number of proxies from 1 to 10, or their addresses and ranges, such as 10.0.0.0/8',
    ),
  );

/** Every setting of ours, as the environment spells it. */
export const settings = z.object({
  NODE_ENV: z.enum(['production', 'development', 'test'], 'must be production, development or test').optional(),
  PORT: port.optional(),
  HOST: text.default('127.0.0.1'),
  METRICS_PORT: port.optional(),
  TRUST_PROXY: proxies.optional(),
  CODEC_PORT: port.optional(),
  DATABASE_URL: postgresUrl.optional(),
  MIGRATE_DATABASE_URL: postgresUrl.optional(),
  TEMPORAL_ADDRESS: text.optional(),
  TEMPORAL_NAMESPACE: text.default('default'),
  TEMPORAL_API_KEY: text.optional(),
  TEMPORAL_DEPLOYMENT_NAME: versionPart.optional(),
  TEMPORAL_WORKER_BUILD_ID: versionPart.optional(),
  TEMPORAL_UI_URL: httpUrl.optional(),
  TEMPORAL_CLI_PATH: text.optional(),
  UPSTREAM_BASE_URL: httpUrl.optional(),
  UPSTREAM_UNLOCK_PATH: pathTemplate.default('/v1/customers/{customerId}:unlock-user'),
  UPSTREAM_STATUS_PATH: pathTemplate.default('/v1/customers/{customerId}?userIdType=CUSTOMER_ID'),
  UPSTREAM_STATUS_FLAGS: z.string().default('userStatus'),
  UPSTREAM_CODES_FILE: text.optional(),
  UPSTREAM_TOKEN_URL: httpUrl.optional(),
  UPSTREAM_CLIENT_ID: text.optional(),
  UPSTREAM_CLIENT_SECRET: text.optional(),
  UPSTREAM_INSTITUTION_ID: text.regex(/^[\x21-\x7e]{1,64}$/, 'must be 1 to 64 printable ASCII characters').optional(),
  UPSTREAM_TIMEOUT_MS: durationMs.default(10_000),
  UPSTREAM_MAX_PER_SECOND: rate.optional(),
  UPSTREAM_CA_FILE: text.optional(),
  UPSTREAM_CLIENT_CERT_FILE: text.optional(),
  UPSTREAM_CLIENT_KEY_FILE: text.optional(),
  ALLOW_HTTP_HOSTS: z
    .string()
    .default('')
    .transform((hosts) =>
      hosts
        .toLowerCase()
        .split(/[\s,]+/)
        .filter((host) => host !== ''),
    ),
  AUTH_ISSUER: httpUrl.optional(),
  AUTH_AUDIENCE: text.optional(),
  AUTH_JWKS_URL: httpUrl.optional(),
  AUTH_TOKEN_TYP: text.default('at+jwt'),
  UNLOCK_MAX_ATTEMPTS: count(1, 10_000).default(20),
  UNLOCK_INITIAL_INTERVAL_MS: durationMs.default(1_000),
  UNLOCK_MAX_INTERVAL_MS: durationMs.default(60_000),
  RETRY_AFTER_MAX_MS: durationMs.default(300_000),
  UNLOCK_DEADLINE_MS: durationMs.default(900_000),
  UNLOCK_WAIT_MS: durationMs.default(25_000),
  RECONCILE_INTERVAL_MS: count(1_000, WEEK_MS).default(60_000),
  RECONCILE_AFTER_MS: count(1_000, WEEK_MS).default(60_000),
  WAITS_MAX: count(1, 100_000).default(1_000),
  WAITS_MAX_PER_CALLER: count(1, 100_000).default(250),
  RATE_LIMIT_CALLER_PER_MINUTE: count(0, 1_000_000).optional(),
  RATE_LIMIT_INSTITUTION_PER_MINUTE: count(0, 1_000_000).optional(),
  NOT_LOCKED_POLICY: z.enum(['reject', 'accept']).default('reject'),
  REASON_REQUIRED: flag.default(false),
  CUSTOMER_ID_PATTERN: pattern.default(/^[A-Za-z0-9_-]{1,64}$/u),
  CUSTOMER_REF_KEY: text.min(16, 'must be at least 16 characters').optional(),
  PAYLOAD_KEYS: text
    .regex(
      /^[\w.-]{1,64}:[\w+/=-]{43,44}(,\s*[\w.-]{1,64}:[\w+/=-]{43,44})*$/,
      'must be id:key,… with keys of 32 bytes in base64, the current one first',
    )
    .optional(),
  SHUTDOWN_DELAY_MS: count(0, 600_000).default(0),
  SHUTDOWN_LIMIT_MS: durationMs.default(60_000),
  LATCHKEY_TOUR: z.enum(['auto', 'off']).default('auto'),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  DATA_DIR: text.default('.latchkey'),
});

export type Settings = z.infer<typeof settings>;

type FileSettings = 'UPSTREAM_CODES_FILE' | 'UPSTREAM_CA_FILE' | 'UPSTREAM_CLIENT_CERT_FILE' | 'UPSTREAM_CLIENT_KEY_FILE';

export interface Config extends Omit<Settings, FileSettings> {
  readonly production: boolean;
  readonly classificationOverrides: readonly ClassificationRule[];
  /** PEM; null: the system's certificate authorities. */
  readonly upstreamCa: string | null;
  /** By which the worker names itself to the bank; null: by its client secret alone. */
  readonly upstreamClientCertificate: CertificateAndKey | null;
}

const required: Record<Part, readonly (keyof Settings)[]> = {
  up: [],
  api: ['DATABASE_URL', 'TEMPORAL_ADDRESS', 'AUTH_ISSUER', 'UPSTREAM_INSTITUTION_ID'],
  worker: ['DATABASE_URL', 'TEMPORAL_ADDRESS', 'UPSTREAM_BASE_URL'],
  codec: ['CODEC_PORT', 'TEMPORAL_UI_URL', 'AUTH_ISSUER', 'UPSTREAM_INSTITUTION_ID'],
  migrate: [],
  temporal: ['TEMPORAL_ADDRESS'],
  sandbox: [],
};
const requiredInProduction: Record<Part, readonly (keyof Settings)[]> = {
  up: ['DATABASE_URL', 'TEMPORAL_ADDRESS', 'UPSTREAM_BASE_URL', 'AUTH_ISSUER', 'AUTH_AUDIENCE', 'CUSTOMER_REF_KEY', 'PAYLOAD_KEYS'],
  api: ['AUTH_AUDIENCE', 'CUSTOMER_REF_KEY', 'PAYLOAD_KEYS'],
  worker: ['PAYLOAD_KEYS'],
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
  ['TEMPORAL_DEPLOYMENT_NAME', 'TEMPORAL_WORKER_BUILD_ID'],
  ['TEMPORAL_WORKER_BUILD_ID', 'TEMPORAL_DEPLOYMENT_NAME'],
];
const neededWithBank: readonly (keyof Settings)[] = [
  'UPSTREAM_TOKEN_URL',
  'UPSTREAM_CLIENT_ID',
  'UPSTREAM_CLIENT_SECRET',
  'UPSTREAM_INSTITUTION_ID',
];
const outbound: readonly ('UPSTREAM_BASE_URL' | 'UPSTREAM_TOKEN_URL' | 'AUTH_ISSUER' | 'AUTH_JWKS_URL')[] = [
  'UPSTREAM_BASE_URL',
  'UPSTREAM_TOKEN_URL',
  'AUTH_ISSUER',
  'AUTH_JWKS_URL',
];

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
  // The API never holds the bank's credentials, so it need not be told of them.
  const needsBank = has('UPSTREAM_BASE_URL') || must.has('UPSTREAM_BASE_URL');
  if (needsBank && (part === 'up' || part === 'worker')) for (const name of neededWithBank) must.add(name);
  if (part === 'migrate' && !has('MIGRATE_DATABASE_URL')) must.add('DATABASE_URL');
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

  faults.push(...contradictions(given, production));
  if (!parsed.success || faults.length > 0) throw new ConfigError(faults);
  return { ...parsed.data, production, classificationOverrides, upstreamCa, upstreamClientCertificate };
}

/** What is well said by itself but not together; reads the settings one by one, for another one may be at fault already. */
function contradictions(given: Environment, production: boolean): string[] {
  const faults: string[] = [];
  const intervals = settings.pick({ UNLOCK_INITIAL_INTERVAL_MS: true, UNLOCK_MAX_INTERVAL_MS: true }).safeParse(given);
  if (intervals.success && intervals.data.UNLOCK_INITIAL_INTERVAL_MS > intervals.data.UNLOCK_MAX_INTERVAL_MS) {
    faults.push('UNLOCK_INITIAL_INTERVAL_MS must not exceed UNLOCK_MAX_INTERVAL_MS');
  }
  const stop = settings.pick({ SHUTDOWN_DELAY_MS: true, SHUTDOWN_LIMIT_MS: true, UPSTREAM_TIMEOUT_MS: true }).safeParse(given);
  if (stop.success && stop.data.SHUTDOWN_LIMIT_MS <= stop.data.SHUTDOWN_DELAY_MS + stop.data.UPSTREAM_TIMEOUT_MS) {
    faults.push('SHUTDOWN_LIMIT_MS must be longer than SHUTDOWN_DELAY_MS and UPSTREAM_TIMEOUT_MS together');
  }
  const plainHttpHosts = settings.shape.ALLOW_HTTP_HOSTS.parse(given.ALLOW_HTTP_HOSTS);
  for (const name of outbound) {
    const setting = settings.shape[name].safeParse(given[name]);
    if (!setting.success || setting.data === undefined) continue;
    const { protocol, hostname } = new URL(setting.data);
    if (plainHttpHosts.includes(hostname)) continue;
    if (production && isAddressWithin(hostname))
      faults.push(`${name} must not be an address within the house, unless ALLOW_HTTP_HOSTS names it`);
    if (protocol === 'https:') continue;
    if (production || !isLoopback(hostname)) {
      faults.push(`${name} must be https (plain http is for loopback outside production, or for hosts that ALLOW_HTTP_HOSTS names)`);
    }
  }
  return faults;
}

/** True also where the file is of no use, which is a fault of its own. */
function isNamedAsFile(name: keyof Settings, set: Environment): boolean {
  return secretSettings.some((secret) => secret === name) && set[fileTwin(name)] !== undefined;
}

function hasNoCredentials({ username, password }: URL): boolean {
  return username === '' && password === '';
}

function isSpelledAsUrl(path: string): boolean {
  const spelled = `http://localhost${path.replace('{customerId}', '1')}`;
  return URL.canParse(spelled) && new URL(spelled).href === spelled && !spelled.includes('#');
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

function because(name: keyof Settings, part: Part, production: boolean): string {
  if (neededWithBank.includes(name) && part !== 'api') return ' with UPSTREAM_BASE_URL';
  if (required[part].includes(name)) return ` for latchkey ${part}`;
  return production ? ' in production' : '';
}
