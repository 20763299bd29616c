import { join } from 'node:path';
import type { Config } from '../config.js';
import { searchAttributeTypes } from '../domain/search-attribute-names.js';
import type { Sandbox } from '../sandbox/index.js';
import { institutionsOf } from '../institutions.js';
import type { Closers } from './closers.js';
import { localKey } from './local-keys.js';

/** The settings with everything embedded that was not configured; what was embedded, for the tour. */
export interface EmbeddedParts {
  readonly config: Config;
  readonly sandbox: Sandbox | null;
  /** Where the embedded Temporal UI looks for the codec server; null where the UI is not ours. */
  readonly codec: CodecPlan | null;
}

export interface CodecPlan {
  readonly port: number;
  /** Lets go of the port, for the codec server to take. */
  readonly release: () => Promise<void>;
  /** A path as good as a token: the embedded UI has none. */
  readonly capability: string;
}

export interface Embedding {
  readonly config: Config;
  readonly closers: Closers;
  readonly say: (line: string) => void;
  /** Ends the start early, a long search for the Temporal server with it. */
  readonly signal: AbortSignal;
}

const SANDBOX_FIRST_PORT = 4010;
const HIGHEST_PORT = 65_535;
const CODEC_FIRST_PORT = 8234;

/** Starts what the settings leave out. In production nothing of this is loaded: there the settings leave nothing out. */
export async function embedWhatIsMissing({ config, closers, say, signal }: Embedding): Promise<EmbeddedParts> {
  const nothing = { codec: null, settings: {} };
  const [database, temporal, { sandbox, ...bankAndIssuer }] = await Promise.all([
    config.DATABASE_URL === undefined ? embedPostgres({ config, closers, say }) : {},
    config.TEMPORAL_ADDRESS === undefined ? embedTemporal({ config, closers, say, signal }) : nothing,
    lacksBank(config) || config.AUTH_ISSUER === undefined ? embedSandbox({ config, closers }) : { sandbox: null },
  ]);
  return { config: { ...config, ...database, ...temporal.settings, ...bankAndIssuer }, codec: temporal.codec, sandbox };
}

async function embedPostgres({ config, closers, say }: Omit<Embedding, 'signal'>): Promise<Partial<Config>> {
  const { startEmbeddedPostgres } = await import('../local/postgres.js');
  say('starting Postgres');
  const postgres = await startEmbeddedPostgres({ dataDir: join(config.DATA_DIR, 'postgres'), port: null, say });
  closers.add('Postgres', postgres.stop, () => process.kill(postgres.pid, 'SIGKILL'));
  return { DATABASE_URL: postgres.url };
}

async function embedTemporal({
  config,
  closers,
  say,
  signal,
}: Embedding): Promise<{ readonly codec: CodecPlan; readonly settings: Partial<Config> }> {
  const { findTemporalCli } = await import('../local/temporal-cli.js');
  const { startEmbeddedTemporal } = await import('../local/temporal-server.js');
  const cliPath = await findTemporalCli({ configuredPath: config.TEMPORAL_CLI_PATH ?? null, say, signal });
  say('starting the Temporal server');
  const codec = await planCodec(config);
  const temporal = await startEmbeddedTemporal({
    cliPath,
    dataDir: join(config.DATA_DIR, 'temporal'),
    port: null,
    uiPort: 'auto',
    searchAttributes: searchAttributeTypes,
    namespace: config.TEMPORAL_NAMESPACE,
    codecEndpoint: `http://127.0.0.1:${codec.port}/ui/${codec.capability}`,
    say,
  });
  closers.add('Temporal server', temporal.stop, () => process.kill(temporal.pid, 'SIGKILL'));
  return {
    codec,
    settings: { TEMPORAL_ADDRESS: temporal.address, TEMPORAL_UI_URL: config.TEMPORAL_UI_URL ?? temporal.uiUrl ?? undefined },
  };
}

async function embedSandbox({
  config,
  closers,
}: Pick<Embedding, 'config' | 'closers'>): Promise<Partial<Config> & { readonly sandbox: Sandbox }> {
  const sandbox = await startSandbox(config);
  closers.add('sandbox', sandbox.close);
  const bank = {
    UPSTREAM_BASE_URL: sandbox.bankBaseUrl,
    UPSTREAM_TOKEN_URL: sandbox.bankTokenUrl,
    UPSTREAM_CLIENT_ID: sandbox.clientId,
    UPSTREAM_CLIENT_SECRET: sandbox.clientSecret,
    UPSTREAM_INSTITUTION_ID: sandbox.institutionId,
  };
  const issuer = { AUTH_ISSUER: sandbox.issuerUrl, AUTH_AUDIENCE: sandbox.audience, OIDC_CLIENT_ID: sandbox.deskClientId };
  return { ...(lacksBank(config) ? bank : {}), ...(config.AUTH_ISSUER === undefined ? issuer : {}), sandbox };
}

/** The UI is told where the codec server will listen before either does, so the port is held until then. */
async function planCodec(config: Config): Promise<CodecPlan> {
  const { reservePort } = await import('../local/free-port.js');
  const reserved = await reservePort({ purpose: 'the codec server', port: config.CODEC_PORT ?? null, startAt: CODEC_FIRST_PORT });
  return { ...reserved, capability: await localKey(config.DATA_DIR, 'codec-capability') };
}

/** Institutions with a file of their own bring their banks. */
function lacksBank({ UPSTREAM_BASE_URL, institutions }: Config): boolean {
  return UPSTREAM_BASE_URL === undefined && institutions === null;
}

async function startSandbox(config: Config): Promise<Sandbox> {
  const { AUTH_AUDIENCE: audience } = config;
  const institutionId = institutionsOf(config)[0]?.institutionId;
  const { createSandbox } = await import('../sandbox/index.js');
  for (let port = SANDBOX_FIRST_PORT; ; port += 1) {
    try {
      return await createSandbox({
        port,
        ...(institutionId === undefined ? {} : { institutionId }),
        ...(audience === undefined ? {} : { audience }),
      });
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') || port === HIGHEST_PORT) throw error;
    }
  }
}
