import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { AuditReview } from '../../src/audit/audit-review.js';
import { connectInstitutions, createAuditReviewByInstitution } from '../../src/audit/by-institution.js';
import { checkpointSchema, consistencyProofSchema, inclusionProofSchema } from '../../src/http/audit-answer-schemas.js';
import { openCheckpoint } from '../../src/proof/checkpoint.js';
import { leafHash, provesConsistency, provesInclusion } from '../../src/proof/merkle-tree.js';
import { recordOf } from '../../src/proof/record.js';
import { readVerifier, verifierKey } from '../../src/proof/signed-note.js';
import { closedRooms, INSTITUTION, openFrontDoor, startForeignIssuer, type ForeignIssuer, type FrontDoor } from '../support/front-door.js';
import { openSealedLog, type SealedLog } from '../support/sealed-log.js';
import { insertOf, sample, sql } from './audit-samples.js';

/** So that subtrees over 256 and over 65536 leaves are kept, and none of the steps ends where one of them does. */
const STEPS = [1, 2, 254, 600, 65_000, 1_000];
let log: SealedLog;
let issuer: ForeignIssuer;
let door: FrontDoor;
let review: AuditReview;
let token: string;
const closers: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  issuer = await startForeignIssuer();
  closers.push(issuer.stop);
  log = await openSealedLog();
  closers.push(log.close);
  const reviewers = connectInstitutions({ databaseUrl: log.url, institutionIds: [INSTITUTION], role: 'latchkey_auditor' });
  closers.push(reviewers.close);
  review = createAuditReviewByInstitution({ connections: reviewers });
  door = await openFrontDoor({ issuerUrl: issuer.url, review });
  closers.push(door.close);
  token = await issuer.token();
}, 120_000);

afterAll(async () => {
  for (const close of closers.reverse()) await close();
});

const read = (path: string) => door.send({ path, token });
const bytes = (base64: string): Buffer => Buffer.from(base64, 'base64');
const opened = (note: string) => openCheckpoint(note, [readVerifier(verifierKey(log.signer))]);
const atLeaf = async (index: number): Promise<string> =>
  String((await log.client.query('SELECT event_id FROM audit_leaf WHERE index = $1', [index])).rows[0]?.event_id);

async function seal(rows: number): Promise<void> {
  await log.client.query(
    `INSERT INTO audit_event (id, occurred_at, action, institution_id, actor_type, actor_id)
     SELECT gen_random_uuid(), now(), 'audit.viewed', $1, 'user', 'auditor-1' FROM generate_series(1, ${rows})`,
    [INSTITUTION],
  );
  await log.seal();
}

describe('before anything is sealed', () => {
  it('there is no checkpoint, and the answer says to come back', async () => {
    const reply = await read('/v1/audit/checkpoint');
    expect([reply.httpStatus, reply.headers['retry-after'], reply.body]).toEqual([
      409,
      '5',
      expect.objectContaining({ code: 'not_sealed_yet' }),
    ]);
  });
});

