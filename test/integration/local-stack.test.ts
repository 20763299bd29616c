import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import pg from 'pg';
import { DataDirInUseError } from '../../src/local/data-dir-claim.js';
import { PortTakenError } from '../../src/local/free-port.js';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../src/local/postgres.js';
import { isRunning, identify } from '../../src/local/process-identity.js';
import { ServerStartError, startServerProcess } from '../../src/local/server-process.js';
import { findTemporalCli } from '../../src/local/temporal-cli.js';
import { startEmbeddedTemporal, type EmbeddedTemporal } from '../../src/local/temporal-server.js';
import { makeTemporaryDataDir } from '../../src/local/temporary-data-dir.js';
import { eventually } from '../support/eventually.js';

let cliPath: string;
let root: string;
const said: string[] = [];
const started: Promise<{ stop(): Promise<void> }>[] = [];
const say = (line: string): void => void said.push(line);

beforeAll(async () => {
  cliPath = await findTemporalCli({ configuredPath: process.env.TEMPORAL_CLI_PATH ?? null, say });
});

beforeEach(async () => {
  root = await makeTemporaryDataDir({ prefix: 'latchkey-test-stack-', name: 'Tests', say });
  said.length = 0;
});

afterEach(async () => {
  const servers = await Promise.allSettled(started.splice(0));
  await Promise.all(servers.map((server) => (server.status === 'fulfilled' ? server.value.stop() : null)));
  await rm(root, { recursive: true, force: true });
});

async function postgresIn(directory: string, port: number | null = null): Promise<EmbeddedPostgres> {
  const postgres = startEmbeddedPostgres({ dataDir: join(root, directory, 'postgres'), port, say, settings: { fsync: 'off' } });
  started.push(postgres);
  return postgres;
}

async function temporalIn(
  directory: string | null,
  more: Partial<Parameters<typeof startEmbeddedTemporal>[0]> = {},
): Promise<EmbeddedTemporal> {
  const dataDir = directory === null ? null : join(root, directory, 'temporal');
  const temporal = startEmbeddedTemporal({
    cliPath,
    dataDir,
    port: null,
    uiPort: null,
    searchAttributes: { CorrelationId: 'KEYWORD' },
    say,
    ...more,
  });
  started.push(temporal);
  return temporal;
}

async function query(url: string, statement: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(statement)).rows;
  } finally {
    await client.end();
  }
}

async function withTemporal<T>(address: string, use: (client: Client, connection: Connection) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address });
  try {
    return await use(new Client({ connection }), connection);
  } finally {
    await connection.close();
  }
}

const isGone = async (pid: number): Promise<void> => expect(await identify(pid)).toBeNull();

