import { z } from 'zod';
import { Prisma, type PrismaClient } from '../../generated/prisma/client.js';
import type { AuditLog } from './audit-log.js';
import { eventColumns, parseEvents } from './row.js';

const clocked = z.array(z.looseObject({ readAt: z.date(), takesRows: z.boolean(), id: z.string().nullable() }));

const takesRows = "current_setting('transaction_read_only') = 'off' AND has_any_column_privilege('audit_event', 'INSERT')";

/** The reads by which an unlock request's story is told; see `AuditLog`. */
export function createReads({ prisma }: { readonly prisma: PrismaClient }): Pick<AuditLog, 'eventsOf' | 'eventsOfAll' | 'ping'> {
  return {
    eventsOf: async (correlationId) => {
      // All in one round trip; with no row there is still the clock.
      const rows = clocked.parse(
        await prisma.$queryRaw`
          SELECT now.read_at AS "readAt", now.takes_rows AS "takesRows", ${Prisma.raw(eventColumns)}
          FROM (SELECT clock_timestamp() AS read_at, ${Prisma.raw(takesRows)} AS takes_rows) now
          LEFT JOIN audit_event e ON e.correlation_id = ${correlationId}::uuid
          ORDER BY e.position`,
      );
      const [first] = rows;
      if (first === undefined) throw new Error('the database told no time');
      return { events: parseEvents(rows.filter(({ id }) => id !== null)), readAt: first.readAt, takesRows: first.takesRows };
    },

    eventsOfAll: async (correlationIds) => {
      if (correlationIds.length === 0) return [];
      const where = { correlationId: { in: [...correlationIds] } };
      return parseEvents(await prisma.auditEvent.findMany({ where, orderBy: { position: 'asc' } }));
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
