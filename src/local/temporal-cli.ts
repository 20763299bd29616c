import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { downloadTemporalCli, type Making } from './temporal-cli-download.js';
import { buildTemporalCli } from './temporal-cli-build.js';
import { programFile, temporalCliHome, TEMPORAL_CLI_VERSION } from './temporal-cli-home.js';

export interface TemporalCliSearch {
  /** The path that was set (`TEMPORAL_CLI_PATH`); null where none was. */
  readonly configuredPath: string | null;
  readonly say: (line: string) => void;
  /** Ends a download or a build early. */
  readonly signal?: AbortSignal;
  /** Where the program is kept for every project of this user; a directory under the user's cache by default. */
  readonly home?: string;
  readonly searchPath?: string;
  readonly download?: MakeProgram;
  readonly build?: MakeProgram;
}

type MakeProgram = (making: Making) => Promise<string | null>;

/** Thrown where there is no Temporal CLI and none can be had; the message says how to get one by hand. */
export class TemporalCliMissingError extends Error {
  override readonly name = 'TemporalCliMissingError';
}

interface Source {
  readonly name: string;
  /** @returns the program's path, or null where this source has nothing to offer; throws where it failed */
  get(): Promise<string | null>;
}

/**
 * Finds the program that holds Temporal's development server: the path that was set, else `temporal` on the PATH, else one kept from
 * before, else the Temporal SDK's own download, else one built with Go; what was fetched or built is kept.
 * @returns its absolute path
 * @throws TemporalCliMissingError, also where the path that was set does not work
 */
export async function findTemporalCli({
  configuredPath,
  say,
  signal,
  home = temporalCliHome(),
  searchPath = process.env.PATH ?? '',
  download = downloadTemporalCli,
  build = buildTemporalCli,
}: TemporalCliSearch): Promise<string> {
  if (configuredPath !== null) {
    const fault = await faultOf(configuredPath);
    if (fault === null) return configuredPath;
    throw new TemporalCliMissingError(`TEMPORAL_CLI_PATH (${configuredPath}) is no Temporal CLI that runs here: ${fault}`);
  }

  const kept = join(home, programFile);
  const making = { home, say, ...(signal ? { signal } : {}) };
  const sources: readonly Source[] = [
    { name: 'on the PATH', get: () => onPath(searchPath) },
    { name: 'kept from before', get: async () => ((await isThere(kept)) ? kept : null) },
    { name: "the Temporal SDK's download", get: () => download(making) },
    { name: 'built with Go', get: () => build(making) },
  ];

  const failures: string[] = [];
  for (const { name, get } of sources) {
    signal?.throwIfAborted();
    try {
      const path = await get();
      const fault = path === null ? 'not there' : await faultOf(path);
      if (path !== null && fault === null) return path;
      if (path !== null) say(`Temporal CLI: ${path} does not run (${fault ?? ''}); looking on.`);
      failures.push(`${name}: ${fault ?? ''}`);
    } catch (error) {
      signal?.throwIfAborted();
      failures.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new TemporalCliMissingError(
    [
      'There is no Temporal CLI here, and none could be had:',
      ...failures.map((failure) => `  - ${failure}`),
      `Get one by hand (https://docs.temporal.io/cli/setup-cli; on macOS: brew install temporal), put it on the PATH or at ${kept},`,
      `or name it in TEMPORAL_CLI_PATH. With Go: go install github.com/temporalio/cli/cmd/temporal@${TEMPORAL_CLI_VERSION}`,
      'Or set TEMPORAL_ADDRESS to a Temporal server that runs elsewhere.',
    ].join('\n'),
  );
}

async function onPath(searchPath: string): Promise<string | null> {
  for (const directory of searchPath.split(delimiter).filter((entry) => entry !== '')) {
    const candidate = join(directory, programFile);
    if (await isThere(candidate)) return candidate;
  }
  return null;
}

async function isThere(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** @returns why the program is no Temporal CLI with a development server; null where it is one */
async function faultOf(path: string): Promise<string | null> {
  try {
    const { stdout } = await promisify(execFile)(path, ['--version'], { timeout: 20_000 });
    return /^temporal version .*Server/m.test(stdout) ? null : `it calls itself ${JSON.stringify(stdout.trim().slice(0, 80))}`;
  } catch (error) {
    return error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
  }
}
