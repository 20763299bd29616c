import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { claimDataDir, CLAIM_FILE, type ClaimOptions } from './data-dir-claim.js';

/**
 * Makes a directory for the data of one run, and first clears away those of runs that were killed, with the servers that they left.
 * @param prefix of the directory's name; directories of other purposes begin otherwise
 */
export async function makeTemporaryDataDir({
  prefix,
  ...holder
}: Omit<ClaimOptions, 'dataDir'> & { readonly prefix: string }): Promise<string> {
  for (const entry of await readdir(tmpdir())) {
    if (entry.startsWith(prefix)) await clearIfAbandoned(join(tmpdir(), entry), holder);
  }
  return mkdtemp(join(tmpdir(), prefix));
}

async function clearIfAbandoned(directory: string, holder: Omit<ClaimOptions, 'dataDir'>): Promise<void> {
  try {
    const claims = (await readdir(directory, { recursive: true })).filter((path) => basename(path) === CLAIM_FILE);
    // One without a claim may be about to be claimed.
    if (claims.length === 0) return;
    for (const claim of claims) await claimDataDir({ ...holder, dataDir: join(directory, dirname(claim)) });
    await rm(directory, { recursive: true, force: true });
  } catch {
    // In use, or another user's.
  }
}
