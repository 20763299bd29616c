import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { access, chmod, chown, constants, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { decideLaunch, findPostgresPrograms, type Launch } from './postgres-programs.js';
import { programName } from './process-identity.js';

/** The superuser of the embedded cluster. */
export const CLUSTER_USER = 'postgres';

export interface PostgresCluster {
  /** Where its files are. */
  readonly clusterDir: string;
  readonly password: string;
  /** The server program. */
  readonly postgres: string;
  readonly launch: Launch;
}

/**
 * Opens the cluster kept in a directory; makes it, with a random password, where there is none.
 * A cluster whose making was cut short is made anew; one that was in use is never touched.
 */
export async function openCluster({ dataDir, say }: { dataDir: string; say: (line: string) => void }): Promise<PostgresCluster> {
  const clusterDir = join(dataDir, 'cluster');
  const { initdb, postgres } = await findPostgresPrograms();
  for (const program of [initdb, postgres]) await makeExecutable(program);
  const launch = await decideLaunch([postgres, initdb, dataDir]);
  const isNew = !(await isThere(join(clusterDir, 'PG_VERSION')));
  const password = await keptPassword(join(dataDir, 'password'), isNew);
  if (isNew) {
    say('Postgres: making a new database cluster (a few seconds).');
    await makeCluster({ dataDir, clusterDir, initdb, launch, password });
  }
  await removeStaleLock(join(clusterDir, 'postmaster.pid'));
  return { clusterDir, password, postgres, launch };
}

interface NewCluster extends Omit<PostgresCluster, 'postgres'> {
  readonly dataDir: string;
  readonly initdb: string;
}

async function makeCluster({ dataDir, clusterDir, initdb, launch, password }: NewCluster): Promise<void> {
  const unfinished = `${clusterDir}.new`;
  const passwordFile = `${clusterDir}.password`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { mode: 0o700 });
  try {
    await writeFile(passwordFile, password, { mode: 0o600 });
    if (launch.owner) for (const path of [unfinished, passwordFile]) await chown(path, launch.owner.uid, launch.owner.gid);
    const { command, args, user } = launch.command(initdb, [
      ...['--pgdata', unfinished, '--username', CLUSTER_USER, '--auth', 'scram-sha-256', '--pwfile', passwordFile],
      ...['--encoding', 'UTF8', '--locale', 'C', '--locale-provider', 'builtin', '--builtin-locale', 'C.UTF-8'],
    ]);
    await promisify(execFile)(command, args, { ...user, cwd: dataDir, env: postgresEnvironment() });
    await rename(unfinished, clusterDir);
  } finally {
    await rm(passwordFile, { force: true });
  }
}

/** Our environment in the one locale that every machine has, so that no missing locale stops the server. */
export function postgresEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, LC_ALL: 'C' };
}

async function keptPassword(path: string, isNew: boolean): Promise<string> {
  const kept = await readFile(path, 'utf8').catch(() => null);
  if (kept !== null && kept !== '') return kept;
  if (!isNew)
    throw new Error(`Postgres: the cluster's password is gone from ${path}. Put it back, or move the data aside to begin with empty data.`);
  const password = randomBytes(24).toString('base64url');
  await writeFile(`${path}.next`, password, { mode: 0o600 });
  await rename(`${path}.next`, path);
  return password;
}

/** A lock left by a server that was killed may name a pid that somebody else has now, and Postgres would not start. */
async function removeStaleLock(path: string): Promise<void> {
  const pid = Number.parseInt(await readFile(path, 'utf8').catch(() => ''), 10);
  if (Number.isInteger(pid) && (await programName(pid)) !== 'postgres') await rm(path, { force: true });
}

async function makeExecutable(program: string): Promise<void> {
  await access(program, constants.X_OK).catch(() => chmod(program, 0o755));
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
