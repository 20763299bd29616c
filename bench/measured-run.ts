import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { peakMemoryBytesOf } from './process-use.js';

export interface MeasuredRun {
  readonly seconds: number;
  readonly exitCode: number | null;
  readonly output: string;
  /** The most that was resident, looked at every 100 ms. */
  readonly peakMemoryBytes: number;
}

const LOOK_EVERY_MS = 100;

/** Runs a Node program from the project's root to its end, start-up included, with nothing of this process's settings but what is given. */
export async function runMeasured(args: readonly string[], env: Readonly<Record<string, string>>): Promise<MeasuredRun> {
  const { PATH = '', HOME = '' } = process.env;
  const from = performance.now();
  const cwd = fileURLToPath(new URL('..', import.meta.url));
  const child = spawn(process.execPath, [...args], { cwd, env: { PATH, HOME, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  let peakMemoryBytes = 0;
  const look = setInterval(() => (peakMemoryBytes = Math.max(peakMemoryBytes, peakMemoryBytesOf(child.pid ?? 0))), LOOK_EVERY_MS);
  await once(child, 'close');
  clearInterval(look);
  return { seconds: (performance.now() - from) / 1_000, exitCode: child.exitCode, output, peakMemoryBytes };
}
