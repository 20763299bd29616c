// All tests in two runs of Jest: first those that can stand beside each other, two at a time, then those that need the machine to themselves.
// npm test -- paths or options: one run, one at a time.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** They count on their own pace, on being the only ones to stop a server, or look at what the whole database server has. */
const alone = [
  'test/crash/',
  'test/chaos/',
  'test/integration/alerts',
  'test/integration/bank-outage',
  'test/integration/production',
  'test/integration/audit-schema',
];

function jest(options) {
  const program = [
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    fileURLToPath(import.meta.resolve('jest/bin/jest')),
  ];
  const { status, error } = spawnSync(process.execPath, [...program, ...options], { stdio: 'inherit' });
  if (error) throw error;
  return status ?? 1;
}

const wished = process.argv.slice(2);
if (wished.length > 0) {
  process.exitCode = jest(wished);
} else {
  const sideBySide = jest(['--maxWorkers=2', `^(?!.*(${alone.join('|')}))`]);
  const byThemselves = jest(alone);
  process.exitCode = sideBySide || byThemselves;
}
