import { resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { subjectNames, type SubjectName } from './subject.js';

/** What one run measures. */
export interface BenchOptions {
  /** How long each subject is under load at each concurrency in each round, in seconds. */
  readonly seconds: number;
  readonly rounds: number;
  /** Unlocks at once. */
  readonly concurrency: readonly number[];
  readonly only: readonly SubjectName[];
  /** The result as JSON on standard output instead of the table. */
  readonly json: boolean;
  /** Where Node writes the CPU profiles of the subjects' processes; null: none is taken. */
  readonly cpuProfileDir: string | null;
}

const usual: readonly SubjectName[] = ['floor', 'together', 'apart'];

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new InvalidArgumentError('It must be a number above 0.');
  return value;
}

function wholeNumber(text: string): number {
  const value = positive(text);
  if (!Number.isInteger(value)) throw new InvalidArgumentError('It must be a whole number.');
  return value;
}

function subjects(text: string): SubjectName[] {
  const known = subjectNames.filter((name) => text.split(',').includes(name));
  if (known.length !== text.split(',').length) throw new InvalidArgumentError(`Name some of ${subjectNames.join(', ')}, each once.`);
  return known;
}

/** Reads the command line; ends the process with a message where it cannot be read. */
export function readOptions(argv: readonly string[]): BenchOptions {
  const program = new Command('npm run bench --')
    .description('Measures what an unlock costs: Latchkey whole, through HTTP, beside a plain handler that does the same without Temporal.')
    .option('--seconds <number>', 'how long each is under load, each round', positive, 6)
    .option('--rounds <number>', 'how often, in turn', wholeNumber, 3)
    .option('--concurrency <numbers>', 'unlocks at once, separated by commas', (text) => text.split(',').map(wholeNumber), [1, 50])
    .option('--only <names>', `some of ${subjectNames.join(', ')}`, subjects, [...usual])
    .option('--json', 'the result as JSON', false)
    .option('--cpu-profile <dir>', 'have Node write CPU profiles of what is measured there')
    .parse(argv);
  const { cpuProfile, ...options } = program.opts<Omit<BenchOptions, 'cpuProfileDir'> & { readonly cpuProfile?: string }>();
  return { ...options, cpuProfileDir: cpuProfile === undefined ? null : resolve(cpuProfile) };
}
