import { afterAll, beforeAll, describe, expect, it, test } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig, type Config, type Part } from '../../src/config.js';
import { createRedaction, secretsOf } from '../../src/cli/redaction.js';
import { institutionsOf } from '../../src/institutions.js';
import { makeCertificate } from '../support/certificate.js';
import { errorOf } from './config-samples.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'latchkey-test-institutions-'));
  file('one.secret', 'the secret of one\n');
  file('codes.json', JSON.stringify([{ httpStatus: 500, code: 'X', meaning: 'refused' }]));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const one = { institutionId: 'one', clientId: 'client-1', clientSecretFile: 'one.secret' };
const two = { institutionId: 'two', clientId: 'client-2', clientSecretVariable: 'SECRET_OF_TWO' };
const shared = {
  DATABASE_URL: 'postgresql://app@127.0.0.1:1/latchkey',
  TEMPORAL_ADDRESS: '127.0.0.1:1',
  UPSTREAM_BASE_URL: 'https://bank.example.com/ux',
  UPSTREAM_TOKEN_URL: 'https://bank.example.com/token',
  SECRET_OF_TWO: 'the secret of two',
};

const environment = (institutions: unknown, more: Record<string, string> = {}) => ({
  ...shared,
  INSTITUTIONS_FILE: file('institutions.json', typeof institutions === 'string' ? institutions : JSON.stringify(institutions)),
  ...more,
});
const load = (institutions: unknown, more: Record<string, string> = {}, part: Part = 'worker'): Config =>
  loadConfig(environment(institutions, more), part);
const faultsIn = (institutions: unknown, more: Record<string, string> = {}, part: Part = 'worker'): readonly string[] =>
  errorOf(environment(institutions, more), part).faults;

