import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { ClassificationRule } from './domain/classification.js';
import { meanings } from './domain/meaning.js';

/** PEM of a certificate, perhaps with its chain, and of its key. */
export interface CertificateAndKey {
  readonly certificate: string;
  readonly privateKey: string;
}

const codesFile = z.array(
  z.strictObject({
    httpStatus: z.union([z.int().min(100).max(599), z.enum(['1xx', '2xx', '3xx', '4xx', '5xx'])]),
    code: z.string().min(1).optional(),
    meaning: z.enum(meanings),
  }),
);

/** @returns null where no file is named, or it cannot be read, which `faults` then tells by the setting's name */
export function readFile(path: string | undefined, name: string, faults: string[]): string | null {
  if (path === undefined) return null;
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : 'unknown error';
    faults.push(`${name}: the file cannot be read (${code})`);
    return null;
  }
}

/**
 * What a file of JSON holds; null where no file is named, or it is of no use, which `faults` then tells without a word of what it holds.
 * @param name what `faults` are to call the file
 */
export function readJsonFile<Value>(path: string | undefined, name: string, schema: z.ZodType<Value>, faults: string[]): Value | null {
  const json = readFile(path, name, faults);
  if (json === null) return null;
  const value = parsed((): unknown => JSON.parse(json));
  if (value === null) {
    faults.push(`${name}: the file is not JSON`);
    return null;
  }
  const { success, data, error } = schema.safeParse(value);
  if (success) return data;
  faults.push(...error.issues.map((issue) => `${[name, ...issue.path].join('.')}: ${issue.message}`));
  return null;
}

/**
 * Rules for the bank's answers, before the published table; none where no file is named.
 * @param name what `faults` are to call the file
 */
export function readCodes(path: string | undefined, faults: string[], name = 'UPSTREAM_CODES_FILE'): ClassificationRule[] {
  const json = readFile(path, name, faults);
  if (json === null) return [];
  try {
    const parsed = codesFile.safeParse(JSON.parse(json));
    if (parsed.success) return parsed.data;
    faults.push(...parsed.error.issues.map((issue) => `${name}: ${issue.path.join('.')}: ${issue.message}`));
  } catch {
    faults.push(`${name}: the file is not JSON`);
  }
  return [];
}

/** A certificate and its key from two files; null where they are not named, or do not fit, which `faults` then tells without a word of them. */
export function readCertificateAndKey(
  { certificate: certificateFile, key: keyFile }: { readonly certificate: string | undefined; readonly key: string | undefined },
  [certificateName, keyName]: readonly [string, string],
  faults: string[],
): CertificateAndKey | null {
  const certificate = readFile(certificateFile, certificateName, faults);
  const privateKey = readFile(keyFile, keyName, faults);
  if (certificate === null || privateKey === null) return null;
  const leaf = parsed(() => new X509Certificate(certificate));
  const key = parsed(() => createPrivateKey(privateKey));
  if (leaf === null) faults.push(`${certificateName}: the file is no certificate in PEM`);
  if (key === null) faults.push(`${keyName}: the file is no private key in PEM without a password`);
  if (leaf === null || key === null) return null;
  if (leaf.checkPrivateKey(key)) return { certificate, privateKey };
  faults.push(`${keyName}: the key is not the one of the certificate in ${certificateName}`);
  return null;
}

function parsed<Value>(parse: () => Value): Value | null {
  try {
    return parse();
  } catch {
    return null;
  }
}
