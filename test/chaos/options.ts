import { Command, InvalidArgumentError } from 'commander';

/** One chaos run; plan and moments follow from these alone. */
export interface ChaosOptions {
  readonly unlocks: number;
  readonly faults: number;
  readonly seed: number;
  /** Unlock requests under way at once. */
  readonly inFlight: number;
  /** How long every accepted request may take to end once the faults are over, in seconds. */
  readonly settleSeconds: number;
  /** The result as JSON on standard output instead of the table. */
  readonly json: boolean;
  /** Keep logs and evidence also where nothing was violated. */
  readonly keep: boolean;
}

/** After several lost attempts Temporal's time-out of a workflow task grows up to ten minutes. */
const SETTLE_SECONDS = 900;

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError('It must be a whole number.');
  return value;
}

/** Reads the command line; ends the process with a message where it cannot be read. */
export function readOptions(argv: readonly string[]): ChaosOptions {
  return new Command('npm run test:chaos --')
    .description(
      'Unlocks customers through HTTP while API, worker, Temporal server, Postgres and the bank are killed, stopped and cut off, then compares ' +
        'what the bank, the audit table, Temporal and the callers say. Exit codes: 0 nothing violated, 1 something was, 2 wrong usage.',
    )
    .option('--unlocks <number>', 'unlock requests', wholeNumber, 200)
    .option('--faults <number>', 'faults injected meanwhile', wholeNumber, 20)
    .option('--seed <number>', 'what plan and moments follow from', wholeNumber, 1)
    .option('--in-flight <number>', 'unlock requests under way at once', wholeNumber, 60)
    .option('--settle-seconds <number>', 'how long requests may take to end once the faults are over', wholeNumber, SETTLE_SECONDS)
    .option('--json', 'the result as JSON', false)
    .option('--keep', 'keep logs and evidence also where nothing was violated', false)
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
    .parse(argv)
    .opts<ChaosOptions>();
}

/** The command that does the same again. */
export function replayCommand({ unlocks, faults, seed }: Pick<ChaosOptions, 'unlocks' | 'faults' | 'seed'>): string {
  return `npm run test:chaos -- --unlocks ${unlocks} --faults ${faults} --seed ${seed}`;
}
