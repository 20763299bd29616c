import { z } from 'zod';
import { Prisma, type PrismaClient } from '../../generated/prisma/client.js';
import type { AuditLog } from './audit-log.js';
import { eventColumns, parseEvents } from './row.js';

const clocked = z.array(z.looseObject({ readAt: z.date(), id: z.string().nullable() }));

/** The reads by which an unlock request's story is told; see `AuditLog`. */
export function createReads({ prisma }: { readonly prisma: PrismaClient }): Pick<AuditLog, 'eventsOf' | 'eventsOfAll' | 'ping'> {
  return {
    eventsOf: async (correlationId) => {
      // Rows and clock in one round trip; with no row there is still the clock.
      const rows = clocked.parse(
        await prisma.$queryRaw`
          SELECT clock.read_at AS "readAt", ${Prisma.raw(eventColumns)}
          FROM (SELECT clock_timestamp() AS read_at) clock
          LEFT JOIN audit_event e ON e.correlation_id = ${correlationId}::uuid
          ORDER BY e.position`,
      );
      const [first] = rows;
      if (first === undefined) throw new Error('the database told no time');
      return { events: parseEvents(rows.filter(({ id }) => id !== null)), readAt: first.readAt };
    },

    eventsOfAll: async (correlationIds) => {
      if (correlationIds.length === 0) return [];
      const where = { correlationId: { in: [...correlationIds] } };
      return parseEvents(await prisma.auditEvent.findMany({ where, orderBy: { position: 'asc' } }));
    },

    ping: async () => {
      // Reads no row, yet fails where a relation is missing or may not be read.
      await prisma.$queryRaw`
        SELECT e.id FROM audit_event e
        CROSS JOIN (SELECT correlation_id FROM unlock_attempt) a CROSS JOIN (SELECT correlation_id FROM unlock_request) r
        LIMIT 0`;
    },
  };
}
