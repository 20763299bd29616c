import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openLatchkey, type Latchkey } from '../support/latchkey.js';
import { installSchemathesis, runToEnd } from './program.js';

/** Examples for each operation and phase; `npm run test:long` asks for many more. */
const EXAMPLES = process.env.LATCHKEY_SCHEMATHESIS_EXAMPLES ?? '8';
/** How many cases the run must come to. */
const LEAST_CASES = Number(process.env.LATCHKEY_SCHEMATHESIS_CASES ?? '200');
const SEED = process.env.LATCHKEY_SCHEMATHESIS_SEED ?? '1';
const CONFIG = fileURLToPath(new URL('schemathesis.toml', import.meta.url));
const LIMIT_MS = 3_600_000;

let latchkey: Latchkey;
let folder: string;
let program: string | null = null;
beforeAll(async () => {
  try {
    program = await installSchemathesis();
  } catch (error) {
    if (process.env.CI === 'true') throw error;
    console.warn(`schemathesis is left out: it needs python3 with venv and pip, and a package index. ${String(error)}`);
  }
  folder = await mkdtemp(join(tmpdir(), 'latchkey-schemathesis-'));
  latchkey = await openLatchkey({ settings: { unlockWaitMs: 2_000 }, budget: { maxAttempts: 2, deadlineMs: 3_000 } });
}, 500_000);
afterAll(async () => {
  await latchkey.close();
  await rm(folder, { recursive: true, force: true });
});

async function attack(args: readonly string[]): Promise<void> {
  if (program === null) return;
  // From a file: read from the URL, the operation that answers with the description would be left out.
  const description = await (await fetch(`${latchkey.url}/openapi.json`)).text();
  const { paths } = JSON.parse(description) as { paths: Record<string, object> };
  const file = join(folder, 'openapi.json');
  await writeFile(file, description);
  const { status, output } = await runToEnd(
    program,
    [
      ...['--config-file', CONFIG, 'run', file, '--url', latchkey.url, '--checks', 'all', '--max-examples', EXAMPLES, '--seed', SEED],
      ...['--generation-database', 'none', '--suppress-health-check', 'all', '--continue-on-failure', '--no-color', '--warnings', 'off'],
      ...args,
    ],
    folder,
  );
  const cases = Number(/Test cases:\s*\n\s*(\d+) generated/.exec(output)?.[1] ?? '0');
  if (status !== 0) throw new Error(output.slice(-20_000));
  expect(cases).toBeGreaterThanOrEqual(LEAST_CASES);
  // Nothing that is described may be passed over.
  const described = Object.values(paths).flatMap((methods) => Object.keys(methods)).length;
  expect(output).toMatch(new RegExp(`Selected: ${described}/${described}\\s+Tested: ${described}\\b`));
  expect(latchkey.logLines.filter((line) => 'message' in line && line.message === 'failed')).toEqual([]);
}

describe("the running product keeps to its own description, by all of schemathesis' checks", () => {
  it(
    'with a good token',
    async () => {
      // A service's: it may name the human behind it, as the description says.
      const token = await latchkey.sandbox.mintToken({ subject: 'desk', clientId: 'desk' });
      await attack(['--header', `Authorization: Bearer ${token}`]);
    },
    LIMIT_MS,
  );

  it('without a token', async () => attack([]), LIMIT_MS);
});
