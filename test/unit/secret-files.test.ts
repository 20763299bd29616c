import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { loadConfig, type Config } from '../../src/config.js';
import { fileTwin, secretSettings } from '../../src/secret-files.js';
import { errorOf, production, SECRET } from './config-samples.js';

const directory = mkdtempSync(join(tmpdir(), 'latchkey-secret-files-'));
afterAll(() => rmSync(directory, { recursive: true }));

function file(content: string): string {
  const path = join(directory, 'secret');
  writeFileSync(path, content);
  return path;
}

const values: Readonly<Record<string, string>> = {
  ...production,
  MIGRATE_DATABASE_URL: 'postgres://owner:pw@db.example/latchkey',
  AUDIT_DATABASE_URL: 'postgres://auditor:pw@db.example/latchkey',
  SEAL_DATABASE_URL: 'postgres://sealer:pw@db.example/latchkey',
  LATCHKEY_TOKEN: 'a-token',
  TEMPORAL_API_KEY: 'api-key',
  PUBLIC_URL: 'https://desk.example',
  OIDC_CLIENT_ID: 'latchkey-desk',
  OIDC_CLIENT_SECRET: 'desk-secret',
  OTEL_EXPORTER_OTLP_HEADERS: 'x-key=collector-key',
  OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'x-key=collector-key',
};
const without = (name: string): Record<string, string> => Object.fromEntries(Object.entries(values).filter(([each]) => each !== name));
const asFile = (name: string, path: string): Record<string, string> => ({ ...without(name), [fileTwin(name)]: path });
const secretOf = (config: Config, name: (typeof secretSettings)[number]): unknown => config[name];

describe('a secret', () => {
  it.each(secretSettings)('%s may stand in a file, and means there what it means in the environment', (name) => {
    expect(JSON.stringify(loadConfig(asFile(name, file(values[name] ?? '')), 'up'))).toBe(JSON.stringify(loadConfig(values, 'up')));
  });

  it.each(secretSettings)('%s is read without the line ends after it', (name) => {
    for (const end of ['\n', '\r\n', '\n\n']) {
      expect(secretOf(loadConfig(asFile(name, file(`${values[name]}${end}`)), 'up'), name)).toBe(values[name]);
    }
  });

  it('keeps spaces and lines that are its own', () => {
    const secret = ' two\nlines ';
    expect(loadConfig(asFile('UPSTREAM_CLIENT_SECRET', file(`${secret}\n`)), 'up').UPSTREAM_CLIENT_SECRET).toBe(secret);
  });

  it.each(secretSettings)('%s is refused where it is given twice', (name) => {
    expect(errorOf({ ...values, [fileTwin(name)]: file('x') }).faults).toEqual([`${name} and ${name}_FILE are both set: set one`]);
  });

  it.each(secretSettings)('%s is given once where the other is set to nothing', (name) => {
    expect(() => loadConfig({ ...values, [fileTwin(name)]: '' }, 'up')).not.toThrow();
    expect(() => loadConfig({ ...asFile(name, file(values[name] ?? '')), [name]: '' }, 'up')).not.toThrow();
  });

  it('whose file is of no use is told by the name of the variable, once', () => {
    const absent = join(directory, 'absent');
    expect(errorOf(asFile('PAYLOAD_KEYS', absent)).faults).toEqual(['PAYLOAD_KEYS_FILE: the file cannot be read (ENOENT)']);
    expect(errorOf(asFile('PAYLOAD_KEYS', directory)).faults).toEqual(['PAYLOAD_KEYS_FILE: the file cannot be read (EISDIR)']);
    expect(errorOf(asFile('DATABASE_URL', file('\n'))).faults).toEqual(['DATABASE_URL_FILE: the file is empty']);
    expect(errorOf(asFile('DATABASE_URL', file('x'.repeat(65_537)))).faults).toEqual([
      'DATABASE_URL_FILE: the file is larger than 65536 bytes',
    ]);
  });

  it('of a wrong form is told without a word of it', () => {
    for (const name of ['DATABASE_URL', 'PAYLOAD_KEYS'] as const) {
      const { message } = errorOf(asFile(name, file(SECRET)));
      expect(message).toContain(name);
      expect(message).not.toContain(SECRET);
    }
  });
});
