// Changes what refuses (who may in, how the bank's answers are read, what the log may tell), one spot at a time, and fails where no test minds.
// npm run test:mutation; `--report` judges the last report again.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { exceptions } from './mutation-exceptions.mjs';

const root = new URL('../', import.meta.url);
const path = (name) => fileURLToPath(new URL(name, root));

if (!process.argv.includes('--report')) {
  const { status, error } = spawnSync(
    process.execPath,
    [path('node_modules/@stryker-mutator/core/bin/stryker.js'), 'run', 'stryker.config.mjs'],
    {
      cwd: path('.'),
      stdio: 'inherit',
    },
  );
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

const { files } = JSON.parse(readFileSync(path('.latchkey/mutation.json'), 'utf8'));
const survivors = [];
const counts = {};
const used = new Set();
for (const [file, { source, mutants }] of Object.entries(files)) {
  const lines = source.split('\n');
  for (const { status, mutatorName, replacement = '', location } of mutants) {
    counts[status] = (counts[status] ?? 0) + 1;
    if (status !== 'Survived' && status !== 'NoCoverage') continue;
    const line = lines[location.start.line - 1]?.trim() ?? '';
    const exception = exceptions.find((each) => each.file === file && line.includes(each.line) && each.mutators.includes(mutatorName));
    if (exception) used.add(exception);
    else survivors.push(`${file}:${location.start.line} ${status}, ${mutatorName}: ${line}\n    became ${replacement.split('\n')[0]}`);
  }
}
console.log(
  Object.entries(counts)
    .map(([status, count]) => `${status} ${count}`)
    .join(', '),
);
console.log(`excepted kinds of survivors: ${used.size} of ${exceptions.length}, each with its reason in scripts/mutation-exceptions.mjs`);
for (const each of survivors) console.error(each);
const stale = exceptions.filter((each) => !used.has(each));
for (const { file, line } of stale) console.error(`no survivor needs this exception any more: ${file}: ${line}`);
console.log(`${survivors.length} survivors on what refuses`);
process.exitCode = survivors.length > 0 || stale.length > 0 ? 1 : 0;
