import { join } from 'node:path';
import { startEmbeddedPostgres } from '../../src/local/postgres.js';
import { startEmbeddedTemporal } from '../../src/local/temporal-server.js';

/** Runs the embedded stack in a process of its own that a test may kill: prints where it is as one line of JSON, and stops on SIGTERM. */
const [dataDir, cliPath] = process.argv.slice(2);
if (dataDir === undefined || cliPath === undefined) throw new Error('usage: local-stack-process <data directory> <Temporal CLI>');

const say = (line: string): void => void process.stderr.write(`${line}\n`);
const postgres = await startEmbeddedPostgres({ dataDir: join(dataDir, 'postgres'), port: null, say });
const temporal = await startEmbeddedTemporal({
  cliPath,
  dataDir: join(dataDir, 'temporal'),
  port: null,
  uiPort: null,
  searchAttributes: {},
  say,
});

// As when npm hands a Ctrl-C on: this process decides when the servers end.
process.on('SIGINT', () => process.stdout.write('"interrupted"\n'));
process.once('SIGTERM', () => {
  void temporal
    .stop()
    .then(postgres.stop)
    .then(() => process.exit(0));
});
process.stdout.write(
  `${JSON.stringify({ postgres: { pid: postgres.pid, url: postgres.url }, temporal: { pid: temporal.pid, address: temporal.address } })}\n`,
);
