import { spawnSync } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { canonicalize } from '../../src/proof/canonical-json.js';
import { strFromU8, unzipSync } from 'fflate';
import { connectAudit, type AuditConnection } from '../../src/audit/connection.js';
import { createSealer, type Sealer } from '../../src/audit/seal.js';
import { exportManifestSchema } from '../../src/http/audit-answer-schemas.js';
import { signCheckpoint } from '../../src/proof/checkpoint.js';
import { verifierKey } from '../../src/proof/signed-note.js';
import { eventually } from '../support/eventually.js';
import { openLatchkey, type Latchkey } from '../support/latchkey.js';
import { newSigner, ORIGIN } from '../support/sealed-log.js';

const signer = newSigner();
const key = verifierKey(signer);
let latchkey: Latchkey;
let connection: AuditConnection;
let sealer: Sealer;
let correlationId: string;
let pack: Pack;
let token: string;

beforeAll(async () => {
  latchkey = await openLatchkey({ settings: { auditVerifiers: [key] } });
  token = await latchkey.sandbox.mintToken();
  connection = connectAudit({ databaseUrl: latchkey.database.url, role: 'latchkey_sealer', plansAnew: true });
  sealer = createSealer({ prisma: connection.prisma, origin: ORIGIN });
  latchkey.sandbox.customers.set('evident', {
    script: [{ httpStatus: 503, body: { message: '<script>alert(1)</script>', code: 'UXU_30001' } }],
  });
  correlationId = randomUUID();
  const body = { customerId: 'evident', reason: 'says "hello" <b>' };
  await latchkey.call('/v1/unlocks', { method: 'POST', body, headers: { correlationId, prefer: 'wait=30' } });
  await sealAll();
  pack = await fetchPack(correlationId);
}, 120_000);

afterAll(async () => {
  await connection.close();
  await latchkey.close();
});

async function sealAll(): Promise<void> {
  // Another test file's transaction may hold the sealer up.
  await eventually(async () => {
    await sealer.sealNext();
    const [left] = await latchkey.sql<{ rows: string }>(
      'SELECT count(*) AS rows FROM audit_event e WHERE NOT EXISTS (SELECT FROM audit_leaf l WHERE l.event_id = e.id)',
    );
    expect(left?.rows).toBe('0');
  });
  const head = await sealer.unsignedHead();
  if (head !== null) await sealer.keepCheckpoint(head, signCheckpoint(head, signer));
}

interface Pack {
  readonly file: Buffer;
  readonly files: Readonly<Record<string, string>>;
  readonly link: string | null;
}

async function fetchPack(id: string): Promise<Pack> {
  const reply = await fetch(`${latchkey.url}/v1/audit/unlocks/${id}/evidence`, { headers: { authorization: `Bearer ${token}` } });
  expect([reply.status, reply.headers.get('content-type')]).toEqual([200, 'application/zip']);
  const file = Buffer.from(await reply.arrayBuffer());
  const files = Object.fromEntries(Object.entries(unzipSync(file)).map(([name, bytes]) => [name, strFromU8(bytes)]));
  return { file, files, link: reply.headers.get('link') };
}

const folders: string[] = [];
afterEach(() => folders.splice(0).forEach((folder) => rmSync(folder, { recursive: true })));

/** What an examiner does: unpacks it somewhere, and runs the verifier that came with it. */
function verify(files: Readonly<Record<string, string>>, options: readonly string[] = ['--key', key]) {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-test-evidence-'));
  folders.push(folder);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const { status, stdout, stderr } = spawnSync(process.execPath, ['verify.mjs', ...options], { cwd: folder, encoding: 'utf8', env: {} });
  return { status, output: stdout + stderr };
}

const json = (text = '{}') => JSON.parse(text) as Evidence;
interface Evidence {
  correlationId?: string;
  institutionId: string;
  records: { eventId: string; log: string | null; leafIndex: number; proof: string[] | null }[];
  logs: { checkpoint: string }[];
  workflow: { workflowId: string; runId: string; events: number; sha256: string };
}
const lines = (): string[] => (pack.files['records.ndjson'] ?? '').trimEnd().split('\n');
const withLines = (changed: readonly string[]) => ({ ...pack.files, 'records.ndjson': `${changed.join('\n')}\n` });
const withEvidence = (change: (evidence: Evidence) => void) => {
  const evidence = json(pack.files['evidence.json']);
  change(evidence);
  return { ...pack.files, 'evidence.json': JSON.stringify(evidence) };
};

