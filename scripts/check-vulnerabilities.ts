// Asks the registry for known vulnerabilities of what production installs: npm run check:vulnerabilities
// High and critical ones fail, but for those in audit-exceptions.json. Where the registry cannot be asked it is said; with --required that fails too.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { exceptionsSchema, judgeAudit } from './vulnerabilities.js';

const { required } = parseArgs({ options: { required: { type: 'boolean', default: false } } }).values;
const root = new URL('../', import.meta.url);
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
const { stdout, stderr } = spawnSync(npm, ['audit', '--json', '--omit=dev', '--fetch-retries=0', '--fetch-timeout=20000'], {
  cwd: fileURLToPath(root),
  encoding: 'utf8',
  timeout: 60_000,
  maxBuffer: 64 * 1024 * 1024,
});
const exceptions = exceptionsSchema.parse(JSON.parse(readFileSync(new URL('audit-exceptions.json', root), 'utf8')));
const verdict = judgeAudit(stdout === '' ? stderr : stdout, exceptions, new Date().toISOString().slice(0, 10));

if (verdict.kind === 'not_asked') {
  console.warn(`Known vulnerabilities were NOT looked for: the registry cannot be asked (${verdict.why}).`);
  if (required) process.exitCode = 1;
} else {
  for (const line of verdict.borne) console.log(`borne: ${line}`);
  for (const line of verdict.faults) console.error(line);
  console.log(`known vulnerabilities of production, high or critical: ${verdict.faults.length + verdict.borne.length}`);
  if (verdict.faults.length > 0) process.exitCode = 1;
}
