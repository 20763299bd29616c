import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from '@jest/globals';
import { startProcess, type LatchkeyProcess } from '../support/latchkey-process.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const UNLOCKS = 200;
const FAULTS = 20;
const SEED = process.env.LATCHKEY_CHAOS_SEED ?? '1';
const LIMIT_MS = 480_000;

interface Result {
  readonly violations: readonly object[];
  readonly faults: Readonly<Record<string, number>>;
  readonly outcomes: Readonly<Record<string, number>>;
}

let run: LatchkeyProcess | null = null;
afterAll(async () => {
  await run?.end('SIGTERM');
});

describe('with its processes killed, stopped and cut off', () => {
  it(
    'Latchkey brings every accepted unlock to one outcome, and bank, audit table, Temporal and callers agree',
    async () => {
      const size = ['--unlocks', String(UNLOCKS), '--faults', String(FAULTS), '--seed', SEED, '--settle-seconds', '180'];
      const { PATH = '', HOME = '', TEMPORAL_CLI_PATH } = process.env;
      const env = { PATH, HOME, ...(TEMPORAL_CLI_PATH === undefined ? {} : { TEMPORAL_CLI_PATH }) };
      const args = ['--disable-warning=ExperimentalWarning', '--import', 'tsx', 'test/chaos/main.ts', ...size, '--json'];
      run = startProcess(process.execPath, args, { cwd: root, env });
      const code = await run.exitCode(LIMIT_MS);
      // What it says on the way comes before the result.
      const output = run.output();
      const json = output.slice(output.indexOf('\n{') + 1, output.lastIndexOf('\n}') + 2);
      if (json === '') throw new Error(`it came to no result:\n${output}`);
      const { violations, faults, outcomes } = JSON.parse(json) as Result;
      const sum = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((total, count) => total + count, 0);
      process.stderr.write(`chaos: ${output.slice(0, output.indexOf('\n{'))}\n`);
      expect({ violations, replay: `npm run test:chaos -- ${size.join(' ')}` }).toMatchObject({ violations: [] });
      expect(code).toBe(0);
      expect(sum(faults)).toBe(FAULTS);
      expect(sum(outcomes)).toBeGreaterThanOrEqual(UNLOCKS);
    },
    LIMIT_MS + 30_000,
  );
});
