import { z } from 'zod';
import { FLAG_NAME } from './domain/bank-drift.js';

export const text = z.string().min(1);
const count = (least: number, most: number) =>
  z.string().regex(/^\d+$/, 'must be a whole number').transform(Number).pipe(z.number().min(least).max(most));
const port = count(0, 65_535);
const WEEK_MS = 7 * 24 * 3_600_000;
const durationMs = count(1, WEEK_MS);
/** The same in a file. */
export const milliseconds = z.int().min(1).max(WEEK_MS);
/** Unlocks of one customer before a second person must approve; 0: as many as are asked for. */
export const repeatUnlockMax = z.int().min(0).max(1_000);
/** PUTs in a second. At 2.5 a second the third one would leave within the second of the first. */
export const perSecond = z
  .number()
  .min(0.01)
  .max(10_000)
  .refine((value) => value < 1 || Number.isInteger(value), 'must be a whole number, or below 1');
const rate = z
  .string()
  .regex(/^\d+(\.\d+)?$/, 'must be a number')
  .transform(Number)
  .pipe(perSecond);
const versionPart = text.regex(/^[\w-][\w.-]{0,127}$/, 'must be 1 to 128 letters, digits, dots, dashes and underscores');
const flag = z.enum(['true', 'false']).transform((value) => value === 'true');
export const httpUrl = z
  // Aborts, because what follows could not read a URL that is none.
  .url({ protocol: /^https?$/, abort: true })
  .refine((url) => !/[?#]/.test(url) && hasNoCredentials(new URL(url)), 'must carry no query, fragment or credentials');
const postgresUrl = z.url({ protocol: /^postgres(ql)?$/ });
/** Lines of a note: neither white space nor `+`. */
const logOrigin = text.regex(
  /^[^\s+\p{C}]{1,128}$/u,
  'must be a name without white space and without +, such as bank.example/unlock-audit',
);
const verifiers = text
  .regex(
    /^[^\s+,]+\+[0-9a-f]{8}\+[\w+/=]+(,\s*[^\s+,]+\+[0-9a-f]{8}\+[\w+/=]+)*$/,
    'must be name+id+key,… as "latchkey audit key" prints it',
  )
  .transform((list) => list.split(/,\s*/));
export const flagName = text.regex(FLAG_NAME, 'must be the name of a flag: a letter, then letters, digits, _ and -');
const flagNames = text.transform((list) => list.split(/,\s*/)).pipe(z.array(flagName));
const pattern = text.transform((source, context) => {
  try {
    return new RegExp(source, 'u');
  } catch {
    context.addIssue({ code: 'custom', message: 'must be a regular expression' });
    return z.NEVER;
  }
});
export const pathTemplate = text
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

// What OpenTelemetry's own variables may say; what it cannot do is refused rather than passed over.
const headerList = text.regex(/^\s*[^\s=,;]+=[^,;]*(,\s*[^\s=,;]+=[^,;]*)*$/, 'must be name=value,… with values percent-encoded');
const ratio = z
  .string()
  .regex(/^(0|1|0?\.\d+|1\.0+|0\.0*)$/, 'must be a number from 0 to 1')
  .transform(Number);
export const traceSamplers = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;

// `*` stands for all of them where Postgres is asked.
export const institutionId = text
  .regex(/^[\x21-\x7e]{1,64}$/, 'must be 1 to 64 printable ASCII characters')
  .refine((id) => id !== '*', 'must not be *');
export const notLockedPolicy = z.enum(['reject', 'accept']);
export const requestsPerMinute = z.int().min(0).max(1_000_000);

/** Every setting of ours, as the environment spells it. */
export const settings = z.object({
  NODE_ENV: z.enum(['production', 'development', 'test'], 'must be production, development or test').optional(),
  PORT: port.optional(),
  HOST: text.default('127.0.0.1'),
  METRICS_PORT: port.optional(),
  TEMPORAL_SDK_METRICS_PORT: port.optional(),
  TRUST_PROXY: proxies.optional(),
  CODEC_PORT: port.optional(),
  DATABASE_URL: postgresUrl.optional(),
  MIGRATE_DATABASE_URL: postgresUrl.optional(),
  AUDIT_DATABASE_URL: postgresUrl.optional(),
  SEAL_DATABASE_URL: postgresUrl.optional(),
  AUDIT_SIGNING_KEY: text.optional(),
  AUDIT_VERIFIERS: verifiers.optional(),
  AUDIT_LOG_ORIGIN: logOrigin.default('latchkey.local/audit'),
  AUDIT_PUBLISH_DIR: text.optional(),
  AUDIT_PUBLISH_URL: httpUrl.optional(),
  LATCHKEY_URL: httpUrl.optional(),
  LATCHKEY_TOKEN: text.optional(),
  SEAL_INTERVAL_MS: count(100, 60_000).default(1_000),
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
  UPSTREAM_KNOWN_FLAGS: flagNames.default([]),
  UPSTREAM_CODES_FILE: text.optional(),
  UPSTREAM_TOKEN_URL: httpUrl.optional(),
  UPSTREAM_CLIENT_ID: text.optional(),
  UPSTREAM_CLIENT_SECRET: text.optional(),
  UPSTREAM_INSTITUTION_ID: institutionId.optional(),
  UPSTREAM_TIMEOUT_MS: durationMs.default(10_000),
  UPSTREAM_MAX_PER_SECOND: rate.optional(),
  UPSTREAM_TRACEPARENT: flag.default(false),
  UPSTREAM_CA_FILE: text.optional(),
  UPSTREAM_CLIENT_CERT_FILE: text.optional(),
  UPSTREAM_CLIENT_KEY_FILE: text.optional(),
  INSTITUTIONS_FILE: text.optional(),
  WEBHOOKS_FILE: text.optional(),
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
  PUBLIC_URL: httpUrl.refine((url) => new URL(url).pathname === '/', 'must be an origin, without a path').optional(),
  OIDC_CLIENT_ID: text.optional(),
  OIDC_CLIENT_SECRET: text.optional(),
  OIDC_SCOPES: text.default('openid profile institution-users:read institution-users:write unlocks:operate unlocks:approve audit:read'),
  SESSION_IDLE_MS: durationMs.default(900_000),
  SESSION_MAX_MS: durationMs.default(36_000_000),
  UNLOCK_MAX_ATTEMPTS: count(1, 10_000).default(20),
  UNLOCK_INITIAL_INTERVAL_MS: durationMs.default(1_000),
  UNLOCK_MAX_INTERVAL_MS: durationMs.default(60_000),
  RETRY_AFTER_MAX_MS: durationMs.default(300_000),
  UNLOCK_DEADLINE_MS: durationMs.default(900_000),
  RELOCK_WATCH_MS: durationMs.optional(),
  REPEAT_UNLOCK_MAX: count(0, 1_000).default(3),
  REPEAT_UNLOCK_WINDOW_MS: durationMs.default(86_400_000),
  APPROVAL_TIMEOUT_MS: durationMs.default(3_600_000),
  UNLOCK_WAIT_MS: durationMs.default(25_000),
  RECONCILE_INTERVAL_MS: count(1_000, WEEK_MS).default(60_000),
  RECONCILE_AFTER_MS: count(1_000, WEEK_MS).default(60_000),
  WAITS_MAX: count(1, 100_000).default(1_000),
  WAITS_MAX_PER_CALLER: count(1, 100_000).default(250),
  STREAMS_MAX: count(1, 100_000).default(500),
  STREAMS_MAX_PER_CALLER: count(1, 100_000).default(20),
  RATE_LIMIT_CALLER_PER_MINUTE: count(0, 1_000_000).optional(),
  RATE_LIMIT_INSTITUTION_PER_MINUTE: count(0, 1_000_000).optional(),
  NOT_LOCKED_POLICY: notLockedPolicy.default('reject'),
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
  OTEL_SDK_DISABLED: flag.default(false),
  OTEL_TRACES_EXPORTER: z.enum(['otlp', 'none'], 'must be otlp or none').optional(),
  OTEL_EXPORTER_OTLP_ENDPOINT: httpUrl.optional(),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: httpUrl.optional(),
  OTEL_EXPORTER_OTLP_PROTOCOL: z.literal('http/protobuf', 'must be http/protobuf').default('http/protobuf'),
  OTEL_EXPORTER_OTLP_HEADERS: headerList.optional(),
  OTEL_EXPORTER_OTLP_TRACES_HEADERS: headerList.optional(),
  OTEL_SERVICE_NAME: text.optional(),
  OTEL_TRACES_SAMPLER: z.enum(traceSamplers).default('parentbased_always_on'),
  OTEL_TRACES_SAMPLER_ARG: ratio.optional(),
  LATCHKEY_TOUR: z.enum(['auto', 'off']).default('auto'),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  DATA_DIR: text.default('.latchkey'),
});

export type Settings = z.infer<typeof settings>;

function hasNoCredentials({ username, password }: URL): boolean {
  return username === '' && password === '';
}

function isSpelledAsUrl(path: string): boolean {
  const spelled = `http://localhost${path.replace('{customerId}', '1')}`;
  return URL.canParse(spelled) && new URL(spelled).href === spelled && !spelled.includes('#');
}
