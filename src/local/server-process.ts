import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readFile, rename } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

const LOG_HEAD_LINES = 4;
const LOG_TAIL_LINES = 16;

export interface ServerCommand {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** The user and group to run as; ours where absent. */
  readonly user?: { readonly uid: number; readonly gid: number };
  /** The log of the run before is kept beside it, with `.1` at its end. */
  readonly logFile: string;
  /** The signal on which it ends in good order. */
  readonly stopSignal: NodeJS.Signals;
  /** Milliseconds after that signal until it is killed. */
  readonly stopLimitMs: number;
}

export interface ServerProcess {
  readonly pid: number;
  /** True once the process has ended. */
  hasExited(): boolean;
  /** What it has logged in this run. */
  log(): Promise<string>;
  /** Ends it, by force after `stopLimitMs`; resolves when it is gone. May be repeated. */
  stop(): Promise<void>;
}

/**
 * Starts a server that runs until it is stopped. It leads a process group of its own, because Ctrl-C reaches a whole group at once
 * and ours must end in order. Should our process exit without stopping it, it gets its stop signal then.
 */
export async function startServerProcess(server: ServerCommand): Promise<ServerProcess> {
  await rename(server.logFile, `${server.logFile}.1`).catch(() => undefined);
  const log = openSync(server.logFile, 'a');
  const child = spawn(server.command, server.args, {
    detached: true,
    windowsHide: true,
    cwd: server.cwd,
    stdio: ['ignore', log, log],
    ...(server.env ? { env: server.env } : {}),
    ...server.user,
  });
  closeSync(log);
  try {
    await once(child, 'spawn');
  } catch (error) {
    throw new Error(`${server.name}: cannot run ${server.command}`, { cause: error });
  }
  const { pid } = child;
  if (pid === undefined) throw new Error(`${server.name}: ${server.command} started without a process id`);

  const hasExited = (): boolean => child.exitCode !== null || child.signalCode !== null;
  const exited = hasExited() ? Promise.resolve() : once(child, 'exit').then(() => undefined);
  const endWithUs = (): void => void child.kill(server.stopSignal);
  process.once('exit', endWithUs);

  let stopping: Promise<void> | null = null;
  const stop = async (): Promise<void> => {
    if (!hasExited()) {
      child.kill(server.stopSignal);
      const patience = new AbortController();
      const inTime = await Promise.race([
        exited.then(() => true),
        sleep(server.stopLimitMs, false, { signal: patience.signal }).catch(() => false),
      ]);
      patience.abort();
      if (!inTime) killGroup(pid);
      await exited;
    }
    process.off('exit', endWithUs);
  };

  return {
    pid,
    hasExited,
    log: () => readFile(server.logFile, 'utf8').catch(() => ''),
    stop: () => (stopping ??= stop()),
  };
}

function killGroup(pid: number): void {
  try {
    process.kill(process.platform === 'win32' ? pid : -pid, 'SIGKILL');
  } catch {
    // It ended in between.
  }
}

/**
 * Waits until a server answers.
 * @param answers resolves where it does, throws where it does not (yet)
 * @throws with the end of its log where the server ends meanwhile or does not answer within `limitMs`; it is stopped then
 */
export async function untilReady(name: string, server: ServerProcess, limitMs: number, answers: () => Promise<void>): Promise<void> {
  const deadline = Date.now() + limitMs;
  for (;;) {
    if (server.hasExited()) throw new ServerStartError(`${name} ended while starting.`, await server.log());
    try {
      await answers();
      // What answered may be another server that snatched the port.
      if (!server.hasExited()) return;
    } catch (error) {
      if (Date.now() > deadline) {
        await server.stop();
        throw new ServerStartError(`${name} did not answer within ${limitMs / 1000} s.`, await server.log(), error);
      }
    }
    await sleep(50);
  }
}

/** Thrown where a server does not come up; the message carries the end of its log, and how that began. */
export class ServerStartError extends Error {
  override readonly name = 'ServerStartError';
  readonly log: string;

  constructor(message: string, log: string, cause?: unknown) {
    super(`${message} The end of its log:\n${excerpt(log)}`, { cause });
    this.log = log;
  }
}

/** A server that panics says why before the long list of where. */
function excerpt(log: string): string {
  const lines = log.trimEnd().split('\n');
  if (lines.length <= LOG_HEAD_LINES + LOG_TAIL_LINES) return lines.join('\n') || '(empty)';
  return [...lines.slice(0, LOG_HEAD_LINES), '…', ...lines.slice(-LOG_TAIL_LINES)].join('\n');
}
