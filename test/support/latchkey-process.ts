import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Builds the product where it is older than its sources: the processes under test are what `npm start` runs. */
export function buildProduct(): void {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['scripts/build-if-stale.mjs'], { cwd: root, encoding: 'utf8' });
  if (status !== 0) throw new Error(`the build failed:\n${stdout}${stderr}`);
}

export interface LatchkeyProcess {
  readonly child: ChildProcess;
  /** Everything it has written so far. */
  output(): string;
  /** Resolves once it has written what matches; rejects if it ends before. */
  says(pattern: RegExp, limitMs?: number): Promise<RegExpMatchArray>;
  /** Waits for it to end by itself; null where it did not. */
  exitCode(limitMs?: number): Promise<number | null>;
  /** @returns its exit code, or the signal that ended it */
  end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals | null>;
}

/** Starts `latchkey …` as a process of its own, with nothing of this process's settings but what is given. */
export function startLatchkeyProcess(args: readonly string[], environment: Readonly<Record<string, string>>, cwd = root): LatchkeyProcess {
  const env = { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', ...environment };
  return startProcess(process.execPath, [`${root}dist/src/cli/main.js`, ...args], { cwd, env });
}

interface ProcessSettings {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly uid?: number;
  readonly gid?: number;
}

/** Starts a program with no other environment and, where told so, as another user. */
export function startProcess(program: string, args: readonly string[], settings: ProcessSettings): LatchkeyProcess {
  const child = spawn(program, args, { ...settings, stdio: ['ignore', 'pipe', 'pipe'] });
  let written = '';
  child.stdout.on('data', (chunk: Buffer) => (written += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (written += chunk.toString()));
  const ended = once(child, 'close');
  return {
    child,
    output: () => written,
    async says(pattern, limitMs = 60_000) {
      const untilMs = Date.now() + limitMs;
      for (;;) {
        const found = written.match(pattern);
        if (found !== null) return found;
        if (child.exitCode !== null || child.signalCode !== null) throw new Error(`it ended before it said ${pattern}:\n${written}`);
        if (Date.now() > untilMs) throw new Error(`it never said ${pattern}:\n${written}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    async exitCode(limitMs = 60_000) {
      const stuck = setTimeout(() => child.kill('SIGKILL'), limitMs);
      await ended;
      clearTimeout(stuck);
      return child.exitCode;
    },
    async end(signal) {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      await ended;
      return child.exitCode ?? child.signalCode;
    },
  };
}
