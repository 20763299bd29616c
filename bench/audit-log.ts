// What it costs to seal, verify, export and prove an audit log of many rows: npm run bench:audit -- --rows 1000000
import { generateKeyPairSync } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import pg from 'pg';
import { connectAudit } from '../src/audit/connection.js';
import { createSealer, type TreeHead } from '../src/audit/seal.js';
import { signCheckpoint } from '../src/proof/checkpoint.js';
import { GrowingTree, leafHash } from '../src/proof/merkle-tree.js';
import { readSigner, verifierKey, type NoteSigner } from '../src/proof/signed-note.js';
import { pathOfOrigin } from '../src/publication/index.js';
import { bankAccount } from './bank-account.js';
import { fillAuditLog, someCorrelationIds } from './audit-rows.js';
import { runMeasured, type MeasuredRun } from './measured-run.js';
import { percentile } from './percentile.js';
import { peakMemoryBytesOf } from './process-use.js';
import { startStack, type Stack } from './stack.js';
import { startSubject } from './subjects.js';

const ORIGIN = 'latchkey.bench/audit';
const LATCHKEY = 'dist/src/cli/main.js';
const EXIT_INTACT = 0;
/** Rows that are verified after a checkpoint that is trusted already. */
const SINCE_ROWS = 10_000;
const PACKS = 50;
/** Who must hold the whole log in memory dies of this. */
const SMALL_HEAP = ['--max-old-space-size=96'];

const program = new Command('npm run bench:audit --')
  .description('Measures sealing, verifying, exporting and proving on an audit log of so many rows.')
  .option('--rows <number>', 'rows, five to an unlock', Number, 1_000_000)
  .parse();
const { rows } = program.opts<{ readonly rows: number }>();
const say = (line: string): void => void process.stderr.write(`${line}\n`);
if (process.platform !== 'linux') throw new Error('The bench reads memory from /proc: run it on Linux.');
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

const table: [what: string, seconds: number, count: number, unit: string, peakBytes: number | null][] = [];
const seconds = async (work: () => Promise<unknown>): Promise<number> => {
  const from = performance.now();
  await work();
  return (performance.now() - from) / 1_000;
};

const stack = await startStack(say);
try {
  await measure(stack);
} finally {
  await stack.stop();
}

async function measure(house: Stack): Promise<void> {
  const client = new pg.Client({ connectionString: house.databaseUrl });
  client.on('error', () => undefined);
  await client.connect();
  say(`writing ${rows} rows`);
  await fillAuditLog(client, { rows, institutionId: bankAccount.institutionId });
  await client.query('VACUUM ANALYZE audit_event');

  const signer = readSigner(generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(), ORIGIN);
  const published = join(house.directory, 'checkpoints');
  say('sealing');
  const sealing = await seconds(() => sealAll(house, signer, published));
  table.push(['seal a backlog', sealing, rows, 'rows', null]);
  await client.query('VACUUM ANALYZE audit_leaf, audit_node, audit_tree_head, audit_checkpoint');

  say('hashing alone');
  const record = 'x'.repeat(await meanRecordBytes(client));
  const tree = new GrowingTree();
  const hashing = await seconds(async () => {
    for (let row = 0; row < rows; row += 1) tree.append(leafHash(record));
  });
  table.push(['floor: hash as many records', hashing, rows, 'rows', null]);
  say('reading alone');
  table.push(['floor: read the rows and throw them away', await seconds(() => readAll(client)), rows, 'rows', null]);
  await client.end();

  const env = { DATABASE_URL: house.databaseUrl, LOG_LEVEL: 'warn' };
  const verify = (...more: string[]): Promise<MeasuredRun> =>
    runMeasured([...SMALL_HEAP, LATCHKEY, 'audit', 'verify', '--checkpoints', published, '--key', verifierKey(signer), ...more], env);
  for (const [what, count, options] of [
    ['latchkey audit verify', rows, []],
    [`latchkey audit verify --since, ${SINCE_ROWS} rows`, SINCE_ROWS, ['--since', join(published, 'since.checkpoint')]],
  ] as const) {
    say(what);
    const run = await verify(...options);
    if (run.exitCode !== EXIT_INTACT) throw new Error(`${what} ended with ${run.exitCode}:\n${run.output}`);
    say(run.output.trim());
    table.push([what, run.seconds, count, 'rows', run.peakMemoryBytes]);
  }

  const subject = await startSubject('apart', {
    stack: house,
    databaseUrl: house.databaseUrl,
    cpuProfileDir: null,
    nodeOptions: SMALL_HEAP,
  });
  const headers = { authorization: `Bearer ${house.token}` };
  try {
    for (const format of ['ndjson', 'csv']) {
      say(`exporting ${format}`);
      let bytes = 0;
      const took = await seconds(async () => {
        const response = await fetch(`${subject.url}/v1/audit/export?format=${format}`, { headers });
        if (!response.ok || response.body === null) throw new Error(`the export was answered ${response.status}: ${await response.text()}`);
        const body: AsyncIterable<Uint8Array> = response.body;
        for await (const chunk of body) bytes += chunk.length;
      });
      const peak = peakMemoryBytesOf(subject.pids.frontDoor);
      table.push([`export ${format}, ${(bytes / 2 ** 20).toFixed(0)} MB`, took, rows, 'rows', peak]);
    }
    say('evidence packs');
    const times: number[] = [];
    for (const id of await someCorrelationIds(house.databaseUrl, PACKS)) {
      const took = await seconds(async () => {
        const response = await fetch(`${subject.url}/v1/audit/unlocks/${id}/evidence`, { headers });
        if (!response.ok) throw new Error(`the evidence was answered ${response.status}: ${await response.text()}`);
        await response.arrayBuffer();
      });
      times.push(took);
    }
    const sum = times.reduce((all, each) => all + each, 0);
    table.push([`evidence packs, p50 ${(percentile(times, 0.5) * 1_000).toFixed(0)} ms`, sum, PACKS, 'packs', null]);
  } finally {
    await subject.stop();
  }
  print();
}

