import type { Command } from 'commander';
import { ConfigError, type Config, type Part } from '../config.js';
import type { TemporalClient } from '../temporal/client.js';

interface TemporalCommandParts {
  readonly program: Command;
  readonly settingsOf: (part: Part) => Config;
  readonly say: (line: string) => void;
}

/** Adds `latchkey temporal …`: what is done on the Temporal server by hand. */
export function addTemporalCommands({ program, settingsOf, say }: TemporalCommandParts): void {
  const temporal = program.command('temporal').description('works on the Temporal server');

  temporal
    .command('setup')
    .description('makes the namespace, where it may, registers the search attributes and sets the schedules of reconciler and sealer')
    .action(async () => {
      const config = settingsOf('temporal');
      const { setUpTemporal } = await import('../temporal/setup.js');
      await withTemporal(config, (client) => setUpTemporal(client, { reconcileIntervalMs: config.RECONCILE_INTERVAL_MS, say }));
      say('Temporal is ready for Latchkey');
    });

  temporal
    .command('set-current-version')
    .description('makes the workers of TEMPORAL_WORKER_BUILD_ID the ones that get new unlocks; those under way follow')
    .option('--unversioned', 'make the workers without a version current instead')
    .action(async ({ unversioned = false }: { unversioned?: boolean }) => {
      const config = settingsOf('temporal');
      const { workerVersion } = await import('./parts.js');
      const { setCurrentVersion } = await import('../temporal/worker-version.js');
      const version = workerVersion(config);
      if (version === null) throw new ConfigError(['TEMPORAL_DEPLOYMENT_NAME and TEMPORAL_WORKER_BUILD_ID are required']);
      const buildId = unversioned ? null : version.buildId;
      await withTemporal(config, ({ client }) => setCurrentVersion(client, { ...version, buildId }));
      say(`${version.deploymentName}: ${buildId ?? 'workers without a version'} are current`);
    });
}

async function withTemporal(config: Config, work: (temporal: TemporalClient) => Promise<void>): Promise<void> {
  const { createTemporalClient } = await import('../temporal/client.js');
  const { temporalSettings } = await import('./parts.js');
  const connected = createTemporalClient(temporalSettings(config));
  try {
    await work(connected);
  } finally {
    await connected.close();
  }
}
