import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { eventually } from '../support/eventually.js';
import { buildProduct } from '../support/latchkey-process.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const dataDir = mkdtempSync(join(tmpdir(), 'latchkey-test-readme-'));

function snippets(language: string): string[] {
  return [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, 'gm'))].map(([, text = '']) => text.trim());
}

beforeAll(buildProduct, 180_000);
afterAll(() => rmSync(dataDir, { recursive: true, force: true }));

describe('the README', () => {
  it('names two commands, and each of their scripts exists', () => {
    const commands = snippets('sh');
    expect(commands).toEqual(['npm ci && npm start', 'npm ci && npm test']);
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> };
    expect(Object.keys(scripts)).toEqual(expect.arrayContaining(['start', 'test']));
  });

  it('keeps its word about npm start, and its queries run on what that leaves in Postgres', async () => {
    const environment = { ...process.env, DATA_DIR: dataDir, NODE_ENV: '', NODE_OPTIONS: '' };
    const npm = spawn('npm', ['start'], { cwd: root, env: environment, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    let output = '';
    for (const stream of [npm.stdout, npm.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    try {
      await eventually(() => expect(output).toContain('Ctrl-C stops everything'), { limitMs: 120_000 });
      const client = new pg.Client({ connectionString: /psql '([^']+)'/.exec(output)?.[1] ?? '' });
      await client.connect();
      try {
        const [{ correlation_id: correlationId } = { correlation_id: '' }] = (
          await client.query<{ correlation_id: string }>(
            `select correlation_id from unlock_request where outcome = 'unlocked' and attempts = 3`,
          )
        ).rows;
        for (const query of snippets('sql').flatMap((block) => block.split('\n'))) {
          expect((await client.query(query.replace('…', correlationId))).rows.length).toBeGreaterThan(0);
        }
      } finally {
        await client.end();
      }
    } finally {
      const closed = once(npm, 'close');
      // To npm alone, as a supervisor does: it must reach everything that npm started.
      npm.kill('SIGTERM');
      const stuck = setTimeout(() => process.kill(-(npm.pid ?? 0), 'SIGKILL'), 60_000);
      await closed;
      clearTimeout(stuck);
    }
    expect(npm.signalCode).not.toBe('SIGKILL');
    await expect(fetch(/API +(\S+)\/docs/.exec(output)?.[1] ?? '')).rejects.toThrow();
    expect(output).toMatch(/two-503 +3 +succeeded/);
  }, 240_000);

  it('names every command of the command line', () => {
    const { stdout } = spawnSync(process.execPath, ['dist/src/cli/main.js', '--help'], { cwd: root, encoding: 'utf8' });
    const commands = [...stdout.matchAll(/^ {2}([a-z]+)\b/gm)].map(([, name = '']) => name).filter((name) => name !== 'help');
    expect(commands).toEqual(expect.arrayContaining(['up', 'api', 'worker', 'codec', 'sandbox', 'migrate', 'temporal']));
    for (const name of commands) expect(readme).toContain(`latchkey ${name}`);
  });
});
