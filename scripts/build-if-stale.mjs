// Builds before a start, if nothing was built yet or a source is newer than what was.
import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const LAST_BUILT = 'dist/workflow-bundle.js';
const sources = ['src', 'workflows', 'activities', 'prisma', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json'];

const builtAt = statSync(LAST_BUILT, { throwIfNoEntry: false })?.mtimeMs ?? 0;
if (sources.some((source) => newest(source) > builtAt)) {
  console.log('building (once; about 15 s)');
  const { status } = spawnSync('npm', ['run', '--silent', 'build'], {
    stdio: ['ignore', 'inherit', 'inherit'],
    shell: process.platform === 'win32',
  });
  process.exit(status ?? 1);
}

function newest(path) {
  const stats = statSync(path);
  if (!stats.isDirectory()) return stats.mtimeMs;
  return Math.max(stats.mtimeMs, ...readdirSync(path).map((entry) => newest(join(path, entry))));
}
