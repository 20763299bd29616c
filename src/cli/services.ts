import type { Command } from 'commander';
import type { Config, Part } from '../config.js';
import type { Service, ServiceParts } from './serve.js';

interface ServiceCommandParts {
  readonly program: Command;
  readonly settingsOf: (part: Part) => Config;
  readonly redact: (line: string) => string;
  readonly say: (line: string) => void;
}

/** Adds the commands that run a part until they are told to stop. Each loads its part once it runs, so that no other command waits for it. */
export function addServiceCommands({ program, settingsOf, redact, say }: ServiceCommandParts): void {
  async function run(part: Part, start: (parts: ServiceParts) => Promise<Service>): Promise<void> {
    const config = settingsOf(part);
    const { serve } = await import('./serve.js');
    await serve({ part, config, redact }, start);
  }

  program
    .command('up', { isDefault: true })
    .description('everything in one process tree, with whatever is not configured embedded')
    .action(() =>
      run('up', async (parts) => {
        const { up } = await import('./up.js');
        return up({ ...parts, say });
      }),
    );

  program
    .command('api')
    .description('the HTTP front door alone')
    .action(() =>
      run('api', async (parts) => {
        const { startApi } = await import('./api.js');
        const { startMonitoring } = await import('./monitoring.js');
        const { observer } = await startMonitoring(parts);
        const url = await startApi({ ...parts, observer });
        parts.log.info({ url }, 'the front door listens');
        return (await import('./serve.js')).forever;
      }),
    );

  program
    .command('worker')
    .description('the Temporal worker alone')
    .action(() =>
      run('worker', async (parts) => {
        const { startWorkerPart } = await import('./worker.js');
        const worker = await startWorkerPart(parts);
        parts.log.info('the worker polls');
        return worker;
      }),
    );

  program
    .command('sealer')
    .description('the sealer of the audit log alone: signs and publishes what was recorded')
    .action(() =>
      run('sealer', async (parts) => {
        const { startMonitoring } = await import('./monitoring.js');
        const { startSealerPart } = await import('./sealer.js');
        const { installRuntime } = await import('./worker.js');
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
      run('codec', async ({ config, closers, log }) => {
        const { startCodec } = await import('./codec.js');
        const url = await startCodec({ config, closers, port: config.CODEC_PORT ?? 0, capability: null });
        log.info({ url }, 'the codec server listens');
        return (await import('./serve.js')).forever;
      }),
    );

  program
    .command('sandbox')
    .description('the simulated bank and token issuer alone; for local use')
    .option('--port <number>', 'port to listen on', '4010')
    .option('--url <url>', 'where others reach it; tokens name their issuer by it (default: where it listens)')
    .option('--journal <file>', 'keep customers and calls there beyond the end of the process, however it ends')
    .action(({ port, url, journal }: { port: string; url?: string; journal?: string }) =>
      run('sandbox', async ({ closers, config }) => {
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
        return (await import('./serve.js')).forever;
      }),
    );
}
