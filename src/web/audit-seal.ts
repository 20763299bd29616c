import { inclusionProofSchema } from '../http/audit-answer-schemas.js';
import { Problem } from '../http/problem.js';
import { openCheckpoint } from '../proof/checkpoint.js';
import { provesInclusion } from '../proof/merkle-tree.js';
import { NoteError, readVerifier, type NoteVerifier } from '../proof/signed-note.js';
import type { PersonalVisit } from './page.js';

/** What is known of the seal of one row. */
export type Seal =
  | { readonly state: 'sealed'; readonly leafIndex: number; readonly origin: string; readonly size: number }
  | { readonly state: 'waiting' }
  | { readonly state: 'broken'; readonly why: string }
  /** It could not be looked at now. */
  | { readonly state: 'unchecked'; readonly why: string };

/** Checks the seals of rows, in their order. */
export type SealsOf = (eventIds: readonly string[], ask: PersonalVisit['ask']) => Promise<Seal[]>;

/** So many at a time: a case is read by one person, the log by many. */
const AT_ONCE = 4;
/** A case has a dozen rows. Beyond this the evidence is the way: it asks once for all of them. */
const CHECKED_AT_MOST = 200;

/**
 * Checks seals by themselves and not by what is said of them: the leaf's hash, which the API makes from the row as it stands now, must lead to
 * the root of a checkpoint that a trusted key has signed.
 * @throws NoteError where a verifier is none
 */
export function createSealCheck(auditVerifiers: readonly string[]): SealsOf {
  const trusted = auditVerifiers.map(readVerifier);

  async function sealOf(eventId: string, ask: PersonalVisit['ask']): Promise<Seal> {
    try {
      const { body } = await ask({ method: 'get', route: '/v1/audit/events/{eventId}/inclusion-proof', params: { eventId } });
      return checked(body, eventId, trusted);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (error.code === 'not_sealed_yet') return { state: 'waiting' };
      if (error.code === 'seal_broken') return { state: 'broken', why: error.message };
      if (error.code === 'rate_limited' || error.code === 'temporarily_unavailable') return { state: 'unchecked', why: error.message };
      throw error;
    }
  }

  return async (eventIds, ask) => {
    const seals: Seal[] = [];
    for (let from = 0; from < eventIds.length && from < CHECKED_AT_MOST; from += AT_ONCE) {
      seals.push(...(await Promise.all(eventIds.slice(from, from + AT_ONCE).map((eventId) => sealOf(eventId, ask)))));
    }
    const tooMany: Seal = { state: 'unchecked', why: `Of a case the first ${CHECKED_AT_MOST} rows are checked here.` };
    return eventIds.map((_, at) => seals[at] ?? tooMany);
  };
}

function checked(body: unknown, eventId: string, trusted: readonly NoteVerifier[]): Seal {
  const { eventId: answered, leafIndex, leafHash, proof, checkpoint } = inclusionProofSchema.parse(body);
  if (trusted.length === 0) return { state: 'unchecked', why: 'No public key is set here by which to check the signature.' };
  try {
    const { origin, size, root } = openCheckpoint(checkpoint.note, trusted);
    const claim = { leaf: bytes(leafHash), index: leafIndex, size, root, proof: proof.map(bytes) };
    if (answered === eventId && provesInclusion(claim)) return { state: 'sealed', leafIndex, origin, size };
    return { state: 'broken', why: `Audit event ${eventId} does not lead to the root that was signed for ${size} leaves of ${origin}.` };
  } catch (error) {
    if (!(error instanceof NoteError)) throw error;
    return { state: 'broken', why: `The checkpoint of ${checkpoint.size} leaves of ${checkpoint.origin}: ${error.message}.` };
  }
}

function bytes(base64: string): Buffer {
  return Buffer.from(base64, 'base64');
}
