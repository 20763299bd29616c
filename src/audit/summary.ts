import { z } from 'zod';
import { Prisma, type PrismaClient } from '../../generated/prisma/client.js';
import { attemptResults } from '../domain/attempt.js';
import { outcomes } from '../domain/outcome.js';
import type { InstitutionReview } from './audit-review.js';
import { conditionOf } from './event-reads.js';

/** So many rows are looked at, however long the log is. */
export const SUMMARY_ROWS = 10_000;
/** Of what is named by others there may be any number. */
const NAMES_AT_MOST = 10;

const summaries = z.tuple([
  z.object({
    rows: z.bigint().transform(Number),
    since: z.date().nullable(),
    outcomes: z.array(z.object({ day: z.string(), outcome: z.enum(outcomes), count: z.number() })),
    errors: z.array(
      z.object({
        result: z.enum(attemptResults),
        httpStatus: z.number().nullable(),
        upstreamCode: z.string().nullable(),
        count: z.number(),
      }),
    ),
    actors: z.array(z.object({ actorId: z.string(), actorName: z.string().nullable(), count: z.number() })),
    attempts: z.array(z.object({ attempt: z.number(), count: z.number() })),
  }),
]);

/** What rows come to; see `InstitutionReview`. */
export function createEventSummaries({ prisma }: { readonly prisma: PrismaClient }): Pick<InstitutionReview, 'summarize'> {
  return {
    summarize: async (filters) => {
      const [summary] = summaries.parse(
        await prisma.$queryRaw`
          WITH newest AS MATERIALIZED (
            SELECT e.position, e.occurred_at, e.action, e.attempt, e.result, e.outcome, e.http_status, e.upstream_code, e.actor_id, e.actor_name
            FROM audit_event e WHERE ${conditionOf(filters)} ORDER BY e.position DESC LIMIT ${SUMMARY_ROWS}::integer
          )
          SELECT count(*) AS rows, min(n.occurred_at) AS since,
            ${listOf(Prisma.sql`
              SELECT to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day, outcome, count(*)::integer AS count
              FROM newest WHERE action = 'customer.unlock.completed' AND outcome IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2`)} AS outcomes,
            ${listOf(Prisma.sql`
              SELECT result, http_status AS "httpStatus", upstream_code AS "upstreamCode", count(*)::integer AS count
              FROM newest WHERE action = 'customer.unlock.attempt_finished' AND result <> 'succeeded'
              GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3 LIMIT ${NAMES_AT_MOST}::integer`)} AS errors,
            ${listOf(Prisma.sql`
              SELECT actor_id AS "actorId", max(actor_name) AS "actorName", count(*)::integer AS count
              FROM newest WHERE action = 'customer.unlock.requested' AND actor_id IS NOT NULL
              GROUP BY 1 ORDER BY 3 DESC, 1 LIMIT ${NAMES_AT_MOST}::integer`)} AS actors,
            ${listOf(Prisma.sql`
              SELECT attempt, count(*)::integer AS count
              FROM newest WHERE action = 'customer.unlock.attempt_started' AND attempt IS NOT NULL GROUP BY 1 ORDER BY 1 LIMIT 50`)} AS attempts
          FROM newest n`,
      );
      return summary;
    },
  };
}

/** The rows of a query as one JSON array, in their order. */
function listOf(query: Prisma.Sql): Prisma.Sql {
  return Prisma.sql`(SELECT coalesce(json_agg(each), '[]'::json) FROM (${query}) each)`;
}
