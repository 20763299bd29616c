#!/usr/bin/env node
import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { ConfigError, loadConfig, type Config, type Part } from '../config.js';
import { addAuditCommands } from './audit.js';
import { CommandFailure } from './exit-codes.js';
import { createRedaction, secretsOf } from './redaction.js';
import { addServiceCommands } from './services.js';
import { addStatusCommand } from './status.js';
import { addSteeringCommands } from './steering.js';
import { addTemporalCommands } from './temporal.js';
import { addTokenCommand } from './token.js';
import { addUnlockCommand } from './unlock.js';

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

const program = new Command('latchkey')
  .description('A durable, audited front door for unlocking bank customers. Settings come from the environment; .env is read.')
  .addHelpText(
    'after',
    '\nExit codes: 0 done, 1 failed, 2 wrong usage, 78 settings that cannot work; commands for people have more (docs/cli.md); 130 or 143 where a second signal ended it at once.',
  )
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));

addServiceCommands({ program, settingsOf, redact: (line) => redact(line), say });

program
  .command('migrate')
  .description('brings the database up to date')
  .action(async () => {
    const config = settingsOf('migrate');
    const { migrate } = await import('../audit/migrate.js');
    const { applied } = await migrate({ databaseUrl: config.MIGRATE_DATABASE_URL ?? config.DATABASE_URL ?? '', say });
    say(applied.length === 0 ? 'the database is up to date' : `applied ${applied.length} migration(s)`);
  });

addTokenCommand({ program, settingsOf, say });
addUnlockCommand({ program, settingsOf });
addStatusCommand({ program, settingsOf });
addSteeringCommands({ program, settingsOf });
addAuditCommands({ program, settingsOf, say });

addTemporalCommands({ program, settingsOf, say });

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
