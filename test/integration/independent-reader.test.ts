import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { connectInstitutions, createAuditReviewByInstitution } from '../../src/audit/by-institution.js';
import { consistencyProofSchema, inclusionProofSchema } from '../../src/http/audit-answer-schemas.js';
import { verifierKey } from '../../src/proof/signed-note.js';
import { INSTITUTION, openFrontDoor, startForeignIssuer } from '../support/front-door.js';
import { buildGoProgram } from '../support/go-program.js';
import { newSigner, openSealedLog, ORIGIN, type SealedLog } from '../support/sealed-log.js';
import { insertOf, sample, sql } from './audit-samples.js';

/** Rows sealed under each checkpoint. */
const STEPS = [1, 2, 4, 300];
const SIZE = 307;

const answers = z.object({
  notes: z.array(z.object({ origin: z.string(), size: z.number(), root: z.string(), fault: z.string() })),
  root: z.string(),
  inclusion: z.array(z.string()),
  consistency: z.array(z.string()),
});

interface Questions {
  readonly key: string;
  readonly notes: readonly string[];
  readonly rows: readonly string[];
  readonly inclusion: readonly { row: string; index: number; note: string; proof: readonly string[] }[];
  readonly consistency: readonly { earlier: string; later: string; proof: readonly string[] }[];
}

const { program, reason } = buildGoProgram('sumdb');
const inGo = program === null ? describe.skip : describe;
const closers: (() => Promise<unknown>)[] = [];
let log: SealedLog;
let told: Questions;

beforeAll(async () => {
  log = await openSealedLog();
  closers.push(log.close);
  for (const rows of STEPS) await seal(rows);
  told = await askEverything();
}, 120_000);
afterAll(async () => {
  program?.remove();
  for (const close of closers.reverse()) await close();
});

async function seal(rows: number): Promise<void> {
  for (let row = 0; row < rows; row += 1) {
    const metadata = {
      é: [1.5, null, true, 9_007_199_254_740_991],
      'a"b<&>': '\u20ac \u{1f511} "quoted"\n',
      '\u{1f511}': {},
      z: { b: 1, a: -0.25 },
    };
    const { text, values } = insertOf(sample('customer.unlock.status_checked', { institutionId: INSTITUTION, metadata }));
    await sql(log.url, text, values);
  }
  await log.seal();
}

/** The rows, and what the API has to say of each of them. */
async function askEverything(): Promise<Questions> {
  const issuer = await startForeignIssuer();
  closers.push(issuer.stop);
  const reviewers = connectInstitutions({ databaseUrl: log.url, institutionIds: [INSTITUTION], role: 'latchkey_auditor' });
  closers.push(reviewers.close);
  const door = await openFrontDoor({ issuerUrl: issuer.url, review: createAuditReviewByInstitution({ connections: reviewers }) });
  closers.push(door.close);
  const token = await issuer.token();
  const read = async (path: string): Promise<unknown> => (await door.send({ path, token })).body;

  const sealed = await sql(
    log.url,
    'SELECT row_to_json(e)::text AS row, event_id FROM audit_event e JOIN audit_leaf ON event_id = id ORDER BY index',
    [],
    '-c timezone=UTC',
  );
  const rows = sealed.map(({ row }) => String(row));
  const inclusion = [];
  for (const [index, { event_id: id }] of sealed.entries()) {
    const { checkpoint, proof } = inclusionProofSchema.parse(await read(`/v1/audit/events/${String(id)}/inclusion-proof`));
    inclusion.push({ row: rows[index] ?? '', index, note: checkpoint.note, proof });
  }
  const sizes = STEPS.map((_, at) => STEPS.slice(0, at + 1).reduce((sum, step) => sum + step, 0));
  const consistency = [];
  for (const from of sizes) {
    const { earlier, later, proof } = consistencyProofSchema.parse(await read(`/v1/audit/consistency-proof?from=${from}&to=${SIZE}`));
    consistency.push({ earlier: earlier.note, later: later.note, proof });
  }
  return { key: verifierKey(log.signer), notes: log.published.map(({ note }) => note), rows, inclusion, consistency };
}

function readerSays(change: Partial<Questions> = {}): z.infer<typeof answers> {
  return answers.parse(JSON.parse(program?.run({ stdin: JSON.stringify({ ...told, ...change }) }) ?? ''));
}

describe('a reader of which we wrote none (golang.org/x/mod/sumdb, gowebpki/jcs)', () => {
  it('is there in CI (needs Go 1.24 or newer, and its module proxy once)', () => {
    expect({ inCi: process.env.CI === 'true', missing: program === null, reason }).not.toEqual({ inCi: true, missing: true, reason });
  });
});

inGo('to an independent reader', () => {
  it('each checkpoint is signed, and the newest has the root that it computes from the rows', () => {
    const { notes, root } = readerSays();
    expect(notes.map(({ origin, size, fault }) => [origin, size, fault])).toEqual([1, 3, 7, SIZE].map((size) => [ORIGIN, size, '']));
    expect(root).toBe(notes.at(-1)?.root);
  });

  it('each row is proved to stand in the log, and each checkpoint to have grown from those before it', () => {
    const { inclusion, consistency } = readerSays();
    expect(inclusion).toEqual(Array(SIZE).fill(''));
    expect(consistency).toEqual(STEPS.map(() => ''));
  });

  it('a row that was changed is not what was sealed', () => {
    const rows = told.rows.map((row, index) => (index === 5 ? row.replace('status_checked', 'status_checkeD') : row));
    const inclusion = told.inclusion.map((claim, index) => ({ ...claim, row: rows[index] ?? '' }));
    const says = readerSays({ rows, inclusion });
    expect(says.root).not.toBe(says.notes.at(-1)?.root);
    expect(says.inclusion.flatMap((fault, index) => (fault === '' ? [] : [index]))).toEqual([5]);
  });

  it('a hash of a proof that was changed proves nothing', () => {
    const other = Buffer.alloc(32, 1).toString('base64');
    const spoilt = <Claim extends { proof: readonly string[] }>(claim: Claim) => ({ ...claim, proof: claim.proof.map(() => other) });
    const says = readerSays({ inclusion: told.inclusion.map(spoilt), consistency: told.consistency.slice(0, -1).map(spoilt) });
    expect(says.inclusion).not.toContain('');
    expect(says.consistency).not.toContain('');
  });

  it('a checkpoint that was changed, or signed by another key, is not signed', () => {
    const changed = told.notes.map((note) => note.replace(/^(.*)\n\d+\n/, '$1\n999\n'));
    expect(readerSays({ notes: changed }).notes.every(({ fault }) => fault !== '')).toBe(true);
    const says = readerSays({ key: verifierKey(newSigner()) });
    expect(says.notes.every(({ fault }) => fault !== '')).toBe(true);
    expect(says.inclusion).not.toContain('');
  });
});
