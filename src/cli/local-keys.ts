import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A key for local use: made once, kept in the data directory, readable by its owner alone. */
export function localKey(dataDir: string, name: string): Promise<string> {
  return madeOnce(dataDir, name, () => `${randomBytes(32).toString('base64url')}\n`);
}

/** The same for the key that signs checkpoints: Ed25519, in PEM. */
export function localSigningKey(dataDir: string): Promise<string> {
  return madeOnce(dataDir, 'audit-signing-key', () =>
    generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
  );
}

async function madeOnce(dataDir: string, name: string, make: () => string): Promise<string> {
  const path = join(dataDir, name);
  await mkdir(dataDir, { recursive: true });
  try {
    await writeFile(path, make(), { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if (!(typeof error === 'object' && error !== null && 'code' in error && error.code === 'EEXIST')) throw error;
  }
  return (await readFile(path, 'utf8')).trim();
}
