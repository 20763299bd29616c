import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { searchAttributeTypes } from '../../src/domain/search-attribute-names.js';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../src/local/postgres.js';
import { startEmbeddedTemporal, type EmbeddedTemporal } from '../../src/local/temporal-server.js';
import type { Member } from './member.js';

interface Server {
  readonly pid: number;
  stop(): Promise<void>;
}

const AGAIN_MS = 300;
const START_LIMIT_MS = 90_000;

export interface PostgresMember extends Member {
  /** As the superuser, past every proxy. */
  url(): string;
  port(): number;
  /** SIGKILLs one of the processes that serve a connection: Postgres ends all of them and recovers. */
  crashBackend(): Promise<void>;
}

/** Postgres with the durability that it has by default, and a record of when each transaction was committed. */
export function createPostgresMember(dataDir: string): PostgresMember {
  let postgres: EmbeddedPostgres | null = null;
  let port: number | null = null;
  let url = '';
  const processes = async (): Promise<number[]> => (postgres === null ? [] : [postgres.pid, ...(await childrenOf(postgres.pid))]);
  const member = createServerMember('postgres', processes, async () => {
    postgres = await startEmbeddedPostgres({ dataDir, port, settings: { track_commit_timestamp: 'on' }, say: () => undefined });
    ({ port, url } = postgres);
    return postgres;
  });
  return {
    ...member,
    url: () => url,
    port: () => port ?? 0,
    async crashBackend() {
      const backends: number[] = [];
      for (const pid of (await processes()).slice(1)) {
        if (/latchkey-app|postgres: postgres latchkey/.test(await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')))
          backends.push(pid);
      }
      const [first] = backends;
      if (first !== undefined) signal([first], 'SIGKILL');
    },
  };
}

export interface TemporalMember extends Member {
  port(): number;
  address(): string;
}

/** Temporal's development server with its histories on disk. */
export function createTemporalMember(dataDir: string, cliPath: string): TemporalMember {
  let temporal: EmbeddedTemporal | null = null;
  let port: number | null = null;
  const processes = async (): Promise<number[]> => (temporal === null ? [] : [temporal.pid]);
  const member = createServerMember('temporal', processes, async () => {
    const options = { cliPath, dataDir, port, uiPort: null, searchAttributes: searchAttributeTypes, say: () => undefined };
    temporal = await startEmbeddedTemporal(options);
    port = Number(temporal.address.split(':')[1]);
    return temporal;
  });
  return { ...member, port: () => port ?? 0, address: () => `127.0.0.1:${port}` };
}

function createServerMember(name: string, processes: () => Promise<number[]>, launch: () => Promise<Server>): Member {
  let server: Server | null = null;
  let isOver = false;
  const kill = async (): Promise<void> => {
    const ending = server;
    server = null;
    if (ending === null) return;
    // A process that is stopped ends only by SIGKILL.
    signal(await processes(), 'SIGKILL');
    await ending.stop();
  };
  return {
    name,
    async start() {
      for (const untilMs = Date.now() + START_LIMIT_MS; server === null && !isOver;) {
        try {
          server = await launch();
        } catch (error) {
          // The last processes of the one that was killed may still hold its port.
          if (Date.now() > untilMs) throw error;
          await sleep(AGAIN_MS);
        }
      }
    },
    kill,
    terminate: async () => {
      await server?.stop();
      server = null;
    },
    freeze: async () => signal(await processes(), 'SIGSTOP'),
    thaw: async () => signal(await processes(), 'SIGCONT'),
    async end() {
      isOver = true;
      await kill();
    },
    output: () => '',
    selfEnded: () => 0,
  };
}

function signal(pids: readonly number[], name: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name);
    } catch {
      // It ended in between.
    }
  }
}

/** Linux alone tells. */
async function childrenOf(pid: number): Promise<number[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  return children.split(' ').filter(Boolean).map(Number);
}
