// What takes too long for every change: the big chaos runs, the model of the protocol, alarms that take minutes, thousands of schemathesis' cases and of spoilt requests, mutants of what refuses, ten thousand falsified logs, and many rounds of identical requests. Stops at the first failure.
import { spawnSync } from 'node:child_process';
import { performance } from 'node:perf_hooks';

const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
const chaos = (seed) => ({ args: ['run', 'test:chaos', '--', '--unlocks', '5000', '--faults', '500', '--seed', String(seed)], env: {} });
const model = (seed) => ({ args: ['run', 'test:model', '--', '--runs', '100', '--seed', String(seed)], env: {} });
const runs = [
  ...[1, 2, 3].map(chaos),
  ...[1, 2, 3].map(model),
  { args: ['test', '--', 'test/schemathesis'], env: { LATCHKEY_SCHEMATHESIS_EXAMPLES: '400', LATCHKEY_SCHEMATHESIS_CASES: '5000' } },
  { args: ['test', '--', 'test/fuzz'], env: { LATCHKEY_FUZZ_CASES: '20000', LATCHKEY_FUZZ_SEED: '2' } },
  { args: ['test', '--', 'test/integration/alerts-long'], env: { LATCHKEY_TEST_LONG_ALERTS: '1' } },
  { args: ['run', 'test:mutation'], env: {} },
  { args: ['test', '--', 'test/integration/audit-random-tampers'], env: { LATCHKEY_TAMPERS: '10000', LATCHKEY_CLEAN_RUNS: '1000' } },
  { args: ['test', '--', 'test/chaos/rounds'], env: { LATCHKEY_TEST_ROUNDS: '200' } },
];

for (const { args, env } of runs) {
  const shown = [...Object.entries(env).map(([name, value]) => `${name}=${value}`), 'npm', ...args].join(' ');
  console.log(`\n${shown}`);
  const startedMs = performance.now();
  const { status } = spawnSync(npm, args, { stdio: 'inherit', env: { ...process.env, ...env } });
  console.log(`${status === 0 ? 'passed' : 'FAILED'} after ${Math.round((performance.now() - startedMs) / 1000)} s: ${shown}`);
  if (status !== 0) process.exit(status ?? 1);
}
