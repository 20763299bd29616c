import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { keepProgram, TEMPORAL_CLI_VERSION } from './temporal-cli-home.js';

const SILENCE_LIMIT_MS = 60_000;
const WATCH_INTERVAL_MS = 1_000;
const SAY_EVERY_BYTES = 50_000_000;

// The SDK offers its download only by starting a server; in a process of its own it leaves our one Temporal runtime to us.
const SCRIPT = `
const [sdk, downloadDir, version] = process.argv.slice(1);
const { default: { TestWorkflowEnvironment } } = await import(sdk);
const environment = await TestWorkflowEnvironment.createLocal({ server: { executable: { type: 'cached-download', downloadDir, version } } });
await environment.teardown();
`;

export interface Making {
  /** Where the program is kept. */
  readonly home: string;
  readonly say: (line: string) => void;
  readonly signal?: AbortSignal;
}

/**
 * Fetches the Temporal CLI as the Temporal SDK does; gives up where nothing arrives for a minute.
 * @returns where it is kept; null where the SDK's testing package is not installed
 */
export async function downloadTemporalCli({ home, say, signal }: Making): Promise<string | null> {
  const sdk = findSdk();
  if (sdk === null) return null;
  say(
    `Temporal CLI: none here yet; the Temporal SDK downloads ${TEMPORAL_CLI_VERSION} (about 100 MB, half a minute on a fast line; gives up after a minute of silence).`,
  );
  try {
    return await keepProgram(home, async (workshop) => {
      await runDownload({ sdk, workshop, say, ...(signal ? { signal } : {}) });
      const [program] = (await readdir(workshop)).filter((entry) => entry.startsWith('temporal'));
      if (program === undefined) throw new Error('the download left no program');
      return join(workshop, program);
    });
  } catch (error) {
    say(`Temporal CLI: the download failed (${error instanceof Error ? error.message : String(error)}).`);
    throw error;
  }
}

function findSdk(): string | null {
  try {
    return pathToFileURL(createRequire(import.meta.url).resolve('@temporalio/testing')).href;
  } catch {
    return null;
  }
}

interface Download {
  readonly sdk: string;
  readonly workshop: string;
  readonly say: (line: string) => void;
  readonly signal?: AbortSignal;
}

async function runDownload({ sdk, workshop, say, signal }: Download): Promise<void> {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', SCRIPT, sdk, workshop, TEMPORAL_CLI_VERSION], {
    stdio: ['ignore', 'ignore', 'pipe'],
    windowsHide: true,
    ...(signal ? { signal } : {}),
  });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (complaint = (complaint + chunk).slice(-4_000)));

  let silent = false;
  let seenBytes = 0;
  let saidBytes = 0;
  let lastGrowth = Date.now();
  const watch = setInterval(() => {
    void sizeOf(workshop).then((bytes) => {
      if (bytes > seenBytes) lastGrowth = Date.now();
      seenBytes = bytes;
      if (bytes >= saidBytes + SAY_EVERY_BYTES) {
        saidBytes = bytes;
        say(`Temporal CLI: ${Math.round(bytes / 1e6)} MB unpacked.`);
      }
      if (Date.now() - lastGrowth > SILENCE_LIMIT_MS) silent = child.kill('SIGKILL') || silent;
    });
  }, WATCH_INTERVAL_MS);
  try {
    const ending: unknown[] = await once(child, 'close');
    const code = ending[0];
    if (silent) throw new Error('nothing arrived for a minute');
    if (code !== 0) throw new Error(reasonIn(complaint));
  } finally {
    clearInterval(watch);
  }
}

function reasonIn(complaint: string): string {
  const reason = /Error: (.+)/.exec(complaint)?.[1] ?? 'the SDK could not fetch it';
  return reason.length > 160 ? `${reason.slice(0, 160)}…` : reason;
}

async function sizeOf(directory: string): Promise<number> {
  const entries = await readdir(directory).catch(() => []);
  const sizes = await Promise.all(
    entries.map((entry) =>
      stat(join(directory, entry)).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
