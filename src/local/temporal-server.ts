import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import proto from '@temporalio/proto';
import { claimDataDir, type DataDirClaim } from './data-dir-claim.js';
import { choosePort } from './free-port.js';
import { ServerStartError, startServerProcess, untilReady, type ServerProcess } from './server-process.js';
import { makeTemporaryDataDir } from './temporary-data-dir.js';

const { IndexedValueType } = proto.temporal.api.enums.v1;

const NAME = 'Temporal server';
const FIRST_PORT = 7233;
const FIRST_UI_PORT = 8233;
const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 10_000;
const START_TRIES = 5;
const ANNOUNCEMENT = /^Server:\s/m;
const ANNOUNCEMENT_LIMIT_MS = 3_000;
const UI_GRACE_MS = 250;

/** The types of search attributes, as Temporal's API spells them. */
export type SearchAttributeType = 'TEXT' | 'KEYWORD' | 'INT' | 'DOUBLE' | 'BOOL' | 'DATETIME' | 'KEYWORD_LIST';

const typeNames: Record<SearchAttributeType, string> = {
  TEXT: 'Text',
  KEYWORD: 'Keyword',
  INT: 'Int',
  DOUBLE: 'Double',
  BOOL: 'Bool',
  DATETIME: 'Datetime',
  KEYWORD_LIST: 'KeywordList',
};

export interface EmbeddedTemporalOptions {
  /** The Temporal CLI: see `findTemporalCli`. */
  readonly cliPath: string;
  /** Where histories and log are kept between runs; null: in memory, for this run alone. */
  readonly dataDir: string | null;
  /** The port that was set for gRPC; null: the first free one from 7233 on. */
  readonly port: number | null;
  /** The port that was set for the UI, `auto` for the first free one from 8233 on, null for no UI. */
  readonly uiPort: number | 'auto' | null;
  /** By name; one that is there already stays. */
  readonly searchAttributes: Readonly<Record<string, SearchAttributeType>>;
  /** Made if it is not `default`. */
  readonly namespace?: string;
  /** Where the UI has payloads decoded. */
  readonly codecEndpoint?: string;
  readonly say: (line: string) => void;
}

export interface EmbeddedTemporal {
  /** host:port of the gRPC service. */
  readonly address: string;
  readonly uiUrl: string | null;
  readonly pid: number;
  /** Ends the server; resolves when it is gone. May be repeated. */
  stop(): Promise<void>;
}

/**
 * Starts Temporal's development server on 127.0.0.1; it answers, with namespace and search attributes there, when this resolves.
 * @throws PortTakenError, DataDirInUseError, or ServerStartError with the end of its log
 */
export async function startEmbeddedTemporal(options: EmbeddedTemporalOptions): Promise<EmbeddedTemporal> {
  const { dataDir, say } = options;
  const directory = dataDir === null ? await makeTemporaryDataDir({ prefix: 'latchkey-temporal-', name: NAME, say }) : resolve(dataDir);
  const claim = await claimDataDir({ dataDir: directory, name: NAME, say });
  const leave = async (): Promise<void> => {
    await claim.release();
    if (dataDir === null) await rm(directory, { recursive: true, force: true });
  };
  try {
    const server = await startServer(options, directory, claim);
    return {
      ...server,
      stop: async () => {
        await server.stop();
        await leave();
      },
    };
  } catch (error) {
    await leave();
    throw error;
  }
}

async function startServer(options: EmbeddedTemporalOptions, directory: string, claim: DataDirClaim): Promise<EmbeddedTemporal> {
  const { namespace = 'default' } = options;
  for (let triesLeft = START_TRIES; ; triesLeft -= 1) {
    const port = await choosePort({ purpose: NAME, port: options.port, startAt: FIRST_PORT });
    const uiPort = await chooseUiPort(options.uiPort, port);
    const server = await spawnServer(options, { directory, port, uiPort, namespace });
    const address = `127.0.0.1:${port}`;
    try {
      await claim.recordServer(server.pid);
      await untilReady(
        NAME,
        server,
        START_LIMIT_MS,
        readiness({ server, port, uiPort, address, namespace, searchAttributes: options.searchAttributes }),
      );
      return { address, uiUrl: uiPort === null ? null : `http://127.0.0.1:${uiPort}`, pid: server.pid, stop: server.stop };
    } catch (error) {
      await server.stop();
      const portSnatched =
        error instanceof ServerStartError && /address already in use|Only one usage of each socket address/i.test(error.log);
      if (triesLeft === 0 || !portSnatched) throw error;
    }
  }
}

