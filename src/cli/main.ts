#!/usr/bin/env node
import { existsSync } from 'node:fs';
import { Command } from 'commander';
import type { Logger } from 'pino';
import { migrate } from '../audit/migrate.js';
import { ConfigError, loadConfig, type Config, type Part } from '../config.js';
import { createTemporalClient, type TemporalClient } from '../temporal/client.js';
import { setUpTemporal } from '../temporal/setup.js';
import { setCurrentVersion } from '../temporal/worker-version.js';
import type { Tracing } from '../tracing/index.js';
import { startApi } from './api.js';
import { addAuditCommands } from './audit.js';
import { startCodec } from './codec.js';
import { createClosers, type Closers } from './closers.js';
import { CommandFailure } from './exit-codes.js';
import { createLogger } from './logger.js';
import { startMonitoring } from './monitoring.js';
import { temporalSettings, workerVersion } from './parts.js';
import { createRedaction, secretsOf } from './redaction.js';
import { startSealerPart } from './sealer.js';
import { untilToldToStop } from './signals.js';
import { addStatusCommand } from './status.js';
import { addSteeringCommands } from './steering.js';
import { stopWithin } from './stopping.js';
import { openTracing } from './tracing.js';
import { addTokenCommand } from './token.js';
import { addUnlockCommand } from './unlock.js';
import { up } from './up.js';
import { installRuntime, startWorkerPart } from './worker.js';

const EXIT_FAILED = 1;
const EXIT_CONFIG = 78;

const say = (line: string) => void process.stdout.write(`${line}\n`);

// The settings themselves may be at fault: until they are read, what looks like a secret is taken out of what is told.
let redact = createRedaction([]);

function settingsOf(part: Part): Config {
  const config = loadConfig(process.env, part, process.getuid?.() ?? null);
  redact = createRedaction(secretsOf(config));
  return config;
}

interface Service {
  /** Settles when the service ends by itself, which it should not. */
  readonly ended: Promise<void>;
}

const forever: Service = { ended: new Promise(() => undefined) };

interface ServiceParts {
  readonly config: Config;
  readonly log: Logger;
  readonly closers: Closers;
  readonly signal: AbortSignal;
  readonly tracing: Tracing | null;
}

/** The parts by which an unlock goes; what the others do belongs to no request. */
const traced: readonly Part[] = ['up', 'api', 'worker'];

/** Runs a service until a signal ends it, or it fails; stops what it started in order. */
async function serve(part: Part, start: (parts: ServiceParts) => Promise<Service>): Promise<void> {
  const config = settingsOf(part);
  const tellLost = (error: unknown) => log.warn({ err: error }, 'traces could not be sent and are lost');
  const tracing = traced.includes(part) ? await openTracing(config, part, tellLost) : null;
  const log = createLogger({
    level: part === 'up' && process.env.LOG_LEVEL === undefined ? 'warn' : config.LOG_LEVEL,
    toStderr: part === 'up',
    redact,
    besides: tracing?.logFields,
  });
  const closers = createClosers((name, error) => log.error({ err: error }, `stopping: ${name}`));
  if (tracing !== null) closers.add('traces', () => tracing.stop());
  const stopping = new AbortController();
  const told = untilToldToStop(() => closers.killAll()).then(() => stopping.abort());
  let failure: Error | undefined;
  try {
    // Also with a signal the start runs to its end: only then all that it started is known.
    const service = await start({ config, log, closers, signal: stopping.signal, tracing });
    const ended = service.ended.then(() => {
      if (!stopping.signal.aborted) throw new Error('the worker stopped by itself');
    });
    await Promise.race([told, ended]);
  } catch (error) {
    if (!stopping.signal.aborted) failure = error instanceof Error ? error : new Error(String(error));
  }
  await stopWithin(closers, config.SHUTDOWN_LIMIT_MS);
  if (failure !== undefined) throw failure;
  process.exit(0);
}

const program = new Command('latchkey')
  .description('A durable, audited front door for unlocking bank customers. Settings come from the environment; .env is read.')
  .addHelpText(
    'after',
    '\nExit codes: 0 done, 1 failed, 2 wrong usage, 78 settings that cannot work; commands for people have more (docs/cli.md); 130 or 143 where a second signal ended it at once.',
  )
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));

program
  .command('up', { isDefault: true })
  .description('everything in one process tree, with whatever is not configured embedded')
  .action(() => serve('up', (parts) => up({ ...parts, say })));

program
  .command('api')
  .description('the HTTP front door alone')
  .action(() =>
    serve('api', async (parts) => {
      const { observer } = await startMonitoring(parts);
      const url = await startApi({ ...parts, observer });
      parts.log.info({ url }, 'the front door listens');
      return forever;
    }),
  );

program
  .command('worker')
  .description('the Temporal worker alone')
  .action(() =>
    serve('worker', async (parts) => {
      const worker = await startWorkerPart(parts);
      parts.log.info('the worker polls');
      return worker;
    }),
  );