async function sealAll(house: Stack, signer: NoteSigner, directory: string): Promise<void> {
  const { prisma, close } = connectAudit({
    databaseUrl: house.databaseUrl,
    role: 'latchkey_sealer',
    plansAnew: true,
    statementTimeoutMs: 60_000,
  });
  const folder = join(directory, pathOfOrigin(ORIGIN));
  await mkdir(folder, { recursive: true });
  const sealer = createSealer({ prisma, origin: ORIGIN });
  const sign = async (head: TreeHead | null): Promise<void> => {
    if (head === null) return;
    const note = signCheckpoint(head, signer);
    await sealer.keepCheckpoint(head, note);
    await writeFile(join(folder, `${head.size}.checkpoint`), note);
    if (head.size <= rows - SINCE_ROWS) await writeFile(join(directory, 'since.checkpoint'), note);
  };
  for (;;) {
    const step = await sealer.sealNext();
    await sign(await sealer.unsignedHead());
    if (step?.more === false) break;
  }
  await close();
}

async function readAll(client: pg.Client): Promise<void> {
  let after = '0';
  for (;;) {
    const { rows: page } = await client.query<{ position: string }>(
      'SELECT position, row_to_json(e)::text AS row FROM audit_event e WHERE position > $1 ORDER BY position LIMIT 5000',
      [after],
    );
    const last = page.at(-1);
    if (last === undefined) return;
    after = last.position;
  }
}

async function meanRecordBytes(client: pg.Client): Promise<number> {
  const { rows: found } = await client.query<{ bytes: number }>(
    'SELECT avg(length(row_to_json(e)::text))::int AS bytes FROM (SELECT * FROM audit_event LIMIT 1000) e',
  );
  return found[0]?.bytes ?? 0;
}

function print(): void {
  const lines = table.map(([what, took, count, unit, peak]) =>
    [
      what.padEnd(44),
      `${took.toFixed(1)} s`.padStart(9),
      `${Math.round(count / took).toLocaleString('en')} ${unit}/s`.padStart(18),
      peak === null ? '' : `${(peak / 2 ** 20).toFixed(0)} MB at most`.padStart(16),
    ].join(' '),
  );
  process.stdout.write(`${rows.toLocaleString('en')} rows; ${cpus().length} cores, Node ${process.versions.node}\n${lines.join('\n')}\n`);
}
