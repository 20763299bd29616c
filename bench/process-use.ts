import { readdirSync, readFileSync } from 'node:fs';

// Linux counts CPU time in hundredths of a second, whatever the kernel's own tick.
const TICK_MS = 10;

interface Stat {
  readonly pid: number;
  readonly parent: number;
  /** Own time and that of children that have ended and been waited for, user and system. */
  readonly cpuMs: number;
}

/** Reads /proc; null where the process has ended. */
function readStat(pid: number): Stat | null {
  const text = readOrNull(`/proc/${pid}/stat`);
  if (text === null) return null;
  // The name, in parentheses, may hold anything: fields are counted behind it.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [parent = 0, ...times] = [fields[1], ...fields.slice(11, 15)].map(Number);
  return { pid, parent, cpuMs: times.reduce((sum, ticks) => sum + ticks, 0) * TICK_MS };
}

function treeOf(root: number): Stat[] {
  const all = readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((entry) => readStat(Number(entry)) ?? []);
  const tree = all.filter(({ pid }) => pid === root);
  for (const known of tree) tree.push(...all.filter(({ parent }) => parent === known.pid));
  return tree;
}

/** CPU time that a process and its descendants have used so far, in milliseconds, to the hundredth of a second. */
export function cpuMsOf(root: number): number {
  return treeOf(root).reduce((sum, { cpuMs }) => sum + cpuMs, 0);
}

/**
 * Memory in bytes: of a single process what is resident; of one with children the sum of their proportional shares,
 * since their resident sizes would count shared memory once for each.
 */
export function memoryBytesOf(root: number): number {
  const tree = treeOf(root);
  if (tree.length === 1) return kilobytes(`/proc/${root}/status`, /^VmRSS:\s+(\d+) kB$/m);
  return tree.reduce((sum, { pid }) => sum + kilobytes(`/proc/${pid}/smaps_rollup`, /^Pss:\s+(\d+) kB$/m), 0);
}

/** The most of a process that has been resident so far, in bytes; 0 where it has ended. */
export function peakMemoryBytesOf(pid: number): number {
  return kilobytes(`/proc/${pid}/status`, /^VmHWM:\s+(\d+) kB$/m);
}

function kilobytes(path: string, line: RegExp): number {
  return Number(line.exec(readOrNull(path) ?? '')?.[1] ?? 0) * 1024;
}

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
