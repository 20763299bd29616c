import type { BenchResult } from './run.js';

/** What makes the figures worthless: unlocks that failed, or rows that are missing from the audit log. Empty where all is well. */
export function faultsOf({ cells, warmUps, wires, audit }: BenchResult): string[] {
  const failures = [
    ...cells.flatMap(({ subject, measurements }) =>
      measurements.flatMap(({ load }) => [...load.failures].map((failure) => [subject, ...failure] as const)),
    ),
    ...[...warmUps, ...wires].flatMap(([subject, { failures: its }]) => [...its].map((failure) => [subject, ...failure] as const)),
  ];
  return [
    ...failures.map(([subject, answer, times]) => `${subject}: ${times} unlock(s) were answered: ${answer}`),
    ...audit.flatMap(({ subject, recorded, complete, answered }) => [
      ...(recorded === complete
        ? []
        : [`${subject}: of ${recorded} unlock requests on record only ${complete} have exactly their five rows`]),
      ...(complete === answered ? [] : [`${subject}: ${answered} unlocks were answered 204, ${complete} have their five rows`]),
    ]),
  ];
}
