import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Making } from './temporal-cli-download.js';
import { keepProgram, programFile, TEMPORAL_CLI_VERSION } from './temporal-cli-home.js';

const PACKAGE = `github.com/temporalio/cli/cmd/temporal@${TEMPORAL_CLI_VERSION}`;
const LIMIT_MS = 20 * 60_000;
const SAY_EVERY_MS = 30_000;

/**
 * Builds the Temporal CLI from source.
 * @returns where it is kept; null where Go is not installed
 */
export async function buildTemporalCli({ home, say, signal }: Making): Promise<string | null> {
  if (!(await hasGo())) return null;
  say(`Temporal CLI: building ${TEMPORAL_CLI_VERSION} with Go, once for this user (about 4 minutes on two cores).`);
  try {
    const startedAt = Date.now();
    const kept = await keepProgram(home, async (workshop) => {
      await runBuild({ workshop, say, signals: [AbortSignal.timeout(LIMIT_MS), ...(signal ? [signal] : [])] });
      return join(workshop, programFile);
    });
    say(`Temporal CLI: built in ${seconds(startedAt)} s, kept at ${kept}.`);
    return kept;
  } catch (error) {
    say(`Temporal CLI: the build failed (${error instanceof Error ? error.message : String(error)}).`);
    throw error;
  }
}

async function hasGo(): Promise<boolean> {
  return promisify(execFile)('go', ['version']).then(
    () => true,
    () => false,
  );
}

async function runBuild({
  workshop,
  say,
  signals,
}: {
  workshop: string;
  say: (line: string) => void;
  signals: AbortSignal[];
}): Promise<void> {
  const startedAt = Date.now();
  const child = spawn('go', ['install', '-ldflags', '-s -w', PACKAGE], {
    cwd: workshop,
    env: { ...process.env, GOBIN: workshop },
    stdio: ['ignore', 'ignore', 'pipe'],
    windowsHide: true,
    signal: AbortSignal.any(signals),
  });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (complaint = (complaint + chunk).slice(-4_000)));
  const reminder = setInterval(() => say(`Temporal CLI: still building (${seconds(startedAt)} s).`), SAY_EVERY_MS);
  try {
    const ending: unknown[] = await once(child, 'close');
    const code = ending[0];
    if (code !== 0) throw new Error(`go install ended with ${String(code)}: ${complaint.trim().split('\n').slice(-3).join(' ')}`);
  } finally {
    clearInterval(reminder);
  }
}

function seconds(sinceMs: number): number {
  return Math.round((Date.now() - sinceMs) / 1000);
}
