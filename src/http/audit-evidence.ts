import { createHash } from 'node:crypto';
import type { AuditReview, CaseRows, KeptCheckpoint, SealedRow } from '../audit/audit-review.js';
import type { EvidenceCase, EvidenceRecord } from '../evidence/case.js';
import { evidencePack } from '../evidence/pack.js';
import { leafHash, provesInclusion } from '../proof/merkle-tree.js';
import { TemporalUnavailableError, type UnlockExecutions } from '../temporal/unlock-executions.js';
import type { AuditReaders } from './audit-readers.js';
import { fromSeal, sealBroken } from './audit-seal.js';
import { fromAudit } from './availability.js';
import { EXAMPLE_CORRELATION_ID } from './example-errors.js';
import { failures, good } from './operation.js';
import { Problem } from './problem.js';
import type { RequestSchemas } from './request-schemas.js';
import type { Answer, AuthenticatedCall, Route } from './route.js';
import type { HttpSettings } from './settings.js';
import { parsePart, parseQuery } from './validation.js';

interface EvidenceParts {
  readonly review: AuditReview;
  readonly executions: Pick<UnlockExecutions, 'historyOf'>;
  readonly readers: AuditReaders;
  readonly schemas: RequestSchemas;
  readonly settings: Pick<HttpSettings, 'auditVerifiers'>;
}

const PATH = '/v1/audit/unlocks/{correlationId}/evidence';

/** One case as a file that stands without us; handing it out is recorded as an export. */
export function evidenceRoutes({ review, executions, readers, schemas, settings }: EvidenceParts): Route[] {
  async function evidence(call: AuthenticatedCall): Promise<Answer> {
    const { correlationId } = parsePart('path', schemas.requestPath, call.params);
    parseQuery(schemas.noQuery, call.search);
    const { institutionId, actor } = call.caller;
    const found = await fromAudit(review.caseOf(correlationId, institutionId));
    // A look at a lock status may bear any correlationId, and makes no request of it.
    if (!found.events.some(({ action }) => action.startsWith('customer.unlock.')))
      throw new Problem('not_found', { detail: 'No unlock request has this correlationId.' });
    const records = await proved(found, institutionId);
    const used = found.checkpoints.filter(({ origin }) => records.some(({ sealed }) => sealed?.origin === origin));
    const newest = used.at(-1);
    const given: EvidenceCase = {
      correlationId,
      institutionId,
      madeAt: new Date(),
      madeFor: { type: actor.type, id: actor.id, name: actor.name },
      records,
      events: found.events,
      logs: used.map(({ origin, note, continues }) => ({ origin, checkpoint: note, continues })),
      workflow: await historyOf(correlationId),
      publicKeys: settings.auditVerifiers,
    };
    const file = evidencePack(given);
    const sealedRows = records.filter(({ sealed }) => sealed !== null).length;
    const exportId = await readers.exported(call, {
      format: 'evidence',
      filters: { correlationId },
      rows: records.length,
      sealedRows,
      checkpoint: newest === undefined ? null : { origin: newest.origin, size: newest.size, root: newest.root.toString('base64') },
    });
    const sha256 = createHash('sha256').update(file).digest('hex');
    await readers.exportEnded(call, exportId, { complete: true, rows: records.length, bytes: file.length, sha256 });
    return {
      httpStatus: 200,
      headers: {
        'content-type': 'application/zip',
        'content-disposition': `attachment; filename="evidence-${correlationId}.zip"`,
        link: `</v1/audit/exports/${exportId}>; rel="describedby"`,
      },
      file,
    };
  }

  async function proved({ rows, checkpoints }: CaseRows, institutionId: string): Promise<EvidenceRecord[]> {
    const covered = new Map<string, EvidenceRecord['sealed']>();
    for (const checkpoint of checkpoints) {
      const under = rows.filter(({ leaf }) => leaf?.treeId === checkpoint.treeId && leaf.index < checkpoint.size);
      for (const [eventId, sealed] of await provedUnder(checkpoint, under, institutionId)) covered.set(eventId, sealed);
    }
    return rows.map(({ eventId, record }) => ({ eventId, record, sealed: covered.get(eventId) ?? null }));
  }

  async function provedUnder({ treeId, origin, size, root }: KeptCheckpoint, rows: readonly SealedRow[], institutionId: string) {
    const indices = rows.map(({ leaf }) => leaf?.index ?? 0);
    const proofs = await fromSeal(review.inclusionProofs({ treeId, size, indices }, institutionId));
    return rows.map(({ eventId, record }, at) => {
      const [index, proof] = [indices[at] ?? 0, proofs[at] ?? []];
      if (!provesInclusion({ leaf: leafHash(record), index, size, root, proof })) {
        throw sealBroken(`Audit event ${eventId} is not what was sealed as leaf ${index} of ${origin}.`);
      }
      return [eventId, { origin, index, proof }] as const;
    });
  }

  /** The pack is worth having without it. */
  async function historyOf(correlationId: string): Promise<EvidenceCase['workflow']> {
    try {
      return (await executions.historyOf(correlationId)) ?? { unavailable: 'Temporal no longer keeps the history of this request' };
    } catch (error) {
      if (!(error instanceof TemporalUnavailableError)) throw error;
      return { unavailable: 'Temporal did not answer when this was made' };
    }
  }

  return [
    {
      method: 'get',
      path: PATH,
      scope: 'audit:read',
      body: 'none',
      errorShape: 'problem',
      operation: {
        operationId: 'getEvidence',
        tags: ['Audit'],
        summary: 'The evidence on one unlock request: a file that stands without us',
        description: [
          'A zip: every audit event of the request exactly as it was sealed, the proofs and the signed checkpoint, the digest of the workflow’s history, a page for people,',
          'and a verifier that needs only Node (`node verify.mjs`). Events that are not sealed yet are in it, and marked. The export is recorded.',
        ].join(' '),
        requestParams: { path: schemas.requestPath },
        responses: {
          '200': {
            ...good('The pack', null),
            content: { 'application/zip': { schema: { type: 'string', contentMediaType: 'application/zip' } } },
          },
          ...failures({ codes: ['not_found', 'seal_broken'], path: PATH.replace('{correlationId}', EXAMPLE_CORRELATION_ID) }),
        },
      },
      handle: evidence,
    },
  ];
}
