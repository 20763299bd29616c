import { z } from 'zod';
import { Prisma, type PrismaClient } from '../../generated/prisma/client.js';
import { recordOf } from '../proof/record.js';
import { newestCheckpoints } from './proofs.js';
import type { EventFilters, ExportBounds, InstitutionReview, LeafPlace } from './audit-review.js';
import { eventColumns, eventJson, parseEvents } from './row.js';

const sealed = z.looseObject({
  record: z.string(),
  treeId: z.number().nullable(),
  origin: z.string().nullable(),
  leafIndex: z.bigint().nullable(),
  leafHash: z
    .instanceof(Uint8Array)
    .transform((array) => Buffer.from(array))
    .nullable(),
});
const sealedRows = z.array(sealed);
const counts = z.tuple([z.object({ snapshot: z.string(), rows: z.bigint(), sealedRows: z.bigint() })]);
const heads = z.array(z.object({ treeId: z.number(), size: z.bigint().transform(Number) }));
const pages = z.tuple([z.object({ lines: z.string().nullable(), rows: z.bigint(), last: z.bigint().nullable() })]);

/** The reads of those who review the log; see `InstitutionReview`. */
export function createEventReads({
  prisma,
  institutionId,
}: {
  readonly prisma: PrismaClient;
  readonly institutionId: string;
}): Pick<InstitutionReview, 'listEvents' | 'eventsById' | 'beginExport' | 'exportPage' | 'caseOf' | 'sealedEvent'> {
  // Said besides row-level security: a login may be allowed more than it should be.
  const isOwn = Prisma.sql`e.institution_id = ${institutionId}`;

  async function sealedWhere(condition: Prisma.Sql) {
    const rows = sealedRows.parse(
      await prisma.$queryRaw`
        SELECT ${Prisma.raw(eventColumns)}, row_to_json(e)::text AS record, l.tree_id AS "treeId", t.origin, l.index AS "leafIndex", l.hash AS "leafHash"
        FROM audit_event e LEFT JOIN audit_leaf l ON l.event_id = e.id LEFT JOIN audit_tree t ON t.id = l.tree_id
        WHERE ${condition} AND ${isOwn} ORDER BY e.position`,
    );
    const events = parseEvents(rows);
    return events.map((event, at) => ({
      event,
      row: { eventId: event.id, record: recordOf(rows[at]?.record ?? ''), leaf: placeOf(rows[at]) },
    }));
  }

  return {
    listEvents: async ({ filters, limit, after }) =>
      parseEvents(
        await prisma.$queryRaw`
          SELECT ${Prisma.raw(eventColumns)} FROM audit_event e
          WHERE ${conditionOf(filters)} AND ${after === null ? Prisma.sql`true` : Prisma.sql`e.position < ${after}::bigint`}
          ORDER BY e.position DESC LIMIT ${limit}::integer`,
      ),

    eventsById: async (ids) =>
      parseEvents(
        await prisma.$queryRaw`
          SELECT ${Prisma.raw(eventColumns)} FROM audit_event e WHERE e.id = ANY (${[...ids]}::uuid[]) AND ${isOwn} ORDER BY e.position`,
      ),

    beginExport: async (filters) => {
      const [checkpoint = null] = await newestCheckpoints(prisma, Prisma.sql`c.tree_id = (SELECT max(id) FROM audit_tree)`);
      const [head] = heads.parse(
        await prisma.$queryRaw`SELECT tree_id AS "treeId", size FROM audit_tree_head ORDER BY tree_id DESC, size DESC LIMIT 1`,
      );
      const isSealed =
        checkpoint === null
          ? Prisma.sql`false`
          : Prisma.sql`((e.xid::text)::bigint < ${checkpoint.sealedBelow}::text::bigint OR ${hasLeafUnder(checkpoint)})`;
      const [{ snapshot, rows, sealedRows: sealedCount }] = counts.parse(
        await prisma.$queryRaw`
          SELECT pg_current_snapshot()::text AS snapshot, count(*) AS rows, count(*) FILTER (WHERE ${isSealed}) AS "sealedRows"
          FROM audit_event e WHERE ${conditionOf(filters)}`,
      );
      return { snapshot, checkpoint, sealedUpTo: head ?? null, rows: Number(rows), sealedRows: Number(sealedCount) };
    },

    // Only rows that are taken are written out: without statistics Postgres may look at many before it knows which they are.
    exportPage: async ({ filters, bounds, after, limit }) => {
      const [{ lines, rows, last }] = pages.parse(
        await prisma.$queryRaw`
          WITH page AS MATERIALIZED (
            SELECT e.position FROM audit_event e
            WHERE ${conditionOf(filters)} AND e.position > ${after}::bigint AND ${wasThere(bounds)}
            ORDER BY e.position LIMIT ${limit}::integer
          )
          SELECT string_agg(line, E'\\n' ORDER BY position) AS lines, count(*) AS rows, max(position) AS last
          FROM (
            SELECT e.position, ${Prisma.raw(eventJson)} AS line FROM audit_event e WHERE e.position IN (SELECT position FROM page)
          ) told`,
      );
      return lines === null || last === null ? null : { lines, rows: Number(rows), last };
    },

    caseOf: async (correlationId) => {
      const found = await sealedWhere(Prisma.sql`e.correlation_id = ${correlationId}::uuid`);
      const rows = found.map(({ row }) => row);
      const trees = [...new Set(rows.flatMap(({ leaf }) => leaf?.treeId ?? []))];
      const checkpoints = await newestCheckpoints(prisma, Prisma.sql`c.tree_id = ANY (${trees}::integer[])`);
      return { rows, events: found.map(({ event }) => event), checkpoints: checkpoints.reverse() };
    },

    sealedEvent: async (eventId) => (await sealedWhere(Prisma.sql`e.id = ${eventId}::uuid`))[0]?.row ?? null,
  };
}

