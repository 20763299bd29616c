import { z } from 'zod';
import { attemptResults } from '../domain/attempt.js';
import { auditActions, type AuditEvent } from '../domain/audit-event.js';
import { outcomes, verifications } from '../domain/outcome.js';

const jsonObject = z.record(z.string(), z.json());

const row = z.object({
  id: z.string(),
  position: z.bigint(),
  occurredAt: z.date(),
  recordedAt: z.date(),
  action: z.enum(auditActions),
  correlationId: z.string().nullable(),
  institutionId: z.string().nullable(),
  customerId: z.string().nullable(),
  actorType: z.enum(['user', 'service']).nullable(),
  actorId: z.string().nullable(),
  actorName: z.string().nullable(),
  onBehalfOf: z.string().nullable(),
  reason: z.string().nullable(),
  reasonCode: z.string().nullable(),
  ticket: z.string().nullable(),
  source: jsonObject.nullable(),
  workflowId: z.string().nullable(),
  runId: z.string().nullable(),
  attempt: z.number().nullable(),
  activityAttempt: z.number().nullable(),
  executionId: z.string().nullable(),
  result: z.enum(attemptResults).nullable(),
  outcome: z.enum(outcomes).nullable(),
  verification: z.enum(verifications).nullable(),
  httpStatus: z.number().nullable(),
  upstreamCode: z.string().nullable(),
  upstreamMessage: z.string().nullable(),
  durationMs: z.number().nullable(),
  lockStatus: z.enum(['locked', 'not_locked', 'unknown']).nullable(),
  metadata: jsonObject,
});

const columnOf = (name: string): string => `e.${name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`;
const isTime = (name: string): boolean => name.endsWith('At');

/** The columns of an audit event as an SQL list, named as in the code; `xid` is no part of the record. */
export const eventColumns = Object.keys(row.shape)
  .map((name) => `${columnOf(name)} AS "${name}"`)
  .join(', ');

/** The columns of an audit event, named as in the code, in this order. */
export const eventColumnNames: readonly string[] = Object.keys(row.shape);

/** An audit event as one line of JSON, as SQL: made by Postgres, several times as fast as row by row here. */
export const eventJson = `json_build_object(${eventColumnNames
  .map(
    (name) =>
      `'${name}', ${isTime(name) ? `to_char(${columnOf(name)} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')` : columnOf(name)}`,
  )
  .join(', ')})::text`;

/**
 * Reads rows of the table.
 * @throws ZodError where a row says what this version does not know
 */
export function parseEvents(rows: readonly unknown[]): AuditEvent[] {
  return rows.map((one) => row.parse(one));
}
