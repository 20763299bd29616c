import { z } from 'zod';
import type { PrismaClient } from '../../generated/prisma/client.js';
import type { RequestsRunning } from '../domain/observer.js';
import { outcomes } from '../domain/outcome.js';
import type { InstitutionLog } from './audit-log.js';

const slices = z.tuple([
  z.object({ scannedTo: z.bigint().nullable(), scanned: z.number(), newest: z.bigint().nullable(), correlationIds: z.array(z.string()) }),
]);
const running = z.tuple([z.object({ count: z.number(), oldestMs: z.number(), overdueMs: z.number() })]);
const numbers = z.tuple([z.object({ number: z.number().nullable() })]);
const endings = z.array(z.object({ correlationId: z.string(), outcome: z.enum(outcomes), attempts: z.number() }));

const NONE_RUNNING: RequestsRunning = { count: 0, oldestMs: 0, overdueMs: 0 };

/** The reads by which the reconciler finds what has no end; see `AuditLog`. */
export function createGapReads({
  prisma,
}: {
  readonly prisma: PrismaClient;
}): Pick<InstitutionLog, 'openRequests' | 'runningAmong' | 'endingsOf' | 'logNumber'> {
  return {
    openRequests: async ({ after, olderThanMs, limit }) => {
      const [{ scannedTo, scanned, newest, correlationIds }] = slices.parse(await openingsWithoutEnd(prisma, after, olderThanMs, limit));
      return { correlationIds, scannedTo: scannedTo ?? after, newest: newest ?? 0n, more: scanned === limit };
    },

    runningAmong: async (correlationIds) =>
      correlationIds.length === 0 ? NONE_RUNNING : running.parse(await runningOf(prisma, correlationIds))[0],

    logNumber: async () => numbers.parse(await prisma.$queryRaw`SELECT audit_log_number() AS number`)[0].number,

    endingsOf: async (correlationIds) => {
      if (correlationIds.length === 0) return [];
      return endings.parse(
        await prisma.$queryRaw`
          SELECT e.correlation_id AS "correlationId", e.outcome, (
            SELECT count(*)::integer FROM audit_event a
            WHERE a.correlation_id = e.correlation_id AND a.action = 'customer.unlock.attempt_started'
          ) AS attempts
          FROM audit_event e
          WHERE e.action = 'customer.unlock.completed' AND e.correlation_id = ANY (${[...correlationIds]}::uuid[])`,
      );
    },
  };
}

// The actions are spelled as in the index's own condition. A subquery for each row, because a join would read every end there is.
function openingsWithoutEnd(prisma: PrismaClient, after: bigint, olderThanMs: number, limit: number): Promise<unknown> {
  return prisma.$queryRaw`
    WITH scanned AS MATERIALIZED (
      SELECT e.position, e.correlation_id FROM audit_event e
      WHERE e.action IN ('customer.unlock.requested', 'customer.unlock.attempt_started') AND e.position > ${after}::bigint
        AND e.recorded_at < statement_timestamp() - make_interval(secs => ${olderThanMs / 1000}::double precision)
      ORDER BY e.position LIMIT ${limit}::integer
    )
    SELECT max(position) AS "scannedTo", count(*)::integer AS scanned, (SELECT max(e.position) FROM audit_event e) AS newest,
      coalesce(array_agg(DISTINCT correlation_id::text) FILTER (WHERE (
        SELECT c.action FROM audit_event c WHERE c.correlation_id = scanned.correlation_id AND c.action = 'customer.unlock.completed' LIMIT 1
      ) IS NULL), '{}') AS "correlationIds"
    FROM scanned`;
}

// Who waits for a second person may rightly outlast the deadline, and an approval sets it anew.
function runningOf(prisma: PrismaClient, correlationIds: readonly string[]): Promise<unknown> {
  return prisma.$queryRaw`
    WITH running AS MATERIALIZED (
      SELECT r.recorded_at, coalesce(second.approved_at + (r.deadline - r.occurred_at), greatest(r.deadline, second.expires_at)) AS deadline
      FROM unnest(${[...correlationIds]}::uuid[]) AS wanted (correlation_id) CROSS JOIN LATERAL (
        SELECT e.recorded_at, e.occurred_at, (e.metadata ->> 'deadlineAt')::timestamptz AS deadline FROM audit_event e
        WHERE e.correlation_id = wanted.correlation_id AND e.action = 'customer.unlock.requested' LIMIT 1
      ) r CROSS JOIN LATERAL (
        SELECT max((e.metadata ->> 'expiresAt')::timestamptz) FILTER (WHERE e.action = 'customer.unlock.approval_required') AS expires_at,
          max(e.occurred_at) FILTER (WHERE e.action = 'customer.unlock.approved') AS approved_at
        FROM audit_event e
        WHERE e.correlation_id = wanted.correlation_id AND e.action IN ('customer.unlock.approval_required', 'customer.unlock.approved')
      ) second
      WHERE (
        SELECT c.action FROM audit_event c WHERE c.correlation_id = wanted.correlation_id AND c.action = 'customer.unlock.completed' LIMIT 1
      ) IS NULL
    )
    SELECT count(*)::integer AS count,
      coalesce(extract(epoch FROM statement_timestamp() - min(recorded_at)) * 1000, 0)::float8 AS "oldestMs",
      greatest(0, coalesce(extract(epoch FROM statement_timestamp() - min(deadline)) * 1000, 0))::float8 AS "overdueMs"
    FROM running`;
}
