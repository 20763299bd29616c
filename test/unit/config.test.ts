import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { loadConfig } from '../../src/config.js';
import { bank, errorOf, faulty, production, SECRET } from './config-samples.js';

const directory = mkdtempSync(join(tmpdir(), 'latchkey-config-'));
afterAll(() => rmSync(directory, { recursive: true }));

function codesFile(content: string): string {
  const path = join(directory, 'codes.json');
  writeFileSync(path, content);
  return path;
}

describe('settings that nobody set', () => {
  it('have the defaults that the documentation names', () => {
    const config = loadConfig({}, 'up');
    expect(config).toMatchObject({
      production: false,
      HOST: '127.0.0.1',
      TEMPORAL_NAMESPACE: 'default',
      UPSTREAM_UNLOCK_PATH: '/v1/customers/{customerId}:unlock-user',
      UPSTREAM_STATUS_PATH: '/v1/customers/{customerId}?userIdType=CUSTOMER_ID',
      UPSTREAM_STATUS_FLAGS: 'userStatus',
      UPSTREAM_KNOWN_FLAGS: [],
      UPSTREAM_TIMEOUT_MS: 10_000,
      AUTH_TOKEN_TYP: 'at+jwt',
      UNLOCK_MAX_ATTEMPTS: 20,
      UNLOCK_INITIAL_INTERVAL_MS: 1_000,
      UNLOCK_MAX_INTERVAL_MS: 60_000,
      RETRY_AFTER_MAX_MS: 300_000,
      UNLOCK_DEADLINE_MS: 900_000,
      UNLOCK_WAIT_MS: 25_000,
      NOT_LOCKED_POLICY: 'reject',
      REASON_REQUIRED: false,
      LATCHKEY_TOUR: 'auto',
      DATA_DIR: '.latchkey',
      classificationOverrides: [],
      upstreamCa: null,
    });
    expect(config.CUSTOMER_ID_PATTERN.source).toBe('^[A-Za-z0-9_-]{1,64}$');
    for (const name of ['PORT', 'DATABASE_URL', 'TEMPORAL_ADDRESS', 'UPSTREAM_BASE_URL', 'AUTH_ISSUER'] as const)
      expect(config[name]).toBeUndefined();
  });

  it('are no fault of variables that are not ours', () => {
    expect(() => loadConfig({ PATH: '/usr/bin', npm_config_user_agent: 'npm', UNLOCK_NOBODY_KNOWS: 'x' }, 'up')).not.toThrow();
  });

  it('include the ones that are set to nothing', () => {
    const empty = {
      DATABASE_URL: '',
      PORT: '',
      UPSTREAM_BASE_URL: '',
      UPSTREAM_CODES_FILE: '',
      NOT_LOCKED_POLICY: '',
      CUSTOMER_REF_KEY: '',
      NODE_ENV: '',
    };
    expect(JSON.stringify(loadConfig(empty, 'up'))).toBe(JSON.stringify(loadConfig({}, 'up')));
    expect(faulty({ ...production, AUTH_AUDIENCE: '' })).toEqual(['AUTH_AUDIENCE']);
  });

  it('may name flags that are known, as flags can be named', () => {
    expect(loadConfig({ UPSTREAM_KNOWN_FLAGS: 'suspended,vip, is-new' }, 'up').UPSTREAM_KNOWN_FLAGS).toEqual([
      'suspended',
      'vip',
      'is-new',
    ]);
    for (const wrong of ['suspended,', 'a b', '1st', 'suspended;vip']) {
      expect(faulty({ ...production, UPSTREAM_KNOWN_FLAGS: wrong })).toEqual([expect.stringContaining('UPSTREAM_KNOWN_FLAGS')]);
    }
  });

  it('do not include the one whose emptiness says that the flags stand at the root', () => {
    expect(loadConfig({ UPSTREAM_STATUS_FLAGS: '' }, 'up').UPSTREAM_STATUS_FLAGS).toBe('');
    expect(loadConfig({ UPSTREAM_STATUS_FLAGS: 'status' }, 'up').UPSTREAM_STATUS_FLAGS).toBe('status');
  });
});

