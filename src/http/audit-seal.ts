import type { AuditReview, KeptCheckpoint } from '../audit/audit-review.js';
import { SealBrokenError } from '../audit/tree-rows.js';
import { leafHash, provesConsistency, provesInclusion, type Hash } from '../proof/merkle-tree.js';
import { checkpointSchema, consistencyProofSchema, inclusionProofSchema } from './audit-answer-schemas.js';
import { fromAudit } from './availability.js';
import { EXAMPLE_EVENT_ID } from './example-errors.js';
import { exampleCheckpoint, exampleConsistency, exampleInclusion } from './example-audit.js';
import { failures, good } from './operation.js';
import { Problem } from './problem.js';
import type { RequestSchemas } from './request-schemas.js';
import type { Answer, AuthenticatedCall, Route } from './route.js';
import { parsePart, parseQuery } from './validation.js';

interface AuditSealParts {
  readonly review: AuditReview;
  readonly schemas: RequestSchemas;
}

/** The seal of the log: checkpoints, and proofs for what they say. They hold hashes and no row, so that reading them is no event. */
export function auditSealRoutes({ review, schemas }: AuditSealParts): Route[] {
  async function checkpoint(call: AuthenticatedCall): Promise<Answer> {
    parseQuery(schemas.noQuery, call.search);
    return { httpStatus: 200, body: checkpointItem(await wanted(call, {})) };
  }

  async function wanted(
    call: AuthenticatedCall,
    which: { origin?: string | undefined; size?: number | undefined },
  ): Promise<KeptCheckpoint> {
    const found = await fromAudit(review.checkpoint(which, call.caller.institutionId));
    if (found !== null) return found;
    if (which.size === undefined && which.origin === undefined) throw notSealedYet('Nothing has been sealed yet.');
    throw new Problem('not_found', { detail: 'There is no checkpoint of this size: take one that was published.' });
  }

  async function inclusion(call: AuthenticatedCall): Promise<Answer> {
    const { eventId } = parsePart('path', schemas.eventPath, call.params);
    const { size } = parseQuery(schemas.inclusionQuery, call.search);
    const { institutionId } = call.caller;
    const row = await fromAudit(review.sealedEvent(eventId, institutionId));
    if (row === null) throw new Problem('not_found', { detail: 'Your institution has no audit event of this id.' });
    const { leaf, record } = row;
    if (leaf === null) throw notSealedYet('This audit event is not sealed yet.');
    const { origin } = leaf;
    const covering = await wanted(call, { origin, size });
    if (covering.size <= leaf.index) {
      if (size !== undefined)
        throw new Problem('not_found', { detail: `The event is leaf ${leaf.index}: a tree of ${size} leaves does not hold it.` });
      throw notSealedYet('No checkpoint covers this audit event yet.');
    }
    const [proof = []] = await fromSeal(
      review.inclusionProofs({ treeId: leaf.treeId, size: covering.size, indices: [leaf.index] }, institutionId),
    );
    // From the row as it stands now: nobody is handed a proof that does not hold.
    const claim = { leaf: leafHash(record), index: leaf.index, size: covering.size, root: covering.root, proof };
    if (!provesInclusion(claim)) throw sealBroken(`Audit event ${eventId} is not what was sealed as leaf ${leaf.index} of ${origin}.`);
    return {
      httpStatus: 200,
      body: {
        eventId,
        leafIndex: leaf.index,
        leafHash: base64(claim.leaf),
        proof: proof.map(base64),
        checkpoint: checkpointItem(covering),
      },
    };
  }

  async function consistency(call: AuthenticatedCall): Promise<Answer> {
    const { origin, from, to } = parseQuery(schemas.consistencyQuery, call.search);
    const later = await wanted(call, { origin, size: to });
    const earlier = await wanted(call, { origin: later.origin, size: from });
    if (earlier.size > later.size) {
      throw new Problem('not_found', {
        detail: `A tree of ${later.size} leaves does not grow out of one of ${earlier.size}: exchange them.`,
      });
    }
    const { treeId, size } = later;
    const proof = await fromSeal(review.consistencyProof({ treeId, earlier: earlier.size, size }, call.caller.institutionId));
    if (!provesConsistency({ earlier, later, proof })) {
      throw sealBroken(`The log ${later.origin} of ${size} leaves does not begin with the one of ${earlier.size}.`);
    }
    return { httpStatus: 200, body: { earlier: checkpointItem(earlier), later: checkpointItem(later), proof: proof.map(base64) } };
  }

  const eventProofPath = '/v1/audit/events/{eventId}/inclusion-proof';
  return [
    {
      method: 'get',
      path: '/v1/audit/checkpoint',
      scope: 'audit:read',
      body: 'none',
      errorShape: 'problem',
      operation: {
        operationId: 'getCheckpoint',
        tags: ['Audit'],
        summary: 'The newest signed checkpoint of the audit log',
        description:
          'A C2SP `tlog-checkpoint` signed with Ed25519: how many rows the log has, of all institutions together, and the root over them. `latchkey audit verify` and any reader of signed notes check it.',
        responses: {
          '200': good('The checkpoint', checkpointSchema, { examples: { checkpoint: exampleCheckpoint } }),
          ...failures({ codes: ['not_sealed_yet'], path: '/v1/audit/checkpoint' }),
        },
      },
      handle: checkpoint,
    },
    {
      method: 'get',
      path: eventProofPath,
      scope: 'audit:read',
      body: 'none',
      errorShape: 'problem',
      operation: {
        operationId: 'getInclusionProof',
        tags: ['Audit'],
        summary: 'The proof that an audit event stands in the sealed log',
        description: 'RFC 6962, section 2.1.1; checked against the row before it is answered.',
        requestParams: { path: schemas.eventPath, query: schemas.inclusionQuery },
        responses: {
          '200': good('The proof', inclusionProofSchema, { examples: { proof: exampleInclusion } }),
          ...failures({
            codes: ['not_found', 'not_sealed_yet', 'seal_broken'],
            path: eventProofPath.replace('{eventId}', EXAMPLE_EVENT_ID),
          }),
        },
      },
      handle: inclusion,
    },
    {
      method: 'get',
      path: '/v1/audit/consistency-proof',
      scope: 'audit:read',
      body: 'none',
      errorShape: 'problem',
      operation: {
        operationId: 'getConsistencyProof',
        tags: ['Audit'],
        summary: 'The proof that the log has only grown between two checkpoints',
        description: 'RFC 6962, section 2.1.2.',
        requestParams: { query: schemas.consistencyQuery },
        responses: {
          '200': good('The proof', consistencyProofSchema, { examples: { proof: exampleConsistency } }),
          ...failures({ codes: ['not_found', 'not_sealed_yet', 'seal_broken'], path: '/v1/audit/consistency-proof?from=3' }),
        },
      },
      handle: consistency,
    },
  ];
}

/** A checkpoint as callers read it. */
export function checkpointItem({ origin, size, root, note, signedAt }: KeptCheckpoint) {
  return { origin, size, root: base64(root), signedAt: signedAt.toISOString(), note };
}

/**
 * Waits for a proof.
 * @throws Problem `seal_broken` where the database lacks what it is made of; 503 where it does not answer
 */
export async function fromSeal<T>(work: Promise<T>): Promise<T> {
  return fromAudit(
    work.catch((error: unknown) => {
      if (error instanceof SealBrokenError) throw sealBroken(error.message, error);
      throw error;
    }),
  );
}

/** The rows, or what is kept of their hashes, are not what was signed. */
export function sealBroken(detail: string, cause?: unknown): Problem {
  return new Problem('seal_broken', { detail: `${detail} Run "latchkey audit verify".`, ...(cause !== undefined && { cause }) });
}

function notSealedYet(detail: string): Problem {
  return new Problem('not_sealed_yet', { detail: `${detail} Ask again in a few seconds.`, headers: { 'retry-after': '5' } });
}

function base64(hash: Hash): string {
  return hash.toString('base64');
}
