import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

interface ChildCommand {
  readonly name: string;
  /** Arguments of `node`, from the project's root. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** A file, not a pipe: reading along would cost CPU while measuring. */
  readonly logFile: string;
  /** What it says once it is ready. */
  readonly ready: RegExp;
}

export interface ChildProgram {
  readonly pid: number;
  /** The match of `ready`. */
  readonly said: RegExpMatchArray;
  /** Ends it in good order, by force after 15 s. May be repeated. */
  stop(): Promise<void>;
}

const READY_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 15_000;

/**
 * Starts a Node program with nothing of this process's settings but what is given.
 * @throws with what it wrote, where it ends before it is ready or is not ready within a minute
 */
export async function startChild({ name, args, env, logFile, ready }: ChildCommand): Promise<ChildProgram> {
  const log = openSync(logFile, 'a');
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(process.execPath, args, { cwd: root, env: { PATH, HOME, ...env }, stdio: ['ignore', log, log] });
  closeSync(log);
  const exited = once(child, 'exit');
  const hasExited = () => child.exitCode !== null || child.signalCode !== null;

  const endWithUs = () => void child.kill('SIGTERM');
  process.once('exit', endWithUs);

  async function stop(): Promise<void> {
    process.off('exit', endWithUs);
    if (hasExited()) return;
    child.kill('SIGTERM');
    const force = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
    await exited;
    clearTimeout(force);
  }

  const untilMs = performance.now() + READY_LIMIT_MS;
  for (;;) {
    const written = await readFile(logFile, 'utf8');
    const said = ready.exec(written);
    if (said !== null && child.pid !== undefined) return { pid: child.pid, said, stop };
    if (hasExited()) throw new Error(`${name} ended while starting:\n${written}`);
    if (performance.now() > untilMs) {
      await stop();
      throw new Error(`${name} was not ready in time:\n${written}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