describe('a file of institutions', () => {
  it('gives each its own credentials, and what it leaves out as the settings have it', () => {
    const own = {
      ...two,
      ...{ baseUrl: 'https://two.example.com/ux', tokenUrl: 'https://two.example.com/token', unlockPath: '/u/{customerId}' },
      ...{ statusPath: '/s/{customerId}', statusFlags: '', knownFlags: ['vip'], codesFile: 'codes.json' },
      ...{ maxPerSecond: 0.5, requestsPerMinute: 7, notLockedPolicy: 'accept', reasonRequired: true },
      ...{ relockWatchMs: 60_000, repeatUnlockMax: 1, approvalTimeoutMs: 5_000 },
    };
    const [first, second] = institutionsOf(
      load([one, own], { UPSTREAM_MAX_PER_SECOND: '8', REASON_REQUIRED: 'false', UPSTREAM_KNOWN_FLAGS: 'suspended' }),
    );
    expect(first).toEqual({
      ...{ institutionId: 'one', maxPerSecond: 8, requestsPerMinute: undefined, notLockedPolicy: 'reject', reasonRequired: false },
      ...{ relockWatchMs: null, repeatGuard: { maxUnlocks: 3, windowMs: 86_400_000, approvalMs: 3_600_000 } },
      bank: {
        ...{ baseUrl: shared.UPSTREAM_BASE_URL, tokenUrl: shared.UPSTREAM_TOKEN_URL },
        ...{ clientId: 'client-1', clientSecret: 'the secret of one' },
        ...{ unlockPath: '/v1/customers/{customerId}:unlock-user', statusPath: '/v1/customers/{customerId}?userIdType=CUSTOMER_ID' },
        ...{ statusFlags: 'userStatus', knownFlags: ['suspended'], classificationOverrides: [], ca: null, clientCertificate: null },
      },
    });
    expect(second).toEqual({
      ...{ institutionId: 'two', maxPerSecond: 0.5, requestsPerMinute: 7, notLockedPolicy: 'accept', reasonRequired: true },
      ...{ relockWatchMs: 60_000, repeatGuard: { maxUnlocks: 1, windowMs: 86_400_000, approvalMs: 5_000 } },
      bank: {
        ...{ baseUrl: own.baseUrl, tokenUrl: own.tokenUrl, clientId: 'client-2', clientSecret: 'the secret of two' },
        ...{ unlockPath: own.unlockPath, statusPath: own.statusPath, statusFlags: '', knownFlags: ['vip'] },
        ...{ classificationOverrides: [{ httpStatus: 500, code: 'X', meaning: 'refused' }], ca: null, clientCertificate: null },
      },
    });
  });

  it('lets one do without a second person', () => {
    const [first] = institutionsOf(load([{ ...one, repeatUnlockMax: 0 }], {}));
    expect(first?.repeatGuard).toBeNull();
  });

  it('gives each its own authority and certificate', () => {
    const { certificate, privateKey } = makeCertificate();
    file('cert.pem', certificate);
    file('key.pem', privateKey);
    const withTls = { ...one, caFile: 'cert.pem', clientCertFile: 'cert.pem', clientKeyFile: 'key.pem' };
    const [first, second] = institutionsOf(load([withTls, two]));
    expect(first?.bank).toMatchObject({ ca: certificate, clientCertificate: { certificate, privateKey } });
    expect(second?.bank).toMatchObject({ ca: null, clientCertificate: null });
  });

  it('hands the API no secret, and needs none of the files and variables that hold them', () => {
    const lost = { ...one, clientSecretFile: 'nowhere', caFile: 'nowhere', clientCertFile: 'nowhere', clientKeyFile: 'nowhere' };
    const config = load([lost, { ...two, clientSecretVariable: 'NOT_SET' }], { AUTH_ISSUER: 'https://issuer.example.com' }, 'api');
    expect(institutionsOf(config).map(({ institutionId, bank }) => [institutionId, bank])).toEqual([
      ['one', null],
      ['two', null],
    ]);
    expect(JSON.stringify(load([one, two], { AUTH_ISSUER: 'https://issuer.example.com' }, 'api'))).not.toContain('the secret of');
  });

  it('keeps its secrets out of the log', () => {
    const redact = createRedaction(secretsOf(load([one, two])));
    expect(redact('the secret of one, the secret of two')).toBe('[redacted], [redacted]');
  });

  test.each<[what: string, institutions: unknown, faults: readonly (string | RegExp)[]]>([
    ['is not JSON', '{', ['INSTITUTIONS_FILE: the file is not JSON']],
    ['is no list', {}, [/^INSTITUTIONS_FILE: /]],
    ['is empty', [], ['INSTITUTIONS_FILE: must name an institution']],
    ['names one twice', [one, { ...two, institutionId: 'one' }], ['INSTITUTIONS_FILE: must name each institution once']],
    ['holds a secret', [{ ...one, clientSecret: 'x' }], [/^INSTITUTIONS_FILE\.0: .*clientSecret/]],
    ['names no secret', [{ institutionId: 'one', clientId: 'c' }], [/^INSTITUTIONS_FILE\.0: must name its secret/]],
    ['names a secret twice', [{ ...one, clientSecretVariable: 'X' }], [/^INSTITUTIONS_FILE\.0: must name its secret/]],
    ['names a key without its certificate', [{ ...one, clientKeyFile: 'k' }], [/^INSTITUTIONS_FILE\.0: must name both clientCertFile and/]],
    [
      'has unfit ids',
      [
        { ...one, institutionId: '*' },
        { ...two, institutionId: 'ü' },
      ],
      [/\.0\.institutionId: must not be/, /\.1\.institutionId: /],
    ],
    ['has an unfit rate', [{ ...one, maxPerSecond: 2.5 }], [/^INSTITUTIONS_FILE\.0\.maxPerSecond: must be a whole number, or below 1/]],
    ['has an unfit path', [{ ...one, unlockPath: 'u' }], [/^INSTITUTIONS_FILE\.0\.unlockPath: /]],
    ['has a plain URL', [{ ...one, baseUrl: 'http://bank.example.com' }], [/^INSTITUTIONS_FILE\.0\.baseUrl must be https/]],
    [
      'names files that are not there',
      [{ ...one, clientSecretFile: 'no', codesFile: 'no' }],
      [/\.0\.clientSecretFile: .*ENOENT/, /\.0\.codesFile: .*ENOENT/],
    ],
    [
      'names a variable that is not set',
      [{ ...two, clientSecretVariable: 'NOT_SET' }],
      ['INSTITUTIONS_FILE.0.clientSecretVariable: NOT_SET is not set'],
    ],
  ])('that %s stops the start and is told why', (_what, institutions, faults) => {
    const told = faultsIn(institutions);
    expect(told).toEqual(faults.map((fault) => (typeof fault === 'string' ? fault : expect.stringMatching(fault))));
  });

  it('stands instead of the settings for one', () => {
    const told = faultsIn([one], { UPSTREAM_INSTITUTION_ID: 'x', UPSTREAM_CLIENT_ID: 'y', UPSTREAM_CLIENT_SECRET_FILE: file('z', 'z') });
    expect(told).toEqual(
      ['UPSTREAM_INSTITUTION_ID', 'UPSTREAM_CLIENT_ID', 'UPSTREAM_CLIENT_SECRET'].map((name) =>
        expect.stringMatching(`^${name} must not be set beside INSTITUTIONS_FILE`),
      ),
    );
  });

  it('may bring every bank itself, or leave them all where the settings say', () => {
    const { UPSTREAM_BASE_URL: _base, UPSTREAM_TOKEN_URL: _token, ...without } = shared;
    const urls = { baseUrl: 'https://one.example.com', tokenUrl: 'https://one.example.com/token' };
    const INSTITUTIONS_FILE = file('own.json', JSON.stringify([{ ...one, ...urls }]));
    expect(institutionsOf(loadConfig({ ...without, INSTITUTIONS_FILE }, 'worker'))[0]?.bank).toMatchObject(urls);
    expect(errorOf({ ...without, INSTITUTIONS_FILE: file('none.json', JSON.stringify([one])) }, 'worker').faults).toEqual([
      'INSTITUTIONS_FILE.0.baseUrl is required where UPSTREAM_BASE_URL is not set',
      'INSTITUTIONS_FILE.0.tokenUrl is required where UPSTREAM_TOKEN_URL is not set',
    ]);
  });

  it('keeps to https and public addresses in production, as every other URL does', () => {
    const inside = { ...one, baseUrl: 'https://10.0.0.1/ux', tokenUrl: 'http://127.0.0.1/token' };
    const keys = { PAYLOAD_KEYS: `k1:${Buffer.alloc(32).toString('base64')}`, NODE_ENV: 'production' };
    expect(faultsIn([inside], keys)).toEqual([
      expect.stringMatching(/^INSTITUTIONS_FILE\.0\.baseUrl must not be an address within the house/),
      expect.stringMatching(/^INSTITUTIONS_FILE\.0\.tokenUrl must not be an address within the house/),
      expect.stringMatching(/^INSTITUTIONS_FILE\.0\.tokenUrl must be https/),
    ]);
    expect(() => load([inside], { ...keys, ALLOW_HTTP_HOSTS: '10.0.0.1,127.0.0.1' })).not.toThrow();
  });
});

describe('without a file', () => {
  it('the one institution that the settings name is served, or none', () => {
    expect(institutionsOf(loadConfig({}, 'up'))).toEqual([]);
    const { SECRET_OF_TWO: _, ...bank } = shared;
    const single = {
      UPSTREAM_INSTITUTION_ID: 'one',
      UPSTREAM_CLIENT_ID: 'c',
      UPSTREAM_CLIENT_SECRET: 'a secret',
      UPSTREAM_MAX_PER_SECOND: '3',
    };
    expect(institutionsOf(loadConfig({ ...bank, ...single }, 'worker'))).toEqual([
      expect.objectContaining({
        institutionId: 'one',
        maxPerSecond: 3,
        bank: expect.objectContaining({ clientId: 'c', clientSecret: 'a secret' }),
      }),
    ]);
  });
});
