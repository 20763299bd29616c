import { loadavg } from 'node:os';
import { observeDatabase } from './database-cost.js';
import { putUnderLoad, type LoadResult } from './load.js';
import { measure, type Measurement } from './measure.js';
import type { BenchOptions } from './options.js';
import { startStack, type Stack } from './stack.js';
import type { Subject, SubjectName } from './subject.js';
import { startSubject } from './subjects.js';
import { countOnTheWire, type WireCost } from './wire-pass.js';

export interface Cell {
  readonly subject: SubjectName;
  readonly concurrency: number;
  /** One a round. */
  readonly measurements: readonly Measurement[];
}

/** Whether the audit log has for every unlock what it must have. */
export interface AuditCount {
  readonly subject: SubjectName;
  /** Unlock requests with any row. */
  readonly recorded: number;
  /** Those with their five rows, in order, and no other. */
  readonly complete: number;
  /** Unlocks that were answered 204. */
  readonly answered: number;
}

interface Rounds {
  readonly cells: readonly Cell[];
  /** Not measured, but counted. */
  readonly warmUps: ReadonlyMap<SubjectName, LoadResult>;
}

export interface BenchResult extends Rounds {
  readonly wires: ReadonlyMap<SubjectName, WireCost>;
  readonly audit: readonly AuditCount[];
  /** Of the machine over one minute, before and after. */
  readonly loadAverage: { readonly before: number; readonly after: number };
}

/** Runs the whole bench; what it started is gone when the promise settles. */
export async function runBench(options: BenchOptions, say: (line: string) => void): Promise<BenchResult> {
  const before = loadavg()[0] ?? NaN;
  say('starting Postgres, Temporal and the bank');
  const stack = await startStack(say);
  try {
    const { cells, warmUps } = await inTurn(stack, options, say);
    const observer = await observeDatabase(stack.databaseUrl);
    try {
      const wires = new Map<SubjectName, WireCost>();
      const audit: AuditCount[] = [];
      for (const name of options.only) {
        say(`counting what ${name} says to the servers`);
        const wire = await countOnTheWire({ stack, name, observer });
        wires.set(name, wire);
        const measurements = cells.filter(({ subject }) => subject === name).flatMap((cell) => cell.measurements);
        audit.push({
          subject: name,
          recorded: await observer.recordedUnlocks(name),
          complete: await observer.completeUnlocks(name),
          answered: measurements.reduce(
            (sum, { answered }) => sum + answered,
            (warmUps.get(name)?.durationsMs.length ?? 0) + wire.answered,
          ),
        });
      }
      return { cells, warmUps, wires, audit, loadAverage: { before, after: loadavg()[0] ?? NaN } };
    } finally {
      await observer.close();
    }
  } finally {
    await stack.stop();
  }
}

/** A process that just started compiles its code while it works, for some hundred unlocks. */
const WARM_UP = { concurrency: 20, atMost: 500, forMs: 20_000 };

/** All stand side by side, and one after the other is put under load: what drifts on the machine drifts for all. */
async function inTurn(
  stack: Stack,
  { only, rounds, concurrency, seconds, cpuProfileDir }: BenchOptions,
  say: (line: string) => void,
): Promise<Rounds> {
  const subjects: Subject[] = [];
  try {
    for (const name of only) {
      say(`starting ${name}`);
      subjects.push(await startSubject(name, { stack, databaseUrl: stack.databaseUrl, cpuProfileDir }));
    }
    const warmUps = new Map<SubjectName, LoadResult>();
    for (const { name, url } of subjects) {
      say(`warming ${name} up`);
      warmUps.set(name, await putUnderLoad({ url, token: stack.token, customerPrefix: name }, WARM_UP));
    }
    const cells = subjects.flatMap((subject) =>
      concurrency.map((atOnce) => ({ subject, concurrency: atOnce, measurements: new Array<Measurement>() })),
    );
    for (let round = 1; round <= rounds; round += 1) {
      for (const { subject, concurrency: atOnce, measurements } of cells) {
        const measurement = await measure({ stack, subject, concurrency: atOnce, forMs: seconds * 1000 });
        measurements.push(measurement);
        say(`round ${round} of ${rounds}: ${subject.name}, ${atOnce} at once: ${measurement.perSecond.toFixed(1)} unlocks/s`);
      }
    }
    return { warmUps, cells: cells.map(({ subject, ...cell }) => ({ ...cell, subject: subject.name })) };
  } finally {
    for (const subject of subjects.toReversed()) await subject.stop();
  }
}
