import { z } from 'zod';
import type { AuditReview } from '../audit/audit-review.js';
import { attemptResults } from '../domain/attempt.js';
import { outcomes } from '../domain/outcome.js';
import { recordable, type AuditReaders } from './audit-readers.js';
import { fromAudit } from './availability.js';
import type { Example } from './example-errors.js';
import { failures, good } from './operation.js';
import type { RequestSchemas } from './request-schemas.js';
import type { Answer, AuthenticatedCall, Route } from './route.js';
import { parseQuery } from './validation.js';

interface AuditSummaryParts {
  readonly review: Pick<AuditReview, 'summarize'>;
  readonly readers: AuditReaders;
  readonly schemas: RequestSchemas;
}

const PATH = '/v1/audit/summary';
const count = z.int().min(0);

export const auditSummarySchema = z
  .strictObject({
    rows: count.meta({ description: 'Rows that were counted: the newest, 10,000 at most' }),
    since: z.iso.datetime().nullable().meta({ description: 'When the oldest of them happened' }),
    outcomes: z
      .array(z.strictObject({ day: z.iso.date(), outcome: z.enum(outcomes), count }))
      .meta({ description: 'How requests ended, by the day in UTC' }),
    errors: z
      .array(z.strictObject({ result: z.enum(attemptResults), httpStatus: z.int().nullable(), upstreamCode: z.string().nullable(), count }))
      .meta({ description: 'What came of attempts that did not succeed: the ten most frequent; without a status no answer came' }),
    actors: z
      .array(z.strictObject({ actorId: z.string(), actorName: z.string().nullable(), count }))
      .meta({ description: 'Who asked for unlocks: the ten most frequent' }),
    attempts: z
      .array(z.strictObject({ attempt: z.int().min(1), count }))
      .meta({ description: 'How many requests came to a first attempt, a second one, and so on' }),
  })
  .meta({ id: 'AuditSummary' });

const example: Example<z.infer<typeof auditSummarySchema>> = {
  summary: 'A quiet morning',
  value: {
    rows: 29,
    since: '2026-01-31T08:02:11.480Z',
    outcomes: [
      { day: '2026-01-31', outcome: 'rejected', count: 1 },
      { day: '2026-01-31', outcome: 'unlocked', count: 4 },
    ],
    errors: [
      { result: 'retryable', httpStatus: 503, upstreamCode: 'UXU_30001', count: 2 },
      { result: 'rejected', httpStatus: 403, upstreamCode: 'UXU_10002', count: 1 },
    ],
    actors: [{ actorId: 'agent-1', actorName: 'Sam Support', count: 5 }],
    attempts: [
      { attempt: 1, count: 5 },
      { attempt: 2, count: 2 },
    ],
  },
};

/** What the log comes to, for charts; each read is an audit event itself, written before it is answered. */
export function auditSummaryRoutes({ review, readers, schemas }: AuditSummaryParts): Route[] {
  async function summarize(call: AuthenticatedCall): Promise<Answer> {
    const filters = parseQuery(schemas.auditSummaryQuery, call.search);
    const { institutionId } = call.caller;
    const { since, ...counts } = await fromAudit(review.summarize({ ...filters, institutionId }));
    await readers.viewed(call, { filters: recordable(filters), summary: true, rows: counts.rows });
    return { httpStatus: 200, body: { since: since?.toISOString() ?? null, ...counts } };
  }

  return [
    {
      method: 'get',
      path: PATH,
      scope: 'audit:read',
      body: 'none',
      errorShape: 'problem',
      operation: {
        operationId: 'summarizeAuditEvents',
        tags: ['Audit'],
        summary: 'What the newest audit events come to; the read itself is recorded',
        description: "Counts over the newest 10,000 of your institution's rows that the filters let through. It names no customer.",
        requestParams: { query: schemas.auditSummaryQuery },
        responses: {
          '200': good('The counts', auditSummarySchema, { examples: { morning: example } }),
          ...failures({ path: PATH }),
        },
      },
      handle: summarize,
    },
  ];
}
