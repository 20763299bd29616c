import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** The newest version that `go install` accepts: later ones carry a `replace`. */
export const TEMPORAL_CLI_VERSION = 'v1.5.1';

export const programFile = process.platform === 'win32' ? 'temporal.exe' : 'temporal';

const WORKSHOP_PREFIX = 'making-';
const WORKSHOP_ABANDONED_AFTER_MS = 3_600_000;

/** Where the program is kept, for every project of this user. */
export function temporalCliHome(environment: NodeJS.ProcessEnv = process.env): string {
  return join(userCache(environment), 'latchkey', 'temporal-cli', TEMPORAL_CLI_VERSION);
}

function userCache(environment: NodeJS.ProcessEnv): string {
  if (environment.XDG_CACHE_HOME) return environment.XDG_CACHE_HOME;
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches');
  if (process.platform === 'win32') return environment.LOCALAPPDATA ?? join(homedir(), 'AppData', 'Local');
  return join(homedir(), '.cache');
}

/**
 * Lets `make` produce the program in a directory of its own and moves it into place in one step,
 * so that two processes at it at once do not spoil each other's.
 * @param make writes into the directory that it is given, and returns the program's path in it
 * @returns where the program is kept
 */
export async function keepProgram(home: string, make: (workshop: string) => Promise<string>): Promise<string> {
  await mkdir(home, { recursive: true });
  await sweepAbandoned(home);
  const workshop = await mkdtemp(join(home, WORKSHOP_PREFIX));
  try {
    const kept = join(home, programFile);
    await rename(await make(workshop), kept);
    return kept;
  } finally {
    await rm(workshop, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** A build that was killed leaves some hundred megabytes behind. */
async function sweepAbandoned(home: string): Promise<void> {
  for (const entry of await readdir(home)) {
    if (!entry.startsWith(WORKSHOP_PREFIX)) continue;
    const path = join(home, entry);
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Date.now() }));
    if (Date.now() - mtimeMs > WORKSHOP_ABANDONED_AFTER_MS) await rm(path, { recursive: true, force: true });
  }
}
