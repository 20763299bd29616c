import { cpus } from 'node:os';
import type { BenchOptions } from './options.js';
import type { BenchResult } from './run.js';
import { roles, type Role, type SubjectName } from './subject.js';
import { summarize, type CellSummary } from './summary.js';

type Row = readonly [label: string, ...cells: string[]];

const titles: Record<SubjectName, string> = {
  floor: 'floor',
  'prisma-floor': 'floor, Prisma',
  together: 'one process',
  apart: 'API + worker',
  traced: 'with traces',
};
const roleNames: Record<Role, string> = { frontDoor: 'front door', worker: 'worker', temporal: 'Temporal', postgres: 'Postgres' };

const times = (value: number | undefined, floor: number | undefined) =>
  value === undefined || floor === undefined ? '' : `${(value / floor).toFixed(1)}×`;
const number = (value: number | undefined, digits = 1) => (value === undefined || Number.isNaN(value) ? '' : value.toFixed(digits));
/** What a subject does not have is a dash, not a nought. */
const orDash = (value: number, digits = 1) => (value === 0 ? '–' : number(value, digits));
const inMegabytes = (bytes: number) => bytes / 2 ** 20;

/** The result as one table: a column for each subject, a block for each question. */
export function tableOf(result: BenchResult, { only, concurrency }: BenchOptions): string {
  const cells = result.cells.map(summarize);
  const across = (label: string, textOf: (name: SubjectName) => string): Row => [label, ...only.map(textOf)];
  const blocks = concurrency.map((atOnce): Row[] => {
    const cell = (name: SubjectName) => cells.find(({ subject, concurrency: its }) => subject === name && its === atOnce);
    const floor = cell('floor');
    const row = (label: string, textOf: (summary: CellSummary) => string) =>
      across(label, (name) => {
        const summary = cell(name);
        return summary === undefined ? '' : textOf(summary);
      });
    return [
      [`${atOnce} at once`],
      row('  unlocks/s', ({ perSecond }) => number(perSecond.mean)),
      row('    lowest, highest round', ({ perSecond }) => `${number(perSecond.least, 0)}–${number(perSecond.most, 0)}`),
      row('    to the floor', ({ perSecond }) => times(perSecond.mean, floor?.perSecond.mean)),
      row('  p50, ms', ({ latencyMs }) => number(latencyMs.p50)),
      row('    to the floor', ({ latencyMs }) => times(latencyMs.p50, floor?.latencyMs.p50)),
      row('  p95, ms', ({ latencyMs }) => number(latencyMs.p95)),
      row('  p99, ms', ({ latencyMs }) => number(latencyMs.p99)),
      row('  CPU per unlock, ms', ({ cpuMsPerUnlockInAll }) => number(cpuMsPerUnlockInAll)),
      ...roles.map((role) => row(`    ${roleNames[role]}`, ({ cpuMsPerUnlock }) => orDash(cpuMsPerUnlock[role]))),
      row('  (bank and bench)', ({ harnessCpuMsPerUnlock }) => `(${number(harnessCpuMsPerUnlock)})`),
      row('  unlocks measured', ({ unlocks }) => String(unlocks)),
    ];
  });
  const wire = (name: SubjectName) => result.wires.get(name);
  const most = concurrency.toSorted((a, b) => a - b).at(-1);
  const atMost = (name: SubjectName) => cells.find(({ subject, concurrency: its }) => subject === name && its === most);
  const frontEndCalls = (name: SubjectName) => Object.values(wire(name)?.temporalCalls ?? {}).reduce((sum, calls) => sum + calls, 0);
  const rows: Row[] = [
    ...blocks.flat(),
    ['per unlock'],
    across('  SQL statements', (name) => number(wire(name)?.statements)),
    across('  round trips to Postgres', (name) => number(wire(name)?.roundTrips)),
    across('  bytes to and from Postgres', (name) => number(wire(name)?.bytes, 0)),
    across('  calls to Temporal', (name) => orDash(frontEndCalls(name))),
    across('  workflow tasks', (name) => number(wire(name)?.history?.workflowTasks) || '–'),
    across('  history events', (name) => number(wire(name)?.history?.events) || '–'),
    across('  history bytes', (name) => number(wire(name)?.history?.bytes, 0) || '–'),
    [`memory after ${most ?? ''} at once, MB`],
    ...roles.map((role) => across(`  ${roleNames[role]}`, (name) => orDash(inMegabytes(atMost(name)?.memoryBytes[role] ?? 0), 0))),
  ];
  return layOut(['', ...only.map((name) => titles[name])], rows);
}

function layOut(headings: Row, rows: readonly Row[]): string {
  const widths = headings.map((heading, column) => Math.max(heading.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: Row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('   ')
      .trimEnd();
  return [line(headings), widths.map((width) => '─'.repeat(width)).join('   '), ...rows.map(line)].join('\n');
}

/** Under what circumstances the figures came about. */
export function circumstances({ loadAverage }: BenchResult, { seconds, rounds }: BenchOptions): string {
  const [cpu] = cpus();
  return [
    `${rounds} rounds in turn, ${seconds} s each after warming up; a bank that answers in 3 ms. Node ${process.version}, ${cpus().length} cores (${cpu?.model.trim() ?? 'unknown'}).`,
    `Load average before ${number(loadAverage.before, 2)}, after ${number(loadAverage.after, 2)}.`,
  ].join('\n');
}