describe('the evidence on a request', () => {
  it('is verified by an examiner with Node alone, and tells the whole story', () => {
    const { status, output } = verify(pack.files);
    expect([status, output]).toEqual([0, expect.stringMatching(new RegExp(`^INTACT: 8 records of ${correlationId}\n`))]);
    for (const told of [
      'requested',
      'status_checked',
      'attempt_started  attempt 1',
      'retryable  503',
      'succeeded  204',
      'completed  unlocked',
    ]) {
      expect(output).toContain(told);
    }
    expect(output.match(/^sealed /gm)).toHaveLength(8);
  });

  it('says so where the key came with it, and nothing else is wrong', () => {
    const { status, output } = verify(pack.files, []);
    expect([status, output]).toEqual([4, expect.stringMatching(/^NOT VOUCHED FOR[^]*the public key comes from this pack itself/)]);
  });

  it('is held against a checkpoint that was published, and a forked log is found', () => {
    const { checkpoint = '' } = json(pack.files['evidence.json']).logs[0] ?? {};
    expect(verify({ ...pack.files, published: checkpoint }, ['--key', key, '--checkpoint', 'published']).status).toBe(0);
    const size = Number(checkpoint.split('\n')[1]);
    const other = signCheckpoint({ origin: ORIGIN, size, root: createHash('sha256').update('other').digest() }, signer);
    const forked = verify({ ...pack.files, published: other }, ['--key', key, '--checkpoint', 'published']);
    expect([forked.status, forked.output]).toEqual([3, expect.stringContaining('there were two logs')]);
    const older = signCheckpoint({ origin: ORIGIN, size: size - 1, root: createHash('sha256').update('other').digest() }, signer);
    expect(verify({ ...pack.files, published: older }, ['--key', key, '--checkpoint', 'published']).status).toBe(4);
  });

  it.each<[what: string, files: () => Record<string, string>]>([
    ['a word in a record', () => withLines(lines().map((line) => line.replace('"unlocked"', '"rejected"')))],
    ['a blank in a record', () => withLines(lines().map((line, at) => (at === 3 ? `${line} ` : line)))],
    ['the order of two records', () => withLines(lines().toSorted().toReversed())],
    ['a record that is left out', () => withLines(lines().slice(1))],
    [
      'a record and its proof twice',
      () => ({
        ...withEvidence(({ records }) => records.push(...records.slice(0, 1))),
        'records.ndjson': `${[...lines(), lines()[0]].join('\n')}\n`,
      }),
    ],
    ['a hash of a proof', () => withEvidence(({ records }) => records[0]?.proof?.splice(0, 1, Buffer.alloc(32).toString('base64')))],
    ['a hash too many', () => withEvidence(({ records }) => records[0]?.proof?.push(Buffer.alloc(32).toString('base64')))],
    ['a place in the log', () => withEvidence(({ records }) => records[0] && (records[0].leafIndex += 1))],
    [
      'the size in the checkpoint',
      () => withEvidence(({ logs }) => logs[0] && (logs[0].checkpoint = logs[0].checkpoint.replace(/\n(\d+)\n/, '\n1$1\n'))),
    ],
    [
      'the signature',
      () => withEvidence(({ logs }) => logs[0] && (logs[0].checkpoint = logs[0].checkpoint.replace(/.{8}\n$/, 'AAAAAAA=\n'))),
    ],
    ['the log that a record is said to stand in', () => withEvidence(({ records }) => records[2] && (records[2].log = 'elsewhere'))],
    [
      'everything, and left the checkpoints out',
      () => ({
        ...withEvidence((evidence) => {
          evidence.logs.length = 0;
          for (const record of evidence.records) Object.assign(record, { log: 'x', leafIndex: 0, proof: [] });
        }),
        'records.ndjson': `${lines()
          .map((line) => line.replace('"unlocked"', '"rejected"'))
          .join('\n')}\n`,
      }),
    ],
    ['the institution', () => withEvidence((evidence) => void (evidence.institutionId = 'another-bank'))],
    ['the checkpoint that stands beside', () => ({ ...pack.files, 'checkpoint-1.note': `${pack.files['checkpoint-1.note'] ?? ''}\n` })],
  ])('is found out where somebody changed %s', (_what, files) => {
    const { status, output } = verify(files());
    expect([status, output]).toEqual([3, expect.stringMatching(/^FALSIFIED/)]);
  });

  it.each<[what: string, files: () => Record<string, string>]>([
    ['no record', () => ({ ...withEvidence(({ records }) => (records.length = 0)), 'records.ndjson': '' })],
    ['no correlationId', () => withEvidence((evidence) => delete evidence.correlationId)],
  ])('is no evidence with %s', (_what, files) => {
    const { status, output } = verify(files());
    expect([status, output]).toEqual([1, expect.stringMatching(/^cannot verify: the pack /)]);
  });

  it('is verified by a program that came from elsewhere, too', () => {
    const { 'verify.mjs': _, ...files } = pack.files;
    const folder = mkdtempSync(join(tmpdir(), 'latchkey-test-evidence-'));
    folders.push(folder);
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    const { status } = spawnSync(process.execPath, ['evidence/verify.mjs', '--pack', folder, '--key', key], { encoding: 'utf8', env: {} });
    expect(status).toBe(0);
  });

  it('says nothing to the terminal that verifies it', () => {
    const escape = '\u001b[2J\u202eINTACT';
    const { output } = verify(withEvidence((evidence) => void (evidence.institutionId = escape)));
    expect([output.startsWith('FALSIFIED'), output.includes('\u001b'), output.includes('\u202e')]).toEqual([true, false, false]);
  });

  it('is found out where another key has signed', () => {
    expect(verify(pack.files, ['--key', verifierKey(newSigner())]).status).toBe(3);
  });

  it.each([
    [['--key', 'nonsense'], 1],
    [['--help'], 2],
    [['--key'], 2],
  ] as const)('tells %j from a verdict: exit code %i', (options, code) => {
    expect(verify(pack.files, options).status).toBe(code);
  });

  it('has the digest of the workflow’s history', async () => {
    const { workflow } = json(pack.files['evidence.json']);
    const history = await latchkey.client.workflow.getHandle(`unlock-${correlationId}`).fetchHistory();
    expect(workflow).toMatchObject({
      workflowId: `unlock-${correlationId}`,
      status: 'completed',
      events: history.events?.length,
      sha256: createHash('sha256')
        .update(canonicalize(JSON.parse(historyToJSON(history))))
        .digest('hex'),
    });
  });

  it('has a page for people that runs nothing, whatever the bank or a caller wrote', () => {
    const page = pack.files['case.html'] ?? '';
    expect(page).toContain('says &#34;hello&#34; &#60;b&#62;');
    expect(page).not.toMatch(/<script|<b>/);
    expect(page).toContain("content=\"default-src 'none'; style-src 'unsafe-inline'\"");
  });

  it('is recorded as an export, with the digest of the file', async () => {
    const [, exportId = ''] = /exports\/([0-9a-f-]+)>/.exec(pack.link ?? '') ?? [];
    const manifest = exportManifestSchema.parse((await latchkey.call(`/v1/audit/exports/${exportId}`)).body);
    expect(manifest).toMatchObject({
      state: 'complete',
      format: 'evidence',
      filters: { correlationId },
      rows: 8,
      sealedRows: 8,
      bytes: pack.file.length,
      sha256: createHash('sha256').update(pack.file).digest('hex'),
    });
    expect((await latchkey.story(correlationId)).map(({ action }) => action)).not.toContain('audit.exported');
  });

  it('of a request that is not sealed yet says which records nothing vouches for', async () => {
    const fresh = randomUUID();
    await latchkey.unlock('locked-1', fresh);
    const { files } = await fetchPack(fresh);
    const { status, output } = verify(files);
    expect([status, output]).toEqual([4, expect.stringMatching(/^NOT VOUCHED FOR: 5 records/)]);
    expect(files['README.txt']).toContain('5 of the records were not sealed yet');
  });

  it('of a request that nobody made is not there', async () => {
    expect((await latchkey.call(`/v1/audit/unlocks/${randomUUID()}/evidence`)).body).toMatchObject({ code: 'not_found' });
  });

  it('is not handed out where the rows are not what was sealed', async () => {
    await latchkey.sql('ALTER TABLE audit_event DISABLE TRIGGER ALL');
    await latchkey.sql("UPDATE audit_event SET reason = 'another' WHERE correlation_id = $1 AND action = 'customer.unlock.requested'", [
      correlationId,
    ]);
    expect((await latchkey.call(`/v1/audit/unlocks/${correlationId}/evidence`)).body).toMatchObject({ code: 'seal_broken' });
  });

  it('needs only what every Node has', () => {
    const imports = [...readFileSync('evidence/verify.mjs', 'utf8').matchAll(/from '([^']+)'/g)].map(([, name]) => name);
    expect(imports.every((name) => name?.startsWith('node:'))).toBe(true);
  });
});
