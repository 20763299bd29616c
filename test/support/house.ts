import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { migrate } from '../../src/audit/migrate.js';
import { searchAttributeTypes } from '../../src/domain/search-attribute-names.js';
import { startEmbeddedPostgres } from '../../src/local/postgres.js';
import { findTemporalCli } from '../../src/local/temporal-cli.js';
import { startEmbeddedTemporal } from '../../src/local/temporal-server.js';
import { makeTemporaryDataDir } from '../../src/local/temporary-data-dir.js';
import { houseVariables } from './house-variables.js';

interface Part {
  close(): Promise<void>;
}

const say = (line: string): void => void process.stderr.write(`${line}\n`);

/** Starts, once per run, what the tests share; they learn the addresses from the environment. */
export async function openHouse(): Promise<Part> {
  const settled = await Promise.allSettled([openDatabase(), openTemporal(), bundleWorkflows()]);
  const parts = settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const close = async (): Promise<void> => {
    await Promise.all(parts.map((part) => part.close()));
  };
  const faults = settled.flatMap((result): unknown[] => (result.status === 'rejected' ? [result.reason] : []));
  if (faults.length > 0) {
    await close();
    throw new AggregateError(faults, `The house for the tests does not stand: ${faults.map(String).join('; ')}`);
  }
  return { close };
}

async function openDatabase(): Promise<Part> {
  const dataDir = await makeTemporaryDataDir({ prefix: 'latchkey-test-postgres-', name: 'Postgres', stopSignal: 'SIGINT', say });
  // What a crash would lose does not matter here.
  const settings = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '300' };
  const postgres = await startEmbeddedPostgres({ dataDir, port: null, settings, say: () => undefined });
  const close = async (): Promise<void> => {
    await postgres.stop();
    await rm(dataDir, { recursive: true, force: true });
  };
  try {
    await migrate({ databaseUrl: postgres.url });
  } catch (error) {
    await close();
    throw error;
  }
  process.env[houseVariables.templateDatabaseUrl] = postgres.url;
  return { close };
}

async function openTemporal(): Promise<Part> {
  const cliPath = await findTemporalCli({ configuredPath: process.env.TEMPORAL_CLI_PATH ?? null, say });
  const temporal = await startEmbeddedTemporal({ cliPath, dataDir: null, port: null, uiPort: null, searchAttributes: searchAttributeTypes, say });
  process.env[houseVariables.temporalAddress] = temporal.address;
  return { close: temporal.stop };
}

async function bundleWorkflows(): Promise<Part> {
  const { code } = await bundleWorkflowCode({
    workflowsPath: fileURLToPath(new URL('../../workflows/index.ts', import.meta.url)),
    logger: new DefaultLogger('WARN'),
    // Imports name the compiled file; the bundle is made from the source.
    webpackConfigHook: (config) => ({ ...config, resolve: { ...config.resolve, extensionAlias: { '.js': ['.ts', '.js'] } } }),
  });
  const directory = await mkdtemp(join(tmpdir(), 'latchkey-test-workflows-'));
  const codePath = join(directory, 'workflow-bundle.js');
  await writeFile(codePath, code);
  process.env[houseVariables.workflowBundle] = codePath;
  return { close: () => rm(directory, { recursive: true, force: true }) };
}
