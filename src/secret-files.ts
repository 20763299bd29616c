import { readFileSync, statSync } from 'node:fs';

/** The settings that are secrets: each may be given as it is, or as a file that `NAME_FILE` names. */
export const secretSettings = [
  'DATABASE_URL',
  'MIGRATE_DATABASE_URL',
  'AUDIT_DATABASE_URL',
  'SEAL_DATABASE_URL',
  'AUDIT_SIGNING_KEY',
  'LATCHKEY_TOKEN',
  'TEMPORAL_API_KEY',
  'UPSTREAM_CLIENT_SECRET',
  'OIDC_CLIENT_SECRET',
  'CUSTOMER_REF_KEY',
  'PAYLOAD_KEYS',
  'OTEL_EXPORTER_OTLP_HEADERS',
  'OTEL_EXPORTER_OTLP_TRACES_HEADERS',
] as const;

type Environment = Readonly<Record<string, string | undefined>>;

const SIZE_LIMIT_BYTES = 64 * 1024;

/** The name of the variable that names the file of a secret. */
export function fileTwin(name: string): string {
  return `${name}_FILE`;
}

/**
 * A secret from `name`, or from the file that its twin `NAME_FILE` names; line ends after it are cut off. An empty variable is one that was not set.
 * @param faults gets what is wrong, never the secret itself
 * @returns undefined where neither is set, or the file is of no use
 */
export function readSecret(environment: Environment, name: string, faults: string[]): string | undefined {
  const twin = fileTwin(name);
  const value = environment[name];
  const path = environment[twin];
  if (path === undefined || path === '') return value === '' ? undefined : value;
  if (value !== undefined && value !== '') {
    faults.push(`${name} and ${twin} are both set: set one`);
    return value;
  }
  return readSecretFile(path, twin, faults);
}

/**
 * The secret in a file, read once; line ends after it are cut off.
 * @param told what the file is called in `faults`
 * @returns undefined where the file is of no use, which `faults` then tells
 */
export function readSecretFile(path: string, told: string, faults: string[]): string | undefined {
  try {
    if (statSync(path).size > SIZE_LIMIT_BYTES) {
      faults.push(`${told}: the file is larger than ${SIZE_LIMIT_BYTES} bytes`);
      return undefined;
    }
    const secret = readFileSync(path, 'utf8').replace(/[\r\n]+$/, '');
    if (secret === '') faults.push(`${told}: the file is empty`);
    return secret === '' ? undefined : secret;
  } catch (error) {
    const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : 'unknown error';
    faults.push(`${told}: the file cannot be read (${code})`);
    return undefined;
  }
}