describe('a sealed log', () => {
  beforeAll(async () => {
    for (const rows of STEPS) await seal(rows);
  }, 120_000);

  it('tells its newest checkpoint, signed', async () => {
    const { note, size, root } = checkpointSchema.parse((await read('/v1/audit/checkpoint')).body);
    const checkpoint = opened(note);
    expect([checkpoint.size, checkpoint.root.toString('base64')]).toEqual([size, root]);
    expect(size).toBe(STEPS.reduce((sum, step) => sum + step, 0));
  });

  it.each([0, 1, 2, 255, 256, 257, 65_535, 65_536, 65_857, 66_856])('proves that row %i stands in it', async (index) => {
    const eventId = await atLeaf(index);
    const found = inclusionProofSchema.parse((await read(`/v1/audit/events/${eventId}/inclusion-proof`)).body);
    const { size, root } = opened(found.checkpoint.note);
    const [row] = await sql(
      log.url,
      'SELECT row_to_json(e)::text AS record FROM audit_event e WHERE id = $1',
      [eventId],
      '-c timezone=UTC',
    );
    const leaf = leafHash(recordOf(String(row?.record)));
    expect([found.leafIndex, found.leafHash]).toEqual([index, leaf.toString('base64')]);
    expect(provesInclusion({ leaf, index, size, root, proof: found.proof.map(bytes) })).toBe(true);
  });

  it('proves it under an older checkpoint too, but not under one that is older than the row', async () => {
    const eventId = await atLeaf(2);
    const under = inclusionProofSchema.parse((await read(`/v1/audit/events/${eventId}/inclusion-proof?size=257`)).body);
    expect(under.checkpoint.size).toBe(257);
    expect((await read(`/v1/audit/events/${eventId}/inclusion-proof?size=1`)).httpStatus).toBe(404);
    expect((await read(`/v1/audit/events/${eventId}/inclusion-proof?size=100`)).httpStatus).toBe(404);
  });

  it('proves that it has only grown, from each checkpoint to each later one', async () => {
    const sizes = STEPS.map((_, at) => STEPS.slice(0, at + 1).reduce((sum, step) => sum + step, 0));
    for (const [at, from] of sizes.entries()) {
      for (const to of sizes.slice(at)) {
        const found = consistencyProofSchema.parse((await read(`/v1/audit/consistency-proof?from=${from}&to=${to}`)).body);
        const claim = { earlier: opened(found.earlier.note), later: opened(found.later.note), proof: found.proof.map(bytes) };
        expect([from, to, provesConsistency(claim)]).toEqual([from, to, true]);
      }
    }
    expect((await read('/v1/audit/consistency-proof?from=257&to=3')).httpStatus).toBe(404);
    expect((await read('/v1/audit/consistency-proof')).body).toMatchObject({ code: 'validation_failed' });
  });

  it('gives nobody the proof of a row that is not what was sealed', async () => {
    const eventId = await atLeaf(300);
    const changing = await openFrontDoor({
      issuerUrl: issuer.url,
      review: {
        ...review,
        sealedEvent: async (id, institutionId) => {
          const row = await review.sealedEvent(id, institutionId);
          return row && { ...row, record: row.record.replace('auditor-1', 'auditor-2') };
        },
      },
    });
    const reply = await changing.send({ path: `/v1/audit/events/${eventId}/inclusion-proof`, token });
    await changing.close();
    expect([reply.httpStatus, reply.body]).toEqual([500, expect.objectContaining({ code: 'seal_broken' })]);
  });

  it('says so where what proofs are made of is gone', async () => {
    const eventId = await atLeaf(300);
    await log.client.query('ALTER TABLE audit_node DISABLE TRIGGER ALL; DELETE FROM audit_node WHERE height = 8 AND index = 0');
    const reply = await read(`/v1/audit/events/${eventId}/inclusion-proof`);
    expect([reply.httpStatus, reply.body]).toEqual([500, expect.objectContaining({ code: 'seal_broken' })]);
  });

  it('knows of no row of another institution, and asks to come back for one that is not sealed yet', async () => {
    const foreign = insertOf(sample('audit.viewed', { institutionId: 'bank-two', id: randomUUID() }));
    const fresh = sample('audit.viewed', { institutionId: INSTITUTION, id: randomUUID() });
    const own = insertOf(fresh);
    await sql(log.url, foreign.text, foreign.values);
    await sql(log.url, own.text, own.values);
    expect((await read(`/v1/audit/events/${String(foreign.values[0])}/inclusion-proof`)).httpStatus).toBe(404);
    expect((await read(`/v1/audit/events/${fresh.id}/inclusion-proof`)).body).toMatchObject({ code: 'not_sealed_yet' });
  });

  it('is read without a word on record: hashes tell of nobody', () => {
    expect(closedRooms().entered).toEqual([]);
    expect(door.entered).toEqual([]);
  });
});
