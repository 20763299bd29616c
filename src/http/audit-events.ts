import type { AuditReview } from '../audit/audit-review.js';
import type { AuditEvent } from '../domain/audit-event.js';
import { auditEventPageSchema } from './answer-schemas.js';
import { recordable, type AuditReaders } from './audit-readers.js';
import { fromAudit } from './availability.js';
import { eventCursor, pageOf, rowsToAsk } from './cursor.js';
import { auditEventPage } from './example-readings.js';
import { failures, good } from './operation.js';
import type { RequestSchemas } from './request-schemas.js';
import type { Answer, AuthenticatedCall, Route } from './route.js';
import { parseQuery } from './validation.js';

interface AuditEventsParts {
  readonly review: AuditReview;
  readonly readers: AuditReaders;
  readonly schemas: RequestSchemas;
}

/** The audit log for those who must read it; each read is an audit event itself, written before it is answered. */
export function auditEventRoutes({ review, readers, schemas }: AuditEventsParts): Route[] {
  async function list(call: AuthenticatedCall): Promise<Answer> {
    const { limit, cursor, ...filters } = parseQuery(schemas.auditEventsQuery, call.search);
    const { institutionId } = call.caller;
    const rows = await fromAudit(
      review.listEvents({ filters: { ...filters, institutionId }, limit: rowsToAsk(limit), after: cursor ?? null }),
    );
    const page = pageOf({ rows, limit, cursorOf: ({ position }) => eventCursor(position) });
    await readers.viewed(call, {
      filters: recordable(filters),
      limit,
      after: cursor?.toString() ?? null,
      rows: page.rows.length,
    });
    return { httpStatus: 200, body: { items: page.rows.map(auditEventItem), nextCursor: page.nextCursor } };
  }

  return [
    {
      method: 'get',
      path: '/v1/audit/events',
      scope: 'audit:read',
      body: 'none',
      errorShape: 'problem',
      operation: {
        operationId: 'listAuditEvents',
        tags: ['Audit'],
        summary: 'Audit events, newest first; the read itself is recorded',
        description: [
          "Your institution's rows, narrowed by the filters given. Rows are written once and never changed.",
          'A read that cannot be recorded is refused. Pass `nextCursor` on as `cursor` for the next page.',
        ].join(' '),
        requestParams: { query: schemas.auditEventsQuery },
        responses: {
          '200': good('One page', auditEventPageSchema, { examples: { page: auditEventPage } }),
          ...failures({ path: '/v1/audit/events' }),
        },
      },
      handle: list,
    },
  ];
}

/** One row as callers read it. */
export function auditEventItem({ position, occurredAt, recordedAt, ...columns }: AuditEvent) {
  return { ...columns, position: Number(position), occurredAt: occurredAt.toISOString(), recordedAt: recordedAt.toISOString() };
}
