import { z } from 'zod';
import { Prisma, type PrismaClient } from '../../generated/prisma/client.js';
import type { AuditAction } from '../domain/audit-event.js';
import type { InstitutionLog } from './audit-log.js';
import { eventColumns, parseEvents } from './row.js';

const clocked = z.array(z.looseObject({ readAt: z.date(), takesRows: z.boolean(), taken: z.boolean(), id: z.string().nullable() }));
const tally = z.tuple([z.object({ unlocks: z.int() })]);
const counts = z.array(z.object({ correlationId: z.string(), events: z.int() }));
const holders = z.array(z.object({ institutionId: z.string() }));

/** As `correlation_id_is_taken` has them. */
const takingActions: readonly AuditAction[] = ['customer.unlock.requested', 'customer.unlock.completed'];

const takesRowsNow = "current_setting('transaction_read_only') = 'off' AND has_any_column_privilege('audit_event', 'INSERT')";

/** The reads by which an unlock request's story is told; see `AuditLog`. */
export function createReads({
  prisma,
}: {
  readonly prisma: PrismaClient;
}): Pick<InstitutionLog, 'eventsOf' | 'eventsOfAll' | 'eventCounts' | 'holderOf' | 'recentUnlocks' | 'ping'> {
  return {
    eventsOf: async (correlationId) => {
      // All in one round trip; with no row there is still the clock.
      const rows = clocked.parse(
        await prisma.$queryRaw`
          SELECT now.read_at AS "readAt", now.takes_rows AS "takesRows", now.taken, ${Prisma.raw(eventColumns)}
          FROM (SELECT clock_timestamp() AS read_at, ${Prisma.raw(takesRowsNow)} AS takes_rows,
            correlation_id_is_taken(${correlationId}::uuid) AS taken) now
          LEFT JOIN audit_event e ON e.correlation_id = ${correlationId}::uuid
          ORDER BY e.position`,
      );
      const [first] = rows;
      if (first === undefined) throw new Error('the database told no time');
      const { readAt, takesRows, taken } = first;
      const events = parseEvents(rows.filter(({ id }) => id !== null));
      return { events, readAt, takesRows, takenElsewhere: taken && !events.some(({ action }) => takingActions.includes(action)) };
    },

    eventsOfAll: async (correlationIds) => {
      if (correlationIds.length === 0) return [];
      const where = { correlationId: { in: [...correlationIds] } };
      return parseEvents(await prisma.auditEvent.findMany({ where, orderBy: { position: 'asc' } }));
    },

    eventCounts: async (correlationIds) => {
      const rows = counts.parse(
        await prisma.$queryRaw`
          SELECT e.correlation_id AS "correlationId", count(*)::int AS events FROM audit_event e
          WHERE e.correlation_id = ANY (${[...correlationIds]}::uuid[]) GROUP BY e.correlation_id`,
      );
      return new Map(rows.map(({ correlationId, events }) => [correlationId, events]));
    },

    holderOf: async (correlationId) => {
      const [holder] = holders.parse(
        await prisma.$queryRaw`
          SELECT e.institution_id AS "institutionId" FROM audit_event e
          WHERE e.correlation_id = ${correlationId}::uuid AND e.action LIKE 'customer.unlock.%' ORDER BY e.position LIMIT 1`,
      );
      return holder?.institutionId ?? null;
    },

    recentUnlocks: async ({ customerId }, windowMs) => {
      const [{ unlocks }] = tally.parse(
        await prisma.$queryRaw`
          SELECT count(*)::integer AS unlocks FROM audit_event e
          WHERE e.customer_id = ${customerId}
            AND e.action = 'customer.unlock.completed' AND e.outcome = 'unlocked'
            AND e.recorded_at > clock_timestamp() - make_interval(secs => ${windowMs / 1000}::double precision)`,
      );
      return unlocks;
    },

    ping: async () => {
      // Reads and writes no row, yet fails where a relation is missing or a row could not be read or written.
      await prisma.$executeRaw`
        INSERT INTO audit_event (id, occurred_at, action)
        SELECT e.id, e.occurred_at, e.action FROM audit_event e
        CROSS JOIN (SELECT correlation_id FROM unlock_attempt) a CROSS JOIN (SELECT correlation_id FROM unlock_request) r
        LIMIT 0`;
    },
  };
}