async function chooseUiPort(wish: EmbeddedTemporalOptions['uiPort'], grpcPort: number): Promise<number | null> {
  if (wish === null) return null;
  return choosePort({ purpose: "Temporal's UI", port: wish === 'auto' ? null : wish, startAt: FIRST_UI_PORT, except: [grpcPort] });
}

interface Place {
  readonly directory: string;
  readonly port: number;
  readonly uiPort: number | null;
  readonly namespace: string;
}

async function spawnServer(options: EmbeddedTemporalOptions, { directory, port, uiPort, namespace }: Place): Promise<ServerProcess> {
  const attributes = Object.entries(options.searchAttributes).flatMap(([name, type]) => [
    '--search-attribute',
    `${name}=${typeNames[type]}`,
  ]);
  // The ports for metrics and HTTP that it is not told it chooses itself, free ones.
  const args = [
    ...['server', 'start-dev', '--ip', '127.0.0.1', '--port', String(port), '--log-level', 'warn'],
    ...(uiPort === null ? ['--headless'] : ['--ui-port', String(uiPort)]),
    ...(options.codecEndpoint === undefined ? [] : ['--ui-codec-endpoint', options.codecEndpoint]),
    ...(namespace === 'default' ? [] : ['--namespace', namespace]),
    ...(options.dataDir === null ? [] : ['--db-filename', join(directory, 'temporal.db')]),
    // Without these sqlite writes 3 MB to disk for each unlock.
    ...['--sqlite-pragma', 'journal_mode=wal', '--sqlite-pragma', 'synchronous=normal'],
    ...attributes,
  ];
  const logFile = join(directory, 'temporal-server.log');
  return startServerProcess({
    name: NAME,
    command: options.cliPath,
    args,
    cwd: directory,
    logFile,
    stopSignal: 'SIGTERM',
    stopLimitMs: STOP_LIMIT_MS,
  });
}

interface Readiness extends Pick<EmbeddedTemporalOptions, 'searchAttributes'> {
  readonly server: ServerProcess;
  readonly port: number;
  readonly uiPort: number | null;
  readonly address: string;
  readonly namespace: string;
}

/** Ready means: it answers for the namespace, and says in its own log that it serves; another server may have snatched its port. */
function readiness({ server, port, uiPort, address, namespace, searchAttributes }: Readiness): () => Promise<void> {
  let answeredAt: number | null = null;
  return async () => {
    // A gRPC client that is refused waits a second before it looks again.
    await accepts(port);
    await prepareNamespace({ address, namespace, searchAttributes });
    answeredAt ??= Date.now();
    // Another version of the CLI may word it differently.
    const announced = ANNOUNCEMENT.test(await server.log()) || Date.now() - answeredAt > ANNOUNCEMENT_LIMIT_MS;
    if (!announced) throw new Error('it has not announced itself yet');
    if (uiPort === null) return;
    await accepts(uiPort);
    // It starts the UI last, and ends where that port was snatched.
    await sleep(UI_GRACE_MS);
  };
}

async function accepts(port: number): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1' });
  try {
    await once(socket, 'connect');
  } finally {
    socket.destroy();
  }
}

/** With data kept from before, the server takes no notice of the attributes that it is started with: what is missing is added here. */
async function prepareNamespace({
  address,
  namespace,
  searchAttributes,
}: Pick<Readiness, 'address' | 'namespace' | 'searchAttributes'>): Promise<void> {
  const { Connection } = await import('@temporalio/client');
  const connection = await Connection.connect({ address, connectTimeout: 1_000 });
  try {
    await connection.withDeadline(Date.now() + 5_000, async () => {
      await connection.workflowService.describeNamespace({ namespace });
      const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
      const missing = Object.entries(searchAttributes).filter(([name]) => !(name in customAttributes));
      if (missing.length === 0) return;
      const added = Object.fromEntries(missing.map(([name, type]) => [name, IndexedValueType[`INDEXED_VALUE_TYPE_${type}`]]));
      await connection.operatorService.addSearchAttributes({ namespace, searchAttributes: added });
    });
  } finally {
    await connection.close();
  }
}