describe('settings that were set', () => {
  it('are read as what they are', () => {
    const config = loadConfig(
      { ...production, PORT: '0', REASON_REQUIRED: 'true', CUSTOMER_ID_PATTERN: '^\\d{10}$', ALLOW_HTTP_HOSTS: 'a.example, b.example' },
      'up',
    );
    expect(config).toMatchObject({ production: true, PORT: 0, REASON_REQUIRED: true, ALLOW_HTTP_HOSTS: ['a.example', 'b.example'] });
    expect(config.CUSTOMER_ID_PATTERN.test('1234567890')).toBe(true);
    expect(config.CUSTOMER_ID_PATTERN.unicode).toBe(true);
  });

  it.each([
    ['PORT', ['65536', '-1', '3000.5', 'abc', '0x10', ' 3000']],
    ['UNLOCK_MAX_ATTEMPTS', ['0', '-1', '1e3', 'Infinity', '10001']],
    ['UNLOCK_DEADLINE_MS', ['0', '15m', '604800001']],
    ['UPSTREAM_TIMEOUT_MS', ['0', 'NaN']],
    ['TEMPORAL_WORKER_BUILD_ID', ['a b', '.1', 'x'.repeat(129)]],
    ['UPSTREAM_MAX_PER_SECOND', ['0', '-1', '1e3', 'five', '10001', '1.5', '8.01']],
    ['DATABASE_URL', ['localhost:5432', 'mysql://h/db', 'postgres']],
    ['TEMPORAL_UI_URL', ['ui.example', 'ftp://ui.example']],
    ['NOT_LOCKED_POLICY', ['refuse', 'REJECT']],
    ['REASON_REQUIRED', ['yes', '1', 'TRUE']],
    ['LOG_LEVEL', ['verbose']],
    ['CUSTOMER_ID_PATTERN', ['[', '(', '\\']],
    ['CUSTOMER_REF_KEY', ['short']],
    ['PAYLOAD_KEYS', ['k1', 'k1:', 'k1:c2hvcnQ=', `:${'A'.repeat(43)}=`, `k1:${'A'.repeat(43)}=,`]],
    ['UPSTREAM_INSTITUTION_ID', ['a b', 'a\nb', 'ü', 'x'.repeat(65)]],
    [
      'UPSTREAM_UNLOCK_PATH',
      [
        'v1/{customerId}',
        '/v1/customers',
        '/{customerId}/{customerId}',
        '/v1/../{customerId}',
        '/v1/a b/{customerId}',
        '/v1/#{customerId}',
      ],
    ],
    ['UPSTREAM_STATUS_PATH', ['/v1/{id}', '/{customerId}#x']],
  ])('are refused where %s is one of %j', (name, values) => {
    for (const value of values) expect([value, faulty({ [name]: value })]).toEqual([value, [name]]);
  });

  it.each([
    'not a url',
    'http://',
    'bank.example',
    'ftp://bank.example',
    'https://u:p@bank.example',
    'https://:p@bank.example',
    'https://bank.example?x=y',
    'https://bank.example#x',
  ])('are refused where the bank or the issuer is at %j', (url) => {
    expect(faulty({ ...bank, UPSTREAM_BASE_URL: url })).toEqual(['UPSTREAM_BASE_URL']);
    expect(faulty({ AUTH_ISSUER: url })).toEqual(['AUTH_ISSUER']);
  });
});