function placeOf(row: z.infer<typeof sealed> | undefined): LeafPlace | null {
  if (row?.treeId == null || row.origin === null || row.leafIndex === null || row.leafHash === null) return null;
  return { treeId: row.treeId, origin: row.origin, index: Number(row.leafIndex), hash: row.leafHash };
}

/** Committed when the export began. After a restore into another server old rows have numbers that it has not counted to: their leaves tell. */
function wasThere({ snapshot, sealedUpTo }: ExportBounds): Prisma.Sql {
  const isVisible = Prisma.sql`pg_visible_in_snapshot(e.xid, ${snapshot}::text::pg_snapshot)`;
  return sealedUpTo === null ? isVisible : Prisma.sql`(${isVisible} OR ${hasLeafUnder(sealedUpTo)})`;
}

// A value for each row that needs it: an EXISTS would be planned as a hash of every leaf there is, page by page.
function hasLeafUnder({ treeId, size }: { readonly treeId: number; readonly size: number }): Prisma.Sql {
  const under = Prisma.sql`(l.tree_id < ${treeId}::integer OR l.tree_id = ${treeId}::integer AND l.index < ${size}::bigint)`;
  return Prisma.sql`(SELECT l.index FROM audit_leaf l WHERE l.event_id = e.id AND ${under} LIMIT 1) IS NOT NULL`;
}

/** What rows must be for filters to let them through, as SQL on `e`. */
export function conditionOf(filters: EventFilters): Prisma.Sql {
  const { institutionId, correlationId, customerId, action, result, outcome, httpStatus, attempt, actor, from, to } = filters;
  const conditions = [
    Prisma.sql`e.institution_id = ${institutionId}`,
    ...(correlationId === undefined ? [] : [Prisma.sql`e.correlation_id = ${correlationId}::uuid`]),
    ...(customerId === undefined ? [] : [Prisma.sql`e.customer_id = ${customerId}`]),
    ...(action === undefined ? [] : [Prisma.sql`e.action = ${action}`]),
    ...(result === undefined ? [] : [Prisma.sql`e.result = ${result}`]),
    ...(outcome === undefined ? [] : [Prisma.sql`e.outcome = ${outcome}`]),
    ...(httpStatus === undefined ? [] : [Prisma.sql`e.http_status = ${httpStatus}::integer`]),
    ...(attempt === undefined ? [] : [Prisma.sql`e.attempt = ${attempt}::integer`]),
    ...(actor === undefined ? [] : [Prisma.sql`e.actor_id = ${actor}`]),
    ...(from === undefined ? [] : [Prisma.sql`e.occurred_at >= ${from}`]),
    ...(to === undefined ? [] : [Prisma.sql`e.occurred_at < ${to}`]),
  ];
  return Prisma.join(conditions, ' AND ');
}
