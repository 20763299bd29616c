import { afterAll, beforeAll, describe, expect, it, test } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRedaction, secretsOf } from '../../src/cli/redaction.js';
import { loadConfig, type Config, type Part } from '../../src/config.js';
import { webhookSecret } from '../support/receiver.js';
import { errorOf, production } from './config-samples.js';

const secret = webhookSecret();
const other = webhookSecret();
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'latchkey-test-webhooks-'));
  file('desk.secret', `${secret}\n`);
  file('short.secret', 'whsec_c2hvcnQ=');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const desk = { institutionId: '00516', clientId: 'desk', url: 'https://desk.example/hooks', secretFile: 'desk.secret' };
const crm = { institutionId: '00516', clientId: 'crm', url: 'https://crm.example/', secretVariable: 'SECRET_OF_CRM' };

const environment = (webhooks: unknown, more: Record<string, string> = {}) => ({
  ...production,
  SECRET_OF_CRM: other,
  WEBHOOKS_FILE: file('webhooks.json', typeof webhooks === 'string' ? webhooks : JSON.stringify(webhooks)),
  ...more,
});
const load = (webhooks: unknown, part: Part = 'worker', more: Record<string, string> = {}): Config =>
  loadConfig(environment(webhooks, more), part);
const faultsIn = (webhooks: unknown, part: Part = 'worker', more: Record<string, string> = {}): readonly string[] =>
  errorOf(environment(webhooks, more), part).faults;

describe('a file of webhooks', () => {
  it('gives the worker each caller’s URL and secrets, the current one first', () => {
    const replaced = { ...crm, previousSecretFile: 'desk.secret' };
    expect(load([desk, replaced]).webhooks).toEqual([
      { institutionId: '00516', clientId: 'desk', url: desk.url, secrets: [secret] },
      { institutionId: '00516', clientId: 'crm', url: crm.url, secrets: [other, secret] },
    ]);
  });

  it('hands the API no secret, and needs none of the files and variables that hold them', () => {
    const lost = [
      { ...desk, secretFile: 'nowhere' },
      { ...crm, secretVariable: 'NOT_SET' },
    ];
    expect(load(lost, 'api').webhooks.map(({ clientId, secrets }) => [clientId, secrets])).toEqual([
      ['desk', []],
      ['crm', []],
    ]);
  });

  it('may be left out, and may be empty', () => {
    expect(loadConfig(production, 'worker').webhooks).toEqual([]);
    expect(load([]).webhooks).toEqual([]);
  });

  it('keeps its secrets out of the log', () => {
    const redact = createRedaction(secretsOf(load([desk, crm])));
    expect(redact(`${secret}, ${other.replace('whsec_', '')}`)).toBe('[redacted], [redacted]');
  });

  test.each<[what: string, webhooks: unknown, faults: readonly (string | RegExp)[]]>([
    ['is not JSON', '{', ['WEBHOOKS_FILE: the file is not JSON']],
    ['is no list', {}, [/^WEBHOOKS_FILE: /]],
    ['names a caller twice', [desk, { ...crm, clientId: 'desk' }], ['WEBHOOKS_FILE: must name each caller once']],
    ['holds a secret', [{ ...desk, secret }], [/^WEBHOOKS_FILE\.0: .*secret/]],
    ['names no secret', [{ ...desk, secretFile: undefined }], [/^WEBHOOKS_FILE\.0: must name its secret by/]],
    ['names a secret twice', [{ ...desk, secretVariable: 'X' }], [/^WEBHOOKS_FILE\.0: must name its secret by/]],
    [
      'names a previous secret twice',
      [{ ...desk, previousSecretFile: 'a', previousSecretVariable: 'B' }],
      [/^WEBHOOKS_FILE\.0: must name its previous secret/],
    ],
    ['names a file that is not there', [{ ...desk, secretFile: 'no' }], ['WEBHOOKS_FILE.0.secretFile: the file cannot be read (ENOENT)']],
    [
      'names a variable that is not set',
      [{ ...desk, previousSecretVariable: 'NOT_SET' }],
      ['WEBHOOKS_FILE.0.previousSecretVariable: NOT_SET is not set'],
    ],
    ['has a secret of another form', [{ ...desk, secretFile: 'short.secret' }], [/^WEBHOOKS_FILE\.0\.secretFile: must be whsec_/]],
    [
      'names an institution that is not served',
      [{ ...desk, institutionId: 'x' }],
      ['WEBHOOKS_FILE.0.institutionId: is none that is served'],
    ],
    ['has a plain URL', [{ ...desk, url: 'http://desk.example/' }], [/^WEBHOOKS_FILE\.0\.url must be https/]],
    ['has a URL with a query', [{ ...desk, url: 'https://desk.example/?key=1' }], [/^WEBHOOKS_FILE\.0\.url: must carry no query/]],
    [
      'has a private address',
      [
        { ...desk, url: 'https://10.0.0.1/' },
        { ...crm, url: 'https://[::1]/' },
      ],
      [/^WEBHOOKS_FILE\.0\.url must not be an address within/, /^WEBHOOKS_FILE\.1\.url must not be an address within/],
    ],
  ])('that %s is refused, each fault by its place', (_what, webhooks, faults) => {
    const found = faultsIn(webhooks);
    expect(found).toEqual(faults.map((fault) => (typeof fault === 'string' ? fault : expect.stringMatching(fault))));
    expect(found.join('\n')).not.toContain(secret.replace('whsec_', ''));
  });

  it('may name a host within the house that ALLOW_HTTP_HOSTS names', () => {
    const inside = [{ ...desk, url: 'http://10.0.0.1:8080/hooks' }];
    expect(load(inside, 'worker', { ALLOW_HTTP_HOSTS: '10.0.0.1' }).webhooks[0]?.url).toBe('http://10.0.0.1:8080/hooks');
  });

  it('stands in docs/deployment.md as the code takes it', async () => {
    const { readRepositoryFile } = await import('../support/compose-file.js');
    const blocks = [...readRepositoryFile('docs/deployment.md').matchAll(/^```json\n([^]*?)^```$/gm)].map(([, json = '']) => json);
    const example = blocks.find((json) => json.includes('secretFile'));
    for (const name of ['support-desk.secret', 'crm.secret', 'crm-previous.secret']) file(name, secret);
    const banks = ['first-bank', 'second-bank'].map((institutionId) => ({
      ...{ institutionId, clientId: 'c', clientSecretVariable: 'SECRET_OF_CRM' },
    }));
    const single = { UPSTREAM_CLIENT_ID: '', UPSTREAM_CLIENT_SECRET: '', UPSTREAM_INSTITUTION_ID: '' };
    const config = loadConfig(
      { ...environment(example), ...single, INSTITUTIONS_FILE: file('institutions.json', JSON.stringify(banks)) },
      'worker',
    );
    expect(config.webhooks.map(({ clientId, secrets }) => [clientId, secrets.length])).toEqual([
      ['support-desk', 1],
      ['crm', 2],
    ]);
  });
});
