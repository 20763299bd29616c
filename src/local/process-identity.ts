import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { promisify } from 'node:util';

/** One process for ever: a pid alone comes round again. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, in whatever words the system has for it; null where the system does not say. */
  readonly startedAt: string | null;
}

/** @returns null where no such process runs */
export async function identify(pid: number): Promise<ProcessIdentity | null> {
  if (!exists(pid)) return null;
  if (process.platform === 'linux') return identifyOnLinux(pid);
  if (process.platform === 'win32') return { pid, startedAt: null };
  return identifyByPs(pid);
}

export async function isRunning({ pid, startedAt }: ProcessIdentity): Promise<boolean> {
  const found = await identify(pid);
  return found !== null && found.startedAt === startedAt;
}

/** @returns the name of the program that runs under this pid; null where none does, or the system does not say */
export async function programName(pid: number): Promise<string | null> {
  if ((await identify(pid)) === null) return null;
  try {
    if (process.platform === 'linux') return (await readFile(`/proc/${pid}/comm`, 'utf8')).trim();
    const { stdout } = await promisify(execFile)('ps', ['-o', 'comm=', '-p', String(pid)]);
    return basename(stdout.trim()) || null;
  } catch {
    return null;
  }
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // A process of another user is there, though it may not be signalled.
    return hasErrorCode(error, 'EPERM');
  }
}

/** Reads the code of a system error without `instanceof`: under Jest those come from another realm. */
export function hasErrorCode(error: unknown, code: string): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === code;
}

async function identifyOnLinux(pid: number): Promise<ProcessIdentity | null> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold anything; what follows it starts with the state, the start time is 19 fields on.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return null;
    const bootId = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
    return { pid, startedAt: `${bootId} ${fields[19] ?? ''}` };
  } catch {
    return null;
  }
}

async function identifyByPs(pid: number): Promise<ProcessIdentity | null> {
  try {
    const { stdout } = await promisify(execFile)('ps', ['-o', 'lstart=', '-p', String(pid)]);
    return stdout.trim() === '' ? null : { pid, startedAt: stdout.trim() };
  } catch {
    return null;
  }
}
