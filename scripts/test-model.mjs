// Tries the model of the unlock protocol for longer, or again: npm run test:model -- --runs 200 --seed 7
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const usage = `npm run test:model -- [options]
  --runs N           sequences for each repertoire (default: as in CI)
  --seed S           where randomness begins (default: as in CI); the same seed gives the same sequences
  --only NAME        one repertoire: calm, operators, outages or deaths
  --path P           begin at this sequence, as a failure prints it
  --replay-path R    and with what was shrunk away from it
  --help             this text`;

const text = { type: 'string' };
const options = { runs: text, seed: text, only: text, path: text, 'replay-path': text, help: { type: 'boolean' } };
const { help, ...given } = parseArgs({ options }).values;

if (help === true) {
  console.log(usage);
} else {
  const named = Object.entries(given).map(([name, value]) => [`LATCHKEY_MODEL_${name.toUpperCase().replace('-', '_')}`, value]);
  const jest = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', 'node_modules/jest/bin/jest.js'];
  const { status, error } = spawnSync(process.execPath, [...jest, 'test/model/model.test.ts'], {
    stdio: 'inherit',
    env: { ...process.env, ...Object.fromEntries(named) },
  });
  if (error) throw error;
  process.exitCode = status ?? 1;
}
