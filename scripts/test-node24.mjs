// Runs the tests on Node 24, which an npm package carries: npm run test:node24 [-- paths]
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const VERSION = '24';
const platform = process.platform === 'win32' ? 'win' : process.platform;
const carrier = `node-${platform}-${process.arch}`;
const folder = mkdtempSync(join(tmpdir(), 'latchkey-node24-'));

function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', ...options });
  if (error) throw error;
  return status ?? 1;
}

try {
  console.log(`fetching Node ${VERSION} (${carrier}, about 30 MB)`);
  const fetched = run('npm', ['install', '--no-save', '--no-package-lock', '--ignore-scripts', '--silent', `${carrier}@${VERSION}`], {
    cwd: folder,
  });
  const node = join(folder, 'node_modules', carrier, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
  const jest = [
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    'node_modules/jest/bin/jest.js',
    ...process.argv.slice(2),
  ];
  process.exitCode = fetched || run('npm', ['run', '--silent', 'generate']) || run(node, ['--version']) || run(node, jest);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
