import { readOptions, replayCommand } from './options.js';
import { reportOf } from './report.js';
import { runChaos } from './run.js';

const options = readOptions(process.argv);
const say = (line: string): void => void process.stderr.write(`${line}\n`);
// Ctrl-C reaches the members too; the servers end when this process does.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
try {
  const result = await runChaos(options, say);
  process.stdout.write(options.json ? `${JSON.stringify({ options, ...result }, null, 2)}\n` : `${reportOf(result, options)}\n`);
  process.exit(result.violations.length === 0 ? 0 : 1);
} catch (error) {
  say(String(error instanceof Error ? error.stack : error));
  say(`the same again: ${replayCommand(options)}`);
  process.exit(1);
}
