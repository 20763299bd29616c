import { mean, percentile } from './percentile.js';
import type { Cell } from './run.js';
import { perRole, roles, type PerRole, type SubjectName } from './subject.js';

/** A cell's rounds taken together. */
export interface CellSummary {
  readonly subject: SubjectName;
  readonly concurrency: number;
  readonly perSecond: { readonly mean: number; readonly least: number; readonly most: number };
  /** Of all rounds' unlocks together, in milliseconds. */
  readonly latencyMs: { readonly p50: number; readonly p95: number; readonly p99: number };
  /** Milliseconds of CPU time per unlock. */
  readonly cpuMsPerUnlock: PerRole;
  readonly cpuMsPerUnlockInAll: number;
  readonly harnessCpuMsPerUnlock: number;
  /** The most of all rounds. */
  readonly memoryBytes: PerRole;
  readonly unlocks: number;
}

export function summarize({ subject, concurrency, measurements }: Cell): CellSummary {
  const rates = measurements.map(({ perSecond }) => perSecond);
  const durationsMs = measurements.flatMap(({ load }) => load.durationsMs);
  const perUnlock = (valueOf: (measurement: Cell['measurements'][number]) => number) =>
    measurements.reduce((sum, measurement) => sum + valueOf(measurement), 0) / durationsMs.length;
  const cpuMsPerUnlock = perRole((role) => perUnlock(({ cpuMs }) => cpuMs[role]));
  return {
    subject,
    concurrency,
    perSecond: { mean: mean(rates), least: Math.min(...rates), most: Math.max(...rates) },
    latencyMs: { p50: percentile(durationsMs, 0.5), p95: percentile(durationsMs, 0.95), p99: percentile(durationsMs, 0.99) },
    cpuMsPerUnlock,
    cpuMsPerUnlockInAll: roles.reduce((sum, role) => sum + cpuMsPerUnlock[role], 0),
    harnessCpuMsPerUnlock: perUnlock(({ harnessCpuMs }) => harnessCpuMs),
    memoryBytes: perRole((role) => Math.max(...measurements.map(({ memoryBytes }) => memoryBytes[role]))),
    unlocks: durationsMs.length,
  };
}
