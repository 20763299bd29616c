import { z } from 'zod';
import { Prisma, type PrismaClient } from '../../generated/prisma/client.js';
import { attemptResults } from '../domain/attempt.js';
import { outcomes } from '../domain/outcome.js';
import type { InstitutionReview } from './audit-review.js';

const running = z.tuple([
  z.object({
    looked: z.number(),
    count: z.number(),
    waitingForApproval: z.number(),
    paused: z.number(),
    waitingForRetry: z.number(),
    oldest: z.string().nullable(),
    oldestRequestedAt: z.date().nullable(),
  }),
]);
const lately = z.array(
  z.object({ looked: z.number(), outcome: z.enum(outcomes).nullable(), result: z.enum(attemptResults).nullable(), count: z.number() }),
);
const seals = z.tuple([z.object({ readAt: z.date(), newestRowAt: z.date().nullable(), checkpointAt: z.date().nullable() })]);

/** What a look at the health of the house reads; see `InstitutionReview`. */
export function createHealthReads({
  prisma,
  institutionId,
}: {
  readonly prisma: PrismaClient;
  readonly institutionId: string;
}): Pick<InstitutionReview, 'health'> {
  return {
    health: async ({ runningWithinMs, recentMs, limit }) => {
      const [[{ looked, ...found }], endings, [seal]] = await Promise.all([
        prisma.$queryRaw(runningSql(institutionId, runningWithinMs, limit)).then((rows) => running.parse(rows)),
        prisma.$queryRaw(latelySql(institutionId, recentMs, limit)).then((rows) => lately.parse(rows)),
        prisma.$queryRaw(sealSql(institutionId)).then((rows) => seals.parse(rows)),
      ]);
      const countOf = (kind: 'outcome' | 'result', name: string): number => endings.find((row) => row[kind] === name)?.count ?? 0;
      return {
        readAt: seal.readAt,
        running: { ...found, complete: looked < limit },
        lately: {
          outcomes: new Map(outcomes.map((name) => [name, countOf('outcome', name)])),
          attempts: new Map(attemptResults.map((name) => [name, countOf('result', name)])),
          complete: (endings[0]?.looked ?? 0) < limit,
        },
        newestRowAt: seal.newestRowAt,
        checkpointAt: seal.checkpointAt,
      };
    },
  };
}

// Each request stands under one heading, the first that fits. Subqueries for each row, because joins would read every end there is.
function runningSql(institutionId: string, withinMs: number, limit: number): Prisma.Sql {
  return Prisma.sql`
    WITH asked AS MATERIALIZED (
      SELECT e.correlation_id, e.occurred_at FROM audit_event e
      WHERE e.institution_id = ${institutionId}::text AND e.action = 'customer.unlock.requested'
        AND e.occurred_at > statement_timestamp() - make_interval(secs => ${withinMs / 1000}::double precision)
      ORDER BY e.occurred_at DESC, e.correlation_id DESC LIMIT ${limit}::integer
    ), open AS MATERIALIZED (
      SELECT asked.correlation_id, asked.occurred_at FROM asked WHERE (
        SELECT c.action FROM audit_event c WHERE c.correlation_id = asked.correlation_id AND c.action = 'customer.unlock.completed' LIMIT 1
      ) IS NULL
    ), told AS MATERIALIZED (
      SELECT open.correlation_id, open.occurred_at, story.approval, story.paused, story.retry
      FROM open CROSS JOIN LATERAL (
        SELECT
          coalesce(max((e.metadata ->> 'expiresAt')::timestamptz) FILTER (WHERE e.action = 'customer.unlock.approval_required') > statement_timestamp()
            AND NOT bool_or(e.action IN ('customer.unlock.approved', 'customer.unlock.declined')), false) AS approval,
          coalesce((array_agg(e.action ORDER BY e.position DESC) FILTER (
            WHERE e.action IN ('customer.unlock.paused', 'customer.unlock.resumed', 'customer.unlock.retried_now')
          ))[1] = 'customer.unlock.paused', false) AS paused,
          count(*) FILTER (WHERE e.action = 'customer.unlock.attempt_started') = count(*) FILTER (WHERE e.action = 'customer.unlock.attempt_finished')
            AND (coalesce((array_agg(e.result ORDER BY e.attempt DESC) FILTER (WHERE e.action = 'customer.unlock.attempt_finished'))[1]
                IN ('retryable', 'unknown'), false)
              OR coalesce((array_agg(e.lock_status ORDER BY e.position DESC) FILTER (WHERE e.action = 'customer.unlock.status_checked'))[1]
                = 'unknown', false)) AS retry
        FROM audit_event e WHERE e.correlation_id = open.correlation_id AND e.institution_id = ${institutionId}::text
      ) story
    )
    SELECT (SELECT count(*)::integer FROM asked) AS looked, count(*)::integer AS count,
      count(*) FILTER (WHERE approval)::integer AS "waitingForApproval",
      count(*) FILTER (WHERE paused AND NOT approval)::integer AS paused,
      count(*) FILTER (WHERE retry AND NOT paused AND NOT approval)::integer AS "waitingForRetry",
      (array_agg(correlation_id::text ORDER BY occurred_at, correlation_id))[1] AS oldest, min(occurred_at) AS "oldestRequestedAt"
    FROM told`;
}

function latelySql(institutionId: string, recentMs: number, limit: number): Prisma.Sql {
  return Prisma.sql`
    WITH lately AS MATERIALIZED (
      SELECT e.action, e.outcome, e.result FROM audit_event e
      WHERE e.institution_id = ${institutionId}::text
        AND e.occurred_at > statement_timestamp() - make_interval(secs => ${recentMs / 1000}::double precision)
      ORDER BY e.occurred_at DESC LIMIT ${limit}::integer
    )
    SELECT (SELECT count(*)::integer FROM lately) AS looked,
      CASE action WHEN 'customer.unlock.completed' THEN outcome END AS outcome,
      CASE action WHEN 'customer.unlock.attempt_finished' THEN result END AS result, count(*)::integer AS count
    FROM lately WHERE action IN ('customer.unlock.completed', 'customer.unlock.attempt_finished')
    GROUP BY 2, 3`;
}

// The seal is one over the rows of all institutions; the newest row is one's own.
function sealSql(institutionId: string): Prisma.Sql {
  return Prisma.sql`
    SELECT clock_timestamp() AS "readAt",
      (SELECT e.recorded_at FROM audit_event e WHERE e.institution_id = ${institutionId}::text ORDER BY e.occurred_at DESC LIMIT 1) AS "newestRowAt",
      (SELECT c.signed_at FROM audit_checkpoint c ORDER BY c.tree_id DESC, c.size DESC LIMIT 1) AS "checkpointAt"`;
}
