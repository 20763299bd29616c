import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasErrorCode, identify, isRunning, type ProcessIdentity } from './process-identity.js';

/** Tells who works on a data directory, and through which server. */
export const CLAIM_FILE = 'owner.json';
const ORPHAN_STOP_LIMIT_MS = 15_000;
const ORPHAN_KILL_LIMIT_MS = 5_000;

/** Thrown where another process that still runs works on the same data. */
export class DataDirInUseError extends Error {
  override readonly name = 'DataDirInUseError';
}

interface Claim {
  readonly owner: ProcessIdentity;
  /** The server that the owner started; null until it has. */
  readonly server: ProcessIdentity | null;
}

export interface DataDirClaim {
  /** Records the server that was started, so that a later start can end it should we be killed. */
  recordServer(pid: number): Promise<void>;
  release(): Promise<void>;
}

export interface ClaimOptions {
  readonly dataDir: string;
  /** What works there: `Postgres`, `Temporal server`. */
  readonly name: string;
  readonly say: (line: string) => void;
}

/**
 * Makes sure that one process alone works on a data directory, and ends a server that a killed process left behind there.
 * @throws DataDirInUseError where the process that holds it still runs
 */
export async function claimDataDir({ dataDir, name, say }: ClaimOptions): Promise<DataDirClaim> {
  await mkdir(dataDir, { recursive: true });
  const path = join(dataDir, CLAIM_FILE);
  const owner = await identify(process.pid);
  if (owner === null) throw new Error(`Process ${process.pid} cannot find itself among the running ones.`);

  while (!(await createClaim(path, { owner, server: null }))) {
    const found = await readClaim(path);
    if (found !== null && (await isRunning(found.owner))) {
      throw new DataDirInUseError(
        `${name}: ${dataDir} is in use by process ${found.owner.pid}. Stop that one, or set DATA_DIR to another directory.`,
      );
    }
    if (found?.server) await endOrphan(found.server, { name, say });
    await rm(path, { force: true });
  }

  return {
    recordServer: async (pid) => {
      const next = `${path}.next`;
      await writeFile(next, JSON.stringify({ owner, server: await identify(pid) }));
      await rename(next, path);
    },
    release: () => rm(path, { force: true }),
  };
}

async function createClaim(path: string, claim: Claim): Promise<boolean> {
  try {
    await writeFile(path, JSON.stringify(claim), { flag: 'wx' });
    return true;
  } catch (error) {
    if (hasErrorCode(error, 'EEXIST')) return false;
    throw error;
  }
}

/** @returns null where the claim is gone or was cut short by a crash: nobody holds it then */
async function readClaim(path: string): Promise<Claim | null> {
  try {
    const parsed: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (typeof parsed !== 'object' || parsed === null || !('owner' in parsed)) return null;
    const owner = parseIdentity(parsed.owner);
    return owner === null ? null : { owner, server: 'server' in parsed ? parseIdentity(parsed.server) : null };
  } catch {
    return null;
  }
}

function parseIdentity(value: unknown): ProcessIdentity | null {
  if (typeof value !== 'object' || value === null || !('pid' in value) || !('startedAt' in value)) return null;
  const { pid, startedAt } = value;
  if (typeof pid !== 'number' || (typeof startedAt !== 'string' && startedAt !== null)) return null;
  return { pid, startedAt };
}

async function endOrphan(server: ProcessIdentity, { name, say }: Omit<ClaimOptions, 'dataDir'>): Promise<void> {
  if (!(await isRunning(server))) return;
  say(`${name}: a run that was killed left its server behind (process ${server.pid}); ending it first.`);
  // Both servers take it as: end now, in good order.
  process.kill(server.pid, 'SIGINT');
  if (await endsWithin(server, ORPHAN_STOP_LIMIT_MS)) return;
  process.kill(server.pid, 'SIGKILL');
  if (await endsWithin(server, ORPHAN_KILL_LIMIT_MS)) return;
  throw new DataDirInUseError(`${name}: process ${server.pid}, left behind by a run that was killed, does not end. End it by hand.`);
}

async function endsWithin(server: ProcessIdentity, limitMs: number): Promise<boolean> {
  for (const deadline = Date.now() + limitMs; Date.now() < deadline; await sleep(50)) {
    if (!(await isRunning(server))) return true;
  }
  return false;
}