program
  .command('sealer')
  .description('the sealer of the audit log alone: signs and publishes what was recorded')
  .action(() =>
    serve('sealer', async (parts) => {
      installRuntime(parts);
      let polls = () => false;
      const { observer } = await startMonitoring({ ...parts, workerPolls: () => polls() });
      const sealer = await startSealerPart({ ...parts, observer });
      polls = sealer.polls;
      parts.log.info('the sealer polls');
      return sealer;
    }),
  );

program
  .command('codec')
  .description('the codec server alone: decrypts payloads for the Temporal UI')
  .action(() =>
    serve('codec', async ({ config, closers, log }) => {
      const url = await startCodec({ config, closers, port: config.CODEC_PORT ?? 0, capability: null });
      log.info({ url }, 'the codec server listens');
      return forever;
    }),
  );

program
  .command('sandbox')
  .description('the simulated bank and token issuer alone; for local use')
  .option('--port <number>', 'port to listen on', '4010')
  .option('--url <url>', 'where others reach it; tokens name their issuer by it (default: where it listens)')
  .option('--journal <file>', 'keep customers and calls there beyond the end of the process, however it ends')
  .action(({ port, url, journal }: { port: string; url?: string; journal?: string }) =>
    serve('sandbox', async ({ closers, config }) => {
      const { createSandbox } = await import('../sandbox/index.js');
      const { HOST, UPSTREAM_INSTITUTION_ID } = config;
      const sandbox = await createSandbox({
        host: HOST,
        port: Number(port),
        ...(url === undefined ? {} : { publicUrl: url }),
        ...(journal === undefined ? {} : { journalFile: journal }),
        ...(UPSTREAM_INSTITUTION_ID === undefined ? {} : { institutionId: UPSTREAM_INSTITUTION_ID }),
      });
      closers.add('sandbox', sandbox.close);
      say(`bank:    UPSTREAM_BASE_URL=${sandbox.bankBaseUrl} UPSTREAM_TOKEN_URL=${sandbox.bankTokenUrl}`);
      say(
        `         UPSTREAM_CLIENT_ID=${sandbox.clientId} UPSTREAM_CLIENT_SECRET=${sandbox.clientSecret} UPSTREAM_INSTITUTION_ID=${sandbox.institutionId}`,
      );
      say(`issuer:  AUTH_ISSUER=${sandbox.issuerUrl} AUTH_AUDIENCE=${sandbox.audience}`);
      say(`control: ${sandbox.url}/control/calls`);
      return forever;
    }),
  );

program
  .command('migrate')
  .description('brings the database up to date')
  .action(async () => {
    const config = settingsOf('migrate');
    const { applied } = await migrate({ databaseUrl: config.MIGRATE_DATABASE_URL ?? config.DATABASE_URL ?? '', say });
    say(applied.length === 0 ? 'the database is up to date' : `applied ${applied.length} migration(s)`);
  });

addTokenCommand({ program, settingsOf, say });
addUnlockCommand({ program, settingsOf });
addStatusCommand({ program, settingsOf });
addSteeringCommands({ program, settingsOf });
addAuditCommands({ program, settingsOf, say });

const temporal = program.command('temporal').description('works on the Temporal server');

temporal
  .command('setup')
  .description('makes the namespace, where it may, registers the search attributes and sets the schedules of reconciler and sealer')
  .action(async () => {
    const config = settingsOf('temporal');
    await withTemporal(config, (client) => setUpTemporal(client, { reconcileIntervalMs: config.RECONCILE_INTERVAL_MS, say }));
    say('Temporal is ready for Latchkey');
  });

temporal
  .command('set-current-version')
  .description('makes the workers of TEMPORAL_WORKER_BUILD_ID the ones that get new unlocks; those under way follow')
  .option('--unversioned', 'make the workers without a version current instead')
  .action(async ({ unversioned = false }: { unversioned?: boolean }) => {
    const config = settingsOf('temporal');
    const version = workerVersion(config);
    if (version === null) throw new ConfigError(['TEMPORAL_DEPLOYMENT_NAME and TEMPORAL_WORKER_BUILD_ID are required']);
    const buildId = unversioned ? null : version.buildId;
    await withTemporal(config, ({ client }) => setCurrentVersion(client, { ...version, buildId }));
    say(`${version.deploymentName}: ${buildId ?? 'workers without a version'} are current`);
  });

async function withTemporal(config: Config, work: (temporal: TemporalClient) => Promise<void>): Promise<void> {
  const connected = createTemporalClient(temporalSettings(config));
  try {
    await work(connected);
  } finally {
    await connected.close();
  }
}

function exitCodeOf(error: unknown): number {
  if (error instanceof CommandFailure) return error.exitCode;
  return error instanceof ConfigError ? EXIT_CONFIG : EXIT_FAILED;
}

if (existsSync('.env')) process.loadEnvFile('.env');
try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`latchkey: ${redact(error instanceof Error ? error.message : String(error))}\n`);
  process.exit(exitCodeOf(error));
}