describe('faults', () => {
  it('are named all at once: malformed, missing, lonely, contradictory and unreadable ones', () => {
    const variables = {
      PORT: 'abc',
      DATABASE_URL: 'nonsense',
      UPSTREAM_BASE_URL: 'http://bank.example',
      AUTH_JWKS_URL: 'https://id.example/keys',
      UNLOCK_INITIAL_INTERVAL_MS: '5000',
      UNLOCK_MAX_INTERVAL_MS: '1000',
      UPSTREAM_CODES_FILE: join(directory, 'absent.json'),
      UPSTREAM_CA_FILE: directory,
    };
    expect(faulty(variables)).toEqual([
      ...[
        'AUTH_JWKS_URL',
        'DATABASE_URL',
        'PORT',
        'UNLOCK_INITIAL_INTERVAL_MS',
        'UPSTREAM_BASE_URL',
        'UPSTREAM_CA_FILE',
        'UPSTREAM_CLIENT_ID',
      ],
      ...['UPSTREAM_CLIENT_SECRET', 'UPSTREAM_CODES_FILE', 'UPSTREAM_INSTITUTION_ID', 'UPSTREAM_TOKEN_URL'],
    ]);
  });

  it('stand one a line in the message, each once', () => {
    const { message, faults } = errorOf({ PORT: 'abc', LOG_LEVEL: 'loud', UPSTREAM_UNLOCK_PATH: 'x' });
    expect(message.split('\n')).toEqual(['the settings cannot work:', ...faults.map((fault) => `  - ${fault}`)]);
    expect(faults).toHaveLength(3);
  });

  it('never repeat a value, for it may be a secret', () => {
    const everything = {
      ...Object.fromEntries(Object.keys(loadConfig({}, 'up')).map((name) => [name, `${SECRET}\n(`])),
      NODE_ENV: 'production',
      DATABASE_URL: `postgres://app:${SECRET}@ db.example/latchkey`,
      MIGRATE_DATABASE_URL: `mysql://app:${SECRET}@db.example/latchkey`,
      UPSTREAM_BASE_URL: `https://app:${SECRET}@bank.example`,
      UPSTREAM_TOKEN_URL: `https://bank.example/token?secret=${SECRET}`,
      UPSTREAM_CLIENT_SECRET: SECRET,
      UPSTREAM_INSTITUTION_ID: `${SECRET} ${SECRET}`,
      UPSTREAM_CODES_FILE: codesFile(`[{"httpStatus":"${SECRET}","meaning":"${SECRET}"}]`),
      UPSTREAM_CA_FILE: join(directory, SECRET),
      AUTH_ISSUER: `http://${SECRET}`,
      AUTH_JWKS_URL: `http://user:${SECRET}@id.example`,
      CUSTOMER_REF_KEY: SECRET.slice(0, 8),
      PAYLOAD_KEYS: `k1:${SECRET}`,
      PORT: SECRET,
    };
    const error = errorOf(everything);
    expect(error.faults.length).toBeGreaterThan(20);
    expect(`${error.message} ${error.stack} ${JSON.stringify(error)}`).not.toContain(SECRET.slice(0, 8));
  });
});

describe('a setting that makes no sense without its partner', () => {
  it.each([
    ['UPSTREAM_TOKEN_URL', 'https://bank.example/token'],
    ['UPSTREAM_CLIENT_ID', 'latchkey'],
    ['UPSTREAM_CLIENT_SECRET', SECRET],
    ['TEMPORAL_DEPLOYMENT_NAME', 'latchkey'],
    ['TEMPORAL_WORKER_BUILD_ID', '1.0'],
    ['AUTH_JWKS_URL', 'https://id.example/keys'],
  ])('is a fault: %s alone', (name, value) => {
    expect(faulty({ [name]: value })).toEqual([name]);
  });

  it('is a fault where a bank is named, but not how to speak with it', () => {
    expect(faulty({ UPSTREAM_BASE_URL: bank.UPSTREAM_BASE_URL })).toEqual([
      'UPSTREAM_CLIENT_ID',
      'UPSTREAM_CLIENT_SECRET',
      'UPSTREAM_INSTITUTION_ID',
      'UPSTREAM_TOKEN_URL',
    ]);
  });

  it('is none for the API, which never holds the bank’s credentials', () => {
    const { UPSTREAM_CLIENT_ID, UPSTREAM_CLIENT_SECRET, UPSTREAM_TOKEN_URL, ...withoutCredentials } = production;
    expect(() => loadConfig(withoutCredentials, 'api')).not.toThrow();
    expect([UPSTREAM_CLIENT_ID, UPSTREAM_CLIENT_SECRET, UPSTREAM_TOKEN_URL]).not.toContain(undefined);
  });

  it('is none where the first back-off equals the longest', () => {
    expect(() => loadConfig({ UNLOCK_INITIAL_INTERVAL_MS: '1000', UNLOCK_MAX_INTERVAL_MS: '1000' }, 'up')).not.toThrow();
    expect(faulty({ UNLOCK_INITIAL_INTERVAL_MS: '60001' })).toEqual(['UNLOCK_INITIAL_INTERVAL_MS']);
  });
});

