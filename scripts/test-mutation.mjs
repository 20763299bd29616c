// Changes what refuses (who may in, how the bank's answers are read, what the log may tell), one spot at a time, and fails where no test minds.
// npm run test:mutation; parts of names narrow it down to files, `--report` judges the last reports again.
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { setTimeout } from 'node:timers';
import { fileURLToPath } from 'node:url';
import { Stryker } from '@stryker-mutator/core';
import { exceptions } from './mutation-exceptions.mjs';

process.chdir(fileURLToPath(new URL('../', import.meta.url)));

/** What is changed, and the name of its unit tests: they alone must mind, and they start quickly. */
const guarded = {
  'src/domain/classification.ts': 'classification',
  'src/cli/redaction.ts': 'redaction',
  'src/http/issuer-keys.ts': 'issuer-keys',
  'src/http/auth.ts': 'auth',
};
const LIMIT_MINUTES = 45;

const options = process.argv.slice(2);
const wished = options.filter((each) => each !== '--report');
const files = Object.keys(guarded).filter((file) => wished.length === 0 || wished.some((part) => file.includes(part)));
if (files.length === 0) throw new Error(`none of ${Object.keys(guarded).join(', ')} is meant by ${wished.join(' ')}`);

async function mutate(file, report) {
  // A run that fails must not be judged by the report of another.
  rmSync(report, { force: true });
  await new Stryker({
    configFile: 'stryker.config.mjs',
    mutate: [file],
    jest: { config: { testMatch: [`<rootDir>/test/unit/${guarded[file]}.test.ts`] } },
    jsonReporter: { fileName: report },
  }).runMutationTest();
}

/** How many mutants came to which end, and those that no test minded, excepted or not. */
function judge(file, report) {
  if (!existsSync(report)) throw new Error(`there is no report on ${file} yet`);
  const { source, mutants } = JSON.parse(readFileSync(report, 'utf8')).files[file];
  const lines = source.split('\n');
  const judged = { ends: {}, survivors: [], excepted: [] };
  for (const { status, mutatorName, replacement = '', location } of mutants) {
    judged.ends[status] = (judged.ends[status] ?? 0) + 1;
    if (status === 'Killed' || status === 'Timeout') continue;
    const line = lines[location.start.line - 1]?.trim() ?? '';
    const exception = exceptions.find((each) => each.file === file && line.includes(each.line) && each.became === replacement);
    if (exception) judged.excepted.push(exception);
    else
      judged.survivors.push(`${file}:${location.start.line} ${status}, ${mutatorName}: ${line}\n    became ${replacement.split('\n')[0]}`);
  }
  return judged;
}

const told = (ends) =>
  Object.entries(ends)
    .map(([end, count]) => `${count} ${end}`)
    .join(', ');

setTimeout(() => {
  console.error(`did not end within ${LIMIT_MINUTES} minutes`);
  process.exit(1);
}, LIMIT_MINUTES * 60_000).unref();

const startedMs = performance.now();
const total = { ends: {}, survivors: [], excepted: [] };
for (const file of files) {
  const report = `.latchkey/mutation-${guarded[file]}.json`;
  if (!options.includes('--report')) await mutate(file, report);
  const { ends, survivors, excepted } = judge(file, report);
  console.log(`${file}: ${told(ends)}`);
  for (const each of survivors) console.error(each);
  for (const [end, count] of Object.entries(ends)) total.ends[end] = (total.ends[end] ?? 0) + count;
  total.survivors.push(...survivors);
  total.excepted.push(...excepted);
}
const stale = exceptions.filter((each) => files.includes(each.file) && !total.excepted.includes(each));
for (const { file, line } of stale) console.error(`no survivor needs this exception any more: ${file}: ${line}`);
console.log(
  `${told(total.ends)}, ${total.excepted.length} excepted (scripts/mutation-exceptions.mjs), ${Math.round((performance.now() - startedMs) / 1000)} s`,
);
console.log(`${total.survivors.length} survivors on what refuses`);
process.exitCode = total.survivors.length > 0 || stale.length > 0 ? 1 : 0;
