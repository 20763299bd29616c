import { readOptions } from './options.js';
import { circumstances, tableOf } from './report.js';
import { runBench } from './run.js';
import { summarize } from './summary.js';
import { faultsOf } from './verdict.js';

const options = readOptions(process.argv);
const say = (line: string) => void process.stderr.write(`${line}\n`);
if (process.platform !== 'linux') throw new Error('The bench reads CPU time and memory from /proc: run it on Linux.');
// At its exit everything that it started is told to end; data that is left over the next run clears away.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
const result = await runBench(options, say);

if (options.json) {
  const { cells, wires, audit, loadAverage } = result;
  const wiresByName = Object.fromEntries([...wires].map(([name, { failures: _, ...wire }]) => [name, wire]));
  process.stdout.write(`${JSON.stringify({ options, cells: cells.map(summarize), wires: wiresByName, audit, loadAverage }, null, 2)}\n`);
} else {
  process.stdout.write(`\n${tableOf(result, options)}\n\n${circumstances(result, options)}\n`);
}
for (const { subject, complete } of result.audit) say(`${subject}: ${complete} unlocks, each with its five audit rows`);

const faults = faultsOf(result);
for (const fault of faults) say(fault);
process.exitCode = faults.length === 0 ? 0 : 1;
