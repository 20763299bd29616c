import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { migrate } from '../../src/audit/migrate.js';
import { searchAttributeTypes } from '../../src/domain/search-attribute-names.js';
import { startEmbeddedPostgres } from '../../src/local/postgres.js';
import { failureConverterPath } from '../../src/temporal/data-converter.js';
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
  const directory = await makeTemporaryDataDir({ prefix: 'latchkey-test-house-', name: 'Tests', say });
  const settled = await Promise.allSettled([
    openDatabase(join(directory, 'postgres')),
    openTemporal(),
    bundleWorkflows(join(directory, 'workflow-bundle.js')),
  ]);
  const parts = settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const close = async (): Promise<void> => {
    await Promise.all(parts.map((part) => part.close()));
    await rm(directory, { recursive: true, force: true });
  };
  const faults = settled.flatMap((result): unknown[] => (result.status === 'rejected' ? [result.reason] : []));
  if (faults.length > 0) {
    await close();
    throw new AggregateError(faults, `The house for the tests does not stand: ${faults.map(String).join('; ')}`);
  }
  return { close };
}

async function openDatabase(dataDir: string): Promise<Part> {
  // What a crash would lose does not matter here.
  const settings = {
    fsync: 'off',
    synchronous_commit: 'off',
    full_page_writes: 'off',
    max_connections: '300',
    track_activity_query_size: '16384',
  };
  const postgres = await startEmbeddedPostgres({ dataDir, port: null, settings, say: () => undefined });
  try {
    await migrate({ databaseUrl: postgres.url });
  } catch (error) {
    await postgres.stop();
    throw error;
  }
  process.env[houseVariables.templateDatabaseUrl] = postgres.url;
  return { close: postgres.stop };
}

async function openTemporal(): Promise<Part> {
  const cliPath = await findTemporalCli({ configuredPath: process.env.TEMPORAL_CLI_PATH ?? null, say });
  const temporal = await startEmbeddedTemporal({
    cliPath,
    dataDir: null,
    port: null,
    uiPort: null,
    searchAttributes: searchAttributeTypes,
    say,
  });
  process.env[houseVariables.temporalAddress] = temporal.address;
  return { close: temporal.stop };
}

async function bundleWorkflows(codePath: string): Promise<Part> {
  const { code } = await bundleWorkflowCode({
    workflowsPath: fileURLToPath(new URL('../../workflows/index.ts', import.meta.url)),
    failureConverterPath,
    logger: new DefaultLogger('WARN'),
    // Imports name the compiled file; the bundle is made from the source.
    webpackConfigHook: (config) => ({ ...config, resolve: { ...config.resolve, extensionAlias: { '.js': ['.ts', '.js'] } } }),
  });
  await writeFile(codePath, code);
  process.env[houseVariables.workflowBundle] = codePath;
  return { close: async () => undefined };
}
