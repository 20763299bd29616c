import fc from 'fast-check';
import type { Behaviour } from './behaviours.js';
import { begin, beginnings, sequences, type Repertoire } from './commands.js';
import { completedOf } from './evidence.js';
import type { House } from './house.js';
import { violationsOf } from './protocol.js';
import { openWorld, type World } from './world.js';

export interface Lane {
  readonly house: House;
  readonly repertoire: Repertoire;
  readonly runs: number;
  readonly seed: number;
  /** Both from the report of a failure; null: from the start. */
  readonly path?: string | null;
  readonly replayPath?: string | null;
  /** How the bank begins; any way by default. */
  readonly beginning?: fc.Arbitrary<Behaviour[]>;
  /** How long a failing sequence may be shrunk; 0 leaves it as it is. */
  readonly shrinkMs?: number;
}

export interface LaneReport {
  readonly runs: number;
  readonly requests: number;
  /** How often each outcome was reached. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** Null: nothing was violated. Else what was, after which commands, and how to see it again. */
  readonly failure: string | null;
}

const MAX_COMMANDS = 14;

/** Runs random sequences of commands against the house, one after the other, each judged by the protocol once it has settled. */
export async function runLane({
  house,
  repertoire,
  runs,
  seed,
  path = null,
  replayPath = null,
  beginning = beginnings,
  shrinkMs = 120_000,
}: Lane): Promise<LaneReport> {
  const outcomes: Record<string, number> = {};
  let requests = 0;
  let failedAtMs: number | null = null;
  const property = fc.asyncProperty(beginning, sequences(repertoire, MAX_COMMANDS, replayPath), async (will, commands) => {
    // Shrinking runs the real thing again: once its time is up, what is left passes unseen.
    if (failedAtMs !== null && Date.now() - failedAtMs > shrinkMs) return;
    const world = openWorld(house);
    try {
      await fc.asyncModelRun(() => begin(world, will), commands);
      const found = await judge(world, (outcome) => {
        requests += 1;
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
      });
      if (found.length === 0) return;
      if (failedAtMs === null && shrinkMs > 0)
        process.stderr.write(`model, ${repertoire}: a violation; looking for a shorter way to it\n${found.join('\n')}\n`);
      failedAtMs ??= Date.now();
      throw new Error(found.join('\n'));
    } finally {
      await world.leave();
    }
  });
  const report = await fc.check(property, {
    numRuns: runs,
    seed,
    ...(path === null ? {} : { path }),
    endOnFailure: shrinkMs === 0,
  });
  return { runs: report.numRuns, requests, outcomes, failure: report.failed ? inWords(report, repertoire) : null };
}

async function judge(world: World, count: (outcome: string) => void): Promise<string[]> {
  await world.settle();
  await world.repeat();
  const found = [...world.wrong];
  for (const [name, evidence] of await world.evidence()) {
    count(completedOf(evidence)?.outcome ?? 'none');
    found.push(...violationsOf(evidence).map((violation) => `${name}: ${violation}`));
  }
  return found;
}

function inWords<Will, Commands>(report: fc.RunDetails<[Will, Commands]>, repertoire: Repertoire): string {
  const { seed, counterexample, counterexamplePath, errorInstance } = report;
  const [will, commands] = counterexample ?? [];
  const shown = String(commands);
  const replayPath = /replayPath="([^"]*)"/.exec(shown)?.[1];
  const again = `npm run test:model -- --only ${repertoire} --seed ${seed} --path ${counterexamplePath ?? ''}`;
  return [
    errorInstance instanceof Error ? errorInstance.message : String(errorInstance),
    `with the bank at first: ${String(will) || 'well'}`,
    `after: ${shown.replace(/\s*\/\*replayPath.*\*\//, '')}`,
    `again: ${again}${replayPath === undefined ? '' : ` --replay-path ${replayPath}`}`,
  ].join('\n');
}