describe('what a part needs', () => {
  // All at once: whoever sets the base URL alone would be told of the rest at the next start only.
  const howToSpeakWithABank = [
    'UPSTREAM_BASE_URL',
    'UPSTREAM_CLIENT_ID',
    'UPSTREAM_CLIENT_SECRET',
    'UPSTREAM_INSTITUTION_ID',
    'UPSTREAM_TOKEN_URL',
  ] as const;

  it.each([
    ['up', []],
    ['api', ['AUTH_ISSUER', 'DATABASE_URL', 'TEMPORAL_ADDRESS', 'UPSTREAM_INSTITUTION_ID']],
    ['worker', ['DATABASE_URL', 'TEMPORAL_ADDRESS', ...howToSpeakWithABank]],
    ['sealer', ['DATABASE_URL', 'TEMPORAL_ADDRESS']],
    ['audit', ['DATABASE_URL']],
    ['key', []],
    ['migrate', ['DATABASE_URL']],
    ['temporal', ['TEMPORAL_ADDRESS']],
    ['sandbox', []],
  ] as const)('for latchkey %s is %j', (part, needed) => {
    if (needed.length === 0) expect(() => loadConfig({}, part)).not.toThrow();
    else expect(faulty({}, part)).toEqual(needed);
  });

  it.each([
    ['migrate', 'MIGRATE_DATABASE_URL'],
    ['sealer', 'SEAL_DATABASE_URL'],
    ['audit', 'AUDIT_DATABASE_URL'],
  ] as const)('for latchkey %s is one URL of either kind', (part, name) => {
    const TEMPORAL_ADDRESS = 'temporal.example:7233';
    expect(() => loadConfig({ TEMPORAL_ADDRESS, [name]: 'postgres://db.example/x' }, part)).not.toThrow();
    expect(() => loadConfig({ TEMPORAL_ADDRESS, DATABASE_URL: 'postgresql://db.example/x' }, part)).not.toThrow();
  });

  it('in production is everything that would be embedded elsewhere', () => {
    expect(faulty({ NODE_ENV: 'production' })).toEqual([
      ...[
        'AUDIT_LOG_ORIGIN',
        'AUDIT_PUBLISH_DIR',
        'AUDIT_SIGNING_KEY',
        'AUTH_AUDIENCE',
        'AUTH_ISSUER',
        'CUSTOMER_REF_KEY',
        'DATABASE_URL',
        'PAYLOAD_KEYS',
        'TEMPORAL_ADDRESS',
      ],
      ...howToSpeakWithABank,
    ]);
    for (const part of ['up', 'api', 'worker', 'sealer', 'audit', 'key', 'migrate', 'temporal'] as const)
      expect(() => loadConfig(production, part)).not.toThrow();
  });

  it('in production is never the sandbox', () => {
    expect(faulty({ NODE_ENV: 'production' }, 'sandbox')).toEqual(['NODE_ENV']);
    expect(() => loadConfig({ NODE_ENV: 'development' }, 'sandbox')).not.toThrow();
  });
});
