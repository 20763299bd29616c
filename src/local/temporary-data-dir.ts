import { access, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { claimDataDir, CLAIM_FILE, type ClaimOptions } from './data-dir-claim.js';

/**
 * Makes a data directory for one run, and first clears away those of runs that were killed, with the servers that they left.
 * @param prefix of the directory's name; directories of other purposes begin otherwise
 */
export async function makeTemporaryDataDir({ prefix, ...holder }: Omit<ClaimOptions, 'dataDir'> & { readonly prefix: string }): Promise<string> {
  for (const entry of await readdir(tmpdir())) {
    if (entry.startsWith(prefix)) await clearIfAbandoned(join(tmpdir(), entry), holder);
  }
  return mkdtemp(join(tmpdir(), prefix));
}

async function clearIfAbandoned(dataDir: string, holder: Omit<ClaimOptions, 'dataDir'>): Promise<void> {
  try {
    // One without a claim may be about to be claimed.
    await access(join(dataDir, CLAIM_FILE));
    await claimDataDir({ ...holder, dataDir });
    await rm(dataDir, { recursive: true, force: true });
  } catch {
    // In use, or another user's.
  }
}
