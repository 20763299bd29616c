import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { findTemporalCli } from '../../src/local/temporal-cli.js';
import { makeTemporaryDataDir } from '../../src/local/temporary-data-dir.js';
import { INSTITUTION, startForeignIssuer, AUDIENCE } from '../support/front-door.js';
import { buildProduct, startLatchkeyProcess } from '../support/latchkey-process.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import type { Target, Way } from './fault-kinds.js';
import { createMember, type Member } from './member.js';
import { createPostgresMember, createTemporalMember, type PostgresMember, type TemporalMember } from './servers.js';
import { freePorts } from '../support/free-ports.js';
import { PAYLOAD_KEY, SANDBOX_CLIENT, settings } from './settings.js';
import { createWireTap, type WireTap } from './wire-tap.js';

/** Two APIs, two workers, the servers and the bank, each a process of its own, and a proxy on every way between them. */
export interface Stack {
  readonly directory: string;
  readonly postgres: PostgresMember;
  readonly temporal: TemporalMember;
  readonly members: Readonly<Record<Target, readonly Member[]>>;
  readonly ways: Readonly<Record<Way, readonly TcpProxy[]>>;
  readonly tap: WireTap;
  readonly bankJournal: string;
  /** The bank's stage door, past every proxy. */
  readonly bankUrl: string;
  /** Where callers find the APIs. */
  readonly apiUrls: readonly string[];
  callerToken(): Promise<string>;
  stop(): Promise<void>;
  removeData(): Promise<void>;
}

const PAIR = [0, 1] as const;

/** Builds the product where it is stale and starts it all; it is ready when this resolves. */
export async function startStack(say: (line: string) => void): Promise<Stack> {
  buildProduct();
  const directory = await makeTemporaryDataDir({ prefix: 'latchkey-chaos-', name: 'Chaos', say });
  const issuer = await startForeignIssuer();
  const cliPath = await findTemporalCli({ configuredPath: process.env.TEMPORAL_CLI_PATH ?? null, say });
  const postgres = createPostgresMember(join(directory, 'postgres'));
  const temporal = createTemporalMember(join(directory, 'temporal'), cliPath);
  const bankJournal = join(directory, 'bank.ndjson');
  const [bankPort = 0, ...apiPorts] = await freePorts(3);
  const bank = createMember({
    name: 'bank',
    launch: () =>
      startLatchkeyProcess(['sandbox', '--port', String(bankPort), '--journal', bankJournal], { UPSTREAM_INSTITUTION_ID: INSTITUTION }),
    ready: /control: http/,
  });
  await Promise.all([postgres.start(), temporal.start(), bank.start()]);
  const migration = startLatchkeyProcess(['migrate'], { DATABASE_URL: postgres.url() });
  if ((await migration.exitCode()) !== 0) throw new Error(`the migration failed:\n${migration.output()}`);

  const tap = createWireTap();
  const pair = (target: Parameters<typeof startTcpProxy>[0]) => Promise.all(PAIR.map(() => startTcpProxy(target)));
  const ways: Record<Way, TcpProxy[]> = {
    'caller-api': await Promise.all(apiPorts.map((port) => startTcpProxy(port))),
    'api-postgres': await pair(postgres.port()),
    'api-temporal': await pair(temporal.port()),
    'worker-postgres': await pair(postgres.port()),
    'worker-temporal': await pair(temporal.port()),
    'worker-bank': await pair({ targetPort: bankPort, watch: tap.watch }),
  };
  const through = (way: Way, index: number): string => `127.0.0.1:${ways[way][index]?.port}`;
  const databaseUrl = (way: Way, index: number): string => {
    const url = new URL(postgres.url());
    url.host = through(way, index);
    return url.href;
  };
  const shared = {
    ...settings,
    DATA_DIR: directory,
    PAYLOAD_KEYS: `chaos:${PAYLOAD_KEY.toString('base64')}`,
    UPSTREAM_INSTITUTION_ID: INSTITUTION,
    AUTH_ISSUER: issuer.url,
    AUTH_AUDIENCE: AUDIENCE,
  };
  const apis = PAIR.map((index) =>
    createMember({
      name: `api ${index + 1}`,
      launch: () =>
        startLatchkeyProcess(['api'], {
          ...shared,
          PORT: String(apiPorts[index]),
          DATABASE_URL: databaseUrl('api-postgres', index),
          TEMPORAL_ADDRESS: through('api-temporal', index),
        }),
      ready: /the front door listens/,
    }),
  );
  const workers = PAIR.map((index) =>
    createMember({
      name: `worker ${index + 1}`,
      launch: () =>
        startLatchkeyProcess(['worker'], {
          ...shared,
          DATABASE_URL: databaseUrl('worker-postgres', index),
          TEMPORAL_ADDRESS: through('worker-temporal', index),
          UPSTREAM_BASE_URL: `http://${through('worker-bank', index)}/digitalbanking/ux-users`,
          UPSTREAM_TOKEN_URL: `http://${through('worker-bank', index)}/digitalbanking/oauth2/v1/token`,
          UPSTREAM_CLIENT_ID: SANDBOX_CLIENT.id,
          UPSTREAM_CLIENT_SECRET: SANDBOX_CLIENT.secret,
        }),
      ready: /the worker polls/,
    }),
  );
  await Promise.all([...apis, ...workers].map((member) => member.start()));

  const members = { api: apis, worker: workers, temporal: [temporal], postgres: [postgres], bank: [bank] };
  return {
    directory,
    postgres,
    temporal,
    members,
    ways,
    tap,
    bankJournal,
    bankUrl: `http://127.0.0.1:${bankPort}`,
    apiUrls: ways['caller-api'].map(({ port }) => `http://127.0.0.1:${port}`),
    callerToken: () => issuer.token(),
    async stop() {
      await Promise.all([...apis, ...workers, bank].map((member) => member.end()));
      await Promise.all(Object.values(ways).flatMap((proxies) => proxies.map((proxy) => proxy.close())));
      await Promise.all([postgres.end(), temporal.end(), issuer.stop()]);
    },
    removeData: () => rm(directory, { recursive: true, force: true }),
  };
}
