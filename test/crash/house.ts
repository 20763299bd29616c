import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { migrate } from '../../src/audit/migrate.js';
import { searchAttributeTypes } from '../../src/domain/search-attribute-names.js';
import { choosePort } from '../../src/local/free-port.js';
import { startEmbeddedPostgres } from '../../src/local/postgres.js';
import { findTemporalCli } from '../../src/local/temporal-cli.js';
import { startEmbeddedTemporal } from '../../src/local/temporal-server.js';
import { makeTemporaryDataDir } from '../../src/local/temporary-data-dir.js';
import { createSandbox } from '../../src/sandbox/index.js';
import { createTemporalClient } from '../../src/temporal/client.js';
import { createDataConverter } from '../../src/temporal/data-converter.js';
import { PAYLOAD_KEYS } from '../support/latchkey.js';
import { testTemporal, uniqueTaskQueue } from '../support/temporal.js';
import { startLossyGrpc } from './lossy-grpc.js';
import { endsAnswer, endsStatement, startLossyTcp } from './lossy-way.js';
import type { PartSettings } from './messages.js';
import { startPart, type PartProcess } from './part-process.js';
import type { Component, Target } from './places.js';

const say = (): void => undefined;

/**
 * The house with every part a process of its own: servers that keep their data as they would in earnest, so that a SIGKILL is a
 * SIGKILL, and between them ways on which replies can get lost. The bank's books are in this process and survive its gate.
 */
export async function openCrashHouse() {
  const directory = await makeTemporaryDataDir({ prefix: 'latchkey-test-crash-', name: 'Crash tests', say });
  const cliPath = await findTemporalCli({ configuredPath: process.env.TEMPORAL_CLI_PATH ?? null, say });
  const openPostgres = (port: number) =>
    startEmbeddedPostgres({ dataDir: join(directory, 'postgres'), port, say, settings: { max_connections: '300' } });
  const openTemporal = (port: number) =>
    startEmbeddedTemporal({
      cliPath,
      dataDir: join(directory, 'temporal'),
      port,
      uiPort: null,
      searchAttributes: searchAttributeTypes,
      say,
    });
  const [postgresPort, temporalPort, gatePort, apiPort] = await choosePorts();
  let [postgres, temporal] = await Promise.all([openPostgres(postgresPort), openTemporal(temporalPort)]);
  await migrate({ databaseUrl: postgres.url });
  const sandbox = await createSandbox();
  const ways = {
    postgres: await startLossyTcp({ targetPort: postgresPort, endsReply: endsStatement }),
    bank: await startLossyTcp({ targetPort: gatePort, endsReply: endsAnswer }),
    api: await startLossyTcp({ targetPort: apiPort, endsReply: endsAnswer }),
    temporal: await startLossyGrpc(temporalPort),
  };
  const by = (url: string, port: number): string => {
    const other = new URL(url);
    other.port = String(port);
    return other.href;
  };
  const settings: PartSettings = {
    databaseUrl: by(postgres.url, ways.postgres.port),
    temporalAddress: `127.0.0.1:${ways.temporal.port}`,
    taskQueue: uniqueTaskQueue('crash'),
    workflowBundle: testTemporal().workflowBundle.codePath,
    payloadKeys: PAYLOAD_KEYS,
    apiPort,
    bankBaseUrl: by(sandbox.bankBaseUrl, ways.bank.port),
    bankTokenUrl: by(sandbox.bankTokenUrl, ways.bank.port),
    clientId: sandbox.clientId,
    clientSecret: sandbox.clientSecret,
    institutionId: sandbox.institutionId,
    issuerUrl: sandbox.issuerUrl,
    audience: sandbox.audience,
  };

  const passed = new Map<string, string[]>();
  const listeners = new Set<(correlationId: string, place: string) => void>();
  const onPassing = (component: Component) => (correlationId: string, place: string) => {
    const key = `${component} ${correlationId}`;
    passed.set(key, [...(passed.get(key) ?? []), place]);
    for (const listen of listeners) listen(correlationId, `${component} ${place}`);
  };
  const openGate = () => startPart({ entry: 'bank-gate-process', args: [String(gatePort), String(sandbox.port)] });
  const openWorker = () => startPart({ entry: 'worker-process', settings, onPassing: onPassing('worker') });
  const openApi = () => startPart({ entry: 'api-process', settings, onPassing: onPassing('api') });
  const gate = await openGate();
  const [worker, api] = await Promise.all([openWorker(), openApi()]);
  const parts: { gate: PartProcess; worker: PartProcess; api: PartProcess } = { gate, worker, api };

  const pool = new pg.Pool({ connectionString: postgres.url, max: 4 });
  pool.on('error', () => undefined);
  const observer = createTemporalClient(
    { address: temporal.address, namespace: 'default', tls: undefined, apiKey: undefined },
    createDataConverter(PAYLOAD_KEYS),
  );

  async function killServer(server: { readonly pid: number; stop(): Promise<void> }): Promise<void> {
    process.kill(server.pid, 'SIGKILL');
    await server.stop();
  }

  /** SIGKILL. */
  const kill: Record<Target, () => Promise<void>> = {
    worker: () => parts.worker.end('SIGKILL'),
    api: () => parts.api.end('SIGKILL'),
    bank: () => parts.gate.end('SIGKILL'),
    postgres: () => killServer(postgres),
    temporal: () => killServer(temporal),
  };
  const restart: Record<Target, () => Promise<void>> = {
    worker: async () => void (parts.worker = await openWorker()),
    api: async () => void (parts.api = await openApi()),
    bank: async () => void (parts.gate = await openGate()),
    postgres: async () => void (postgres = await openPostgres(postgresPort)),
    temporal: async () => void (temporal = await openTemporal(temporalPort)),
  };

  return {
    sandbox,
    ways,
    parts,
    client: observer.client,
    kill,
    restart,
    openWorker,
    /** What one component was seen to do for a request, in order. */
    effects: (component: Component, correlationId: string): readonly string[] => passed.get(`${component} ${correlationId}`) ?? [],
    /** Calls back at every place that any request passes, as `component place`; returns how to stop that. */
    onPassing(listen: (correlationId: string, place: string) => void): () => void {
      listeners.add(listen);
      return () => void listeners.delete(listen);
    },
    async sql<Row extends pg.QueryResultRow>(text: string, values: readonly unknown[]): Promise<Row[]> {
      return (await pool.query<Row>(text, [...values])).rows;
    },
    async close() {
      await Promise.all([parts.worker.end('SIGKILL'), parts.api.end('SIGKILL'), parts.gate.end('SIGKILL')]);
      await Promise.all([pool.end(), observer.close(), ...Object.values(ways).map((way) => way.close())]);
      await Promise.all([postgres.stop(), temporal.stop(), sandbox.close()]);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Below those that the system hands out by itself: while a server is down nobody may take its port. */
async function choosePorts(): Promise<[number, number, number, number]> {
  const startAt = 20_000 + Math.floor(Math.random() * 10_000);
  const except: number[] = [];
  for (const purpose of ['Postgres', 'Temporal', 'the gate', 'the front door'])
    except.push(await choosePort({ purpose, port: null, startAt, except }));
  const [postgres = 0, temporal = 0, gate = 0, api = 0] = except;
  return [postgres, temporal, gate, api];
}

export type CrashHouse = Awaited<ReturnType<typeof openCrashHouse>>;
