import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const requirements = fileURLToPath(new URL('requirements.txt', import.meta.url));
const INSTALL_LIMIT_MS = 400_000;

/**
 * Installs schemathesis into a Python environment of its own, once for each version.
 * @returns the program
 * @throws where python3, its venv module or the package index cannot be had
 */
export async function installSchemathesis(): Promise<string> {
  const version = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 12);
  const home = join(homedir(), '.cache', 'latchkey', `schemathesis-${version}`);
  const program = join(home, 'bin', 'schemathesis');
  const done = join(home, 'done');
  if (existsSync(done)) return program;
  await rm(home, { recursive: true, force: true });
  const options = { timeout: INSTALL_LIMIT_MS };
  await run('python3', ['-m', 'venv', home], options);
  await run(join(home, 'bin', 'python'), ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', requirements], options);
  // A half-done environment is never taken for a whole one.
  await run('touch', [`${done}.new`]);
  await rename(`${done}.new`, done);
  return program;
}

interface Finished {
  readonly status: number | null;
  readonly output: string;
}

/** Runs a program to its end and keeps all that it says. */
export function runToEnd(program: string, args: readonly string[], cwd: string): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, [...args], { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const keep = (chunk: Buffer): void => void (output += chunk.toString());
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, output }));
  });
}
