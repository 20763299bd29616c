import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { migrate } from '../src/audit/migrate.js';
import { searchAttributeTypes } from '../src/domain/search-attribute-names.js';
import { startEmbeddedPostgres } from '../src/local/postgres.js';
import { findTemporalCli } from '../src/local/temporal-cli.js';
import { startEmbeddedTemporal } from '../src/local/temporal-server.js';
import { makeTemporaryDataDir } from '../src/local/temporary-data-dir.js';
import { bankAccount } from './bank-account.js';
import { startChild } from './child-process.js';

type Say = (line: string) => void;

/** What all subjects share: the servers as `npm start` embeds them, and a bank. */
export interface Stack {
  readonly directory: string;
  /** As the superuser. */
  readonly databaseUrl: string;
  readonly temporalAddress: string;
  /** In Prometheus' format. */
  readonly temporalMetricsUrl: string;
  readonly bankUrl: string;
  readonly issuerUrl: string;
  readonly pids: { readonly postgres: number; readonly temporal: number; readonly bank: number };
  /** A token that every front door takes. */
  readonly token: string;
  stop(): Promise<void>;
}

/** Starts everything on free ports, with data of its own that does not outlive `stop`. */
export async function startStack(say: Say): Promise<Stack> {
  const directory = await makeTemporaryDataDir({ prefix: 'latchkey-bench-', name: 'Bench', say });
  const stops: (() => Promise<void>)[] = [() => rm(directory, { recursive: true, force: true })];
  const stop = async () => {
    for (let last = stops.pop(); last !== undefined; last = stops.pop()) await last();
  };
  try {
    // Its durability is the default one; the counting of statements is all that is added.
    const settings = { shared_preload_libraries: 'pg_stat_statements' };
    const postgres = await startEmbeddedPostgres({ dataDir: join(directory, 'postgres'), port: null, settings, say: () => undefined });
    stops.push(() => postgres.stop());
    await migrate({ databaseUrl: postgres.url });

    const dataDir = join(directory, 'temporal');
    const cliPath = await findTemporalCli({ configuredPath: process.env.TEMPORAL_CLI_PATH ?? null, say });
    const temporal = await startEmbeddedTemporal({
      cliPath,
      dataDir,
      port: null,
      uiPort: null,
      searchAttributes: searchAttributeTypes,
      say,
    });
    stops.push(() => temporal.stop());
    const temporalMetricsUrl = /http:\/\/\S+\/metrics/.exec(await readFile(join(dataDir, 'temporal-server.log'), 'utf8'))?.[0];
    if (temporalMetricsUrl === undefined) throw new Error('the Temporal server does not say where its metrics are');

    const bank = await startBank(directory);
    stops.push(() => bank.stop());
    const bankUrl = bank.said[1] ?? '';
    return {
      directory,
      databaseUrl: postgres.url,
      temporalAddress: temporal.address,
      temporalMetricsUrl,
      bankUrl,
      issuerUrl: `${bankUrl}/issuer`,
      pids: { postgres: postgres.pid, temporal: temporal.pid, bank: bank.pid },
      token: await fetchToken(`${bankUrl}/issuer/token`),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function startBank(directory: string) {
  const args = ['--import', 'tsx', 'bench/bank.ts'];
  return startChild({ name: 'the bank', args, env: {}, logFile: join(directory, 'bank.log'), ready: /^bank (\S+)$/m });
}

const tokenAnswer = z.object({ access_token: z.string() });

async function fetchToken(tokenUrl: string): Promise<string> {
  const body = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: 'latchkey-sandbox',
    sub: 'agent-1',
    name: 'Sam Support',
    institution_id: bankAccount.institutionId,
  });
  const response = await fetch(tokenUrl, { method: 'POST', body });
  return tokenAnswer.parse(await response.json()).access_token;
}
