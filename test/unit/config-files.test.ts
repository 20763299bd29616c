import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { ConfigError, loadConfig } from '../../src/config.js';
import { makeCertificate } from '../support/certificate.js';
import { bank } from './config-samples.js';

const directory = mkdtempSync(join(tmpdir(), 'latchkey-config-'));
afterAll(() => rmSync(directory, { recursive: true }));

function faultsOf(variables: Record<string, string>): readonly string[] {
  try {
    loadConfig(variables, 'up');
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
}

function codesFile(content: string): string {
  const path = join(directory, 'codes.json');
  writeFileSync(path, content);
  return path;
}

describe('the file of codes', () => {
  it('is read into rules', () => {
    const rules = [
      { httpStatus: 500, code: 'UXU_99999', meaning: 'refused' },
      { httpStatus: '4xx', meaning: 'unwell' },
    ];
    expect(loadConfig({ UPSTREAM_CODES_FILE: codesFile(JSON.stringify(rules)) }, 'up').classificationOverrides).toEqual(rules);
  });

  it.each([
    ['not JSON', '[{'],
    ['no list', '{"httpStatus":500,"meaning":"refused"}'],
    ['a status beyond HTTP', '[{"httpStatus":600,"meaning":"refused"}]'],
    ['a family that is none', '[{"httpStatus":"6xx","meaning":"refused"}]'],
    ['a status in words', '[{"httpStatus":"500","meaning":"refused"}]'],
    ['an unknown meaning', '[{"httpStatus":500,"meaning":"retry"}]'],
    ['no meaning', '[{"httpStatus":500}]'],
    ['an unknown field', '[{"httpStatus":500,"meaning":"refused","note":"x"}]'],
    ['an empty code', '[{"httpStatus":500,"code":"","meaning":"refused"}]'],
  ])('is refused with %s', (_, content) => {
    expect(faultsOf({ UPSTREAM_CODES_FILE: codesFile(content) })).toEqual([expect.stringMatching(/^UPSTREAM_CODES_FILE: /)]);
  });

  it('has every line at fault named', () => {
    const content = '[{"httpStatus":1,"meaning":"refused"},{"httpStatus":500,"meaning":"unwell"},{"httpStatus":500,"meaning":"x"}]';
    expect(faultsOf({ UPSTREAM_CODES_FILE: codesFile(content) })).toEqual([
      expect.stringMatching(/: 0\.httpStatus: /),
      expect.stringMatching(/: 2\.meaning: /),
    ]);
  });

  it('is missed where it is not there', () => {
    expect(faultsOf({ UPSTREAM_CODES_FILE: join(directory, 'absent.json') })).toEqual([
      'UPSTREAM_CODES_FILE: the file cannot be read (ENOENT)',
    ]);
  });
});

describe('the file of certificate authorities', () => {
  it('is read as it is', () => {
    const path = join(directory, 'ca.pem');
    writeFileSync(path, '-----BEGIN CERTIFICATE-----\n');
    expect(loadConfig({ UPSTREAM_CA_FILE: path }, 'up').upstreamCa).toBe('-----BEGIN CERTIFICATE-----\n');
  });
});

describe("the files of the client's certificate and its key", () => {
  const own = makeCertificate();
  const other = makeCertificate();
  const variables = (certificate: string, key: string): Record<string, string> => {
    const [certificateFile, keyFile] = [join(directory, 'client.pem'), join(directory, 'client-key.pem')];
    writeFileSync(certificateFile, certificate);
    writeFileSync(keyFile, key);
    return { ...bank, UPSTREAM_CLIENT_CERT_FILE: certificateFile, UPSTREAM_CLIENT_KEY_FILE: keyFile };
  };

  it('are read as they are', () => {
    expect(loadConfig(variables(own.certificate, own.privateKey), 'up').upstreamClientCertificate).toEqual(own);
    expect(loadConfig(bank, 'up').upstreamClientCertificate).toBeNull();
  });

  it.each([
    ['no certificate', 'nonsense', own.privateKey, 'UPSTREAM_CLIENT_CERT_FILE: the file is no certificate in PEM'],
    ['no key', own.certificate, 'nonsense', 'UPSTREAM_CLIENT_KEY_FILE: the file is no private key in PEM without a password'],
    [
      'another key',
      own.certificate,
      other.privateKey,
      'UPSTREAM_CLIENT_KEY_FILE: the key is not the one of the certificate in UPSTREAM_CLIENT_CERT_FILE',
    ],
  ])('are refused with %s', (_, certificate, key, fault) => {
    expect(faultsOf(variables(certificate, key))).toEqual([fault]);
  });

  it('go together', () => {
    const { UPSTREAM_CLIENT_KEY_FILE: key, ...withoutKey } = variables(own.certificate, own.privateKey);
    expect(key).toBeDefined();
    expect(faultsOf(withoutKey)).toEqual(['UPSTREAM_CLIENT_CERT_FILE is set, but UPSTREAM_CLIENT_KEY_FILE is not: set both or neither']);
  });
});