describe('embedded Postgres', () => {
  it('keeps its data and its password between runs', async () => {
    const first = await postgresIn('a');
    await query(first.url, 'CREATE TABLE kept AS SELECT 42 AS answer');
    await first.stop();
    const second = await postgresIn('a');
    expect(await query(second.url, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
    expect(new URL(second.url).password).toBe(new URL(first.url).password);
    expect((await stat(join(root, 'a', 'postgres', 'password'))).mode & 0o777).toBe(0o600);
  });

  it('listens on loopback alone, and lets nobody in without the password', async () => {
    const { url } = await postgresIn('a');
    expect(
      await query(url, "SELECT current_setting('listen_addresses') AS on, current_setting('unix_socket_directories') AS socket"),
    ).toEqual([{ on: '127.0.0.1', socket: '' }]);
    const wrong = new URL(url);
    wrong.password = 'guess';
    await expect(query(wrong.href, 'SELECT 1')).rejects.toThrow('password authentication failed');
  });

  it('runs side by side with another, each on a port of its own', async () => {
    const [one, other] = await Promise.all([postgresIn('a'), postgresIn('b')]);
    expect(one.port).not.toBe(other.port);
    for (const { url } of [one, other]) expect(await query(url, 'SELECT current_database() AS name')).toEqual([{ name: 'latchkey' }]);
  });

  it('uses the port that was set, or says that it is taken', async () => {
    const { port } = await postgresIn('a');
    await expect(postgresIn('b', port)).rejects.toThrow(PortTakenError);
    const free = await postgresIn('c');
    await free.stop();
    expect((await postgresIn('b', free.port)).port).toBe(free.port);
  });

  it('refuses data that another run works on, and leaves that run alone', async () => {
    const { url } = await postgresIn('a');
    await expect(postgresIn('a')).rejects.toThrow(DataDirInUseError);
    expect(await query(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('starts over where the first run was cut short', async () => {
    const dataDir = join(root, 'a', 'postgres');
    await mkdir(join(dataDir, 'cluster.new', 'base'), { recursive: true });
    await writeFile(join(dataDir, 'owner.json'), '{"owner":{"pi');
    expect(await query((await postgresIn('a')).url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('never makes a new cluster over a damaged one', async () => {
    const first = await postgresIn('a');
    await first.stop();
    await rm(join(root, 'a', 'postgres', 'cluster', 'PG_VERSION'));
    await expect(postgresIn('a')).rejects.toThrow();
    expect((await stat(join(root, 'a', 'postgres', 'cluster', 'base'))).isDirectory()).toBe(true);
  });

  it('tells the end of its log where it cannot start', async () => {
    const start = startEmbeddedPostgres({ dataDir: join(root, 'a'), port: null, say, settings: { no_such_setting: 'on' } });
    await expect(start).rejects.toThrow(/no_such_setting/);
    await expect(start).rejects.toThrow(ServerStartError);
  });

  it('is gone once it was stopped, twice if need be', async () => {
    const postgres = await postgresIn('a');
    await Promise.all([postgres.stop(), postgres.stop()]);
    await isGone(postgres.pid);
  });
});

describe('embedded Temporal', () => {
  it('answers for its namespace, with the search attributes there', async () => {
    const { address } = await temporalIn(null, { namespace: 'bank' });
    const { customAttributes } = await withTemporal(address, (_, connection) =>
      connection.operatorService.listSearchAttributes({ namespace: 'bank' }),
    );
    expect(Object.keys(customAttributes)).toEqual(['CorrelationId']);
  });

  it('keeps its workflows between runs, and takes attributes that are there already', async () => {
    const first = await temporalIn('a');
    await withTemporal(first.address, ({ workflow }) => workflow.start('anything', { workflowId: 'kept', taskQueue: 'nobody' }));
    await first.stop();
    const second = await temporalIn('a', { searchAttributes: { CorrelationId: 'KEYWORD', UnlockAttempts: 'INT' } });
    await withTemporal(second.address, async (client, connection) => {
      expect((await client.workflow.getHandle('kept').describe()).status.name).toBe('RUNNING');
      const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace: 'default' });
      expect(Object.keys(customAttributes).sort()).toEqual(['CorrelationId', 'UnlockAttempts']);
    });
  });

  it('runs side by side with others that start at the same moment', async () => {
    const servers = await Promise.all([temporalIn(null, { uiPort: 'auto' }), temporalIn('a', { uiPort: 'auto' })]);
    const [one, other] = servers;
    expect(one?.address).not.toBe(other?.address);
    expect(one?.uiUrl).not.toBe(other?.uiUrl);
    for (const { address, uiUrl } of servers) {
      await withTemporal(address, ({ workflow }) => workflow.start('anything', { workflowId: 'same', taskQueue: 'nobody' }));
      await eventually(async () => expect((await fetch(uiUrl ?? '')).status).toBe(200));
    }
  });

  it('says that a port that was set is taken', async () => {
    const { address } = await temporalIn(null);
    const port = Number(address.split(':')[1]);
    await expect(temporalIn(null, { port })).rejects.toThrow(PortTakenError);
    await expect(temporalIn(null, { uiPort: port })).rejects.toThrow(PortTakenError);
  });

  it('tells the end of its log where it cannot start', async () => {
    const broken = join(root, 'temporal');
    await writeFile(broken, '#!/bin/sh\necho it is broken\nexit 3\n');
    await chmod(broken, 0o755);
    await expect(temporalIn('a', { cliPath: broken })).rejects.toThrow('it is broken');
    await expect(temporalIn('a', { cliPath: join(root, 'nowhere') })).rejects.toThrow('nowhere');
  });
});

describe('a server process', () => {
  it('ends by force, with all that it started, where it does not end when told', async () => {
    const script = 'trap "" TERM; sh -c "echo \\$\\$; while :; do sleep 0.1; done"';
    const server = await startServerProcess({
      name: 'stubborn',
      command: 'sh',
      args: ['-c', script],
      cwd: root,
      logFile: join(root, 'log'),
      stopSignal: 'SIGTERM',
      stopLimitMs: 200,
    });
    const childPid = await eventually(async () => {
      const pid = Number(await server.log());
      expect(pid).toBeGreaterThan(0);
      return pid;
    });
    await server.stop();
    await eventually(() => isGone(server.pid));
    await eventually(() => isGone(childPid));
  });
});

describe('the process that holds the stack', () => {
  interface Stack {
    readonly holder: ChildProcess;
    readonly postgres: { readonly pid: number; readonly url: string };
    readonly temporal: { readonly pid: number; readonly address: string };
    nextLine(): Promise<unknown>;
  }
  const holders: ChildProcess[] = [];

  async function startHolder(): Promise<Stack> {
    const script = join(import.meta.dirname, '..', 'support', 'local-stack-process.ts');
    // A group of its own, as under a terminal.
    const holder = spawn(process.execPath, ['--import', 'tsx', script, join(root, 'a'), cliPath], {
      detached: true,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    holders.push(holder);
    const lines = createInterface({ input: holder.stdout })[Symbol.asyncIterator]();
    const nextLine = async (): Promise<unknown> => {
      const { value, done } = await lines.next();
      if (done === true) throw new Error('the process ended');
      return JSON.parse(value);
    };
    const { postgres, temporal } = parseStack(await nextLine());
    return { holder, postgres, temporal, nextLine };
  }

  function parseStack(line: unknown): Pick<Stack, 'postgres' | 'temporal'> {
    expect(line).toEqual({
      postgres: { pid: expect.any(Number), url: expect.any(String) },
      temporal: { pid: expect.any(Number), address: expect.any(String) },
    });
    return line as Pick<Stack, 'postgres' | 'temporal'>;
  }

  afterAll(async () => {
    for (const holder of holders) if (holder.exitCode === null && holder.signalCode === null) holder.kill('SIGTERM');
  });

  it('may get Ctrl-C with its whole group, and its servers live until it stops them', async () => {
    const { holder, postgres, temporal, nextLine } = await startHolder();
    process.kill(-(holder.pid ?? NaN), 'SIGINT');
    expect(await nextLine()).toBe('interrupted');
    expect(await query(postgres.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await withTemporal(temporal.address, ({ workflow }) => workflow.start('anything', { workflowId: 'alive', taskQueue: 'nobody' }));
    const ended = once(holder, 'exit');
    holder.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    await isGone(postgres.pid);
    await isGone(temporal.pid);
  });

  it('may be killed: the next run ends the servers that it left, and finds all that was committed', async () => {
    const { holder, postgres, temporal } = await startHolder();
    await query(postgres.url, 'CREATE TABLE kept AS SELECT 42 AS answer');
    await withTemporal(temporal.address, ({ workflow }) => workflow.start('anything', { workflowId: 'kept', taskQueue: 'nobody' }));
    const ended = once(holder, 'exit');
    holder.kill('SIGKILL');
    await ended;
    expect(await identify(postgres.pid)).not.toBeNull();

    const [nextPostgres, nextTemporal] = await Promise.all([postgresIn('a'), temporalIn('a')]);
    await isGone(postgres.pid);
    await isGone(temporal.pid);
    expect(said.filter((line) => line.includes('left its server behind'))).toHaveLength(2);
    expect(await query(nextPostgres.url, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
    const found = await withTemporal(nextTemporal.address, ({ workflow }) => workflow.getHandle('kept').describe());
    expect(found.status.name).toBe('RUNNING');
  });

  it('may be killed with its servers', async () => {
    const { holder, postgres, temporal } = await startHolder();
    await query(postgres.url, 'CREATE TABLE kept AS SELECT 42 AS answer');
    const ended = once(holder, 'exit');
    for (const pid of [holder.pid ?? NaN, postgres.pid, temporal.pid]) process.kill(pid, 'SIGKILL');
    await ended;
    const [nextPostgres] = await Promise.all([postgresIn('a'), temporalIn('a')]);
    expect(await query(nextPostgres.url, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
  });

  it('is known by more than its pid, which may come round again', async () => {
    const self = await identify(process.pid);
    if (self === null) throw new Error('not found');
    expect(await isRunning(self)).toBe(true);
    expect(await isRunning({ ...self, startedAt: 'long ago' })).toBe(false);
    expect(await readFile(join(root, 'a', 'postgres', 'owner.json'), 'utf8').catch(() => null)).toBeNull();
  });
});
