import { z } from 'zod';
import type { Prisma, PrismaClient } from '../../generated/prisma/client.js';
import { outcomes, verifications } from '../domain/outcome.js';
import type { AuditLog, RequestFilters, RequestPosition } from './audit-log.js';

const summaries = z.array(
  z.object({
    correlationId: z.string(),
    requestedAt: z.date(),
    outcome: z.enum(outcomes).nullable(),
    verification: z.enum(verifications).nullable(),
  }),
);

/** The pages of unlock requests; see `AuditLog`. A page starts where the one before it ended, whatever was written since. */
export function createLists({ prisma }: { readonly prisma: PrismaClient }): Pick<AuditLog, 'listRequests'> {
  return {
    listRequests: async ({ filters, limit, after }) => {
      const among = filters.approval === undefined ? {} : { correlationId: { in: await waitingForApproval(prisma) }, completedAt: null };
      return summaries.parse(
        await prisma.unlockRequest.findMany({
          select: { correlationId: true, requestedAt: true, outcome: true, verification: true },
          where: { AND: [requestsLike(filters), among, after === null ? {} : requestsAfter(after)] },
          orderBy: [{ requestedAt: 'desc' }, { correlationId: 'desc' }],
          take: limit,
        }),
      );
    },
  };
}

const waiting = z.array(z.object({ correlationId: z.string() }));
const MOST_WAITING = 1_000;

/** Requests on which a second person could still decide, newest first; some of them may have ended otherwise. */
async function waitingForApproval(prisma: PrismaClient): Promise<string[]> {
  const rows = await prisma.$queryRaw`
    SELECT e.correlation_id AS "correlationId" FROM audit_event e
    WHERE e.action = 'customer.unlock.approval_required' AND (e.metadata ->> 'expiresAt')::timestamptz > clock_timestamp()
      AND NOT EXISTS (SELECT FROM audit_event d WHERE d.correlation_id = e.correlation_id
        AND d.action IN ('customer.unlock.approved', 'customer.unlock.declined'))
    ORDER BY e.position DESC LIMIT ${MOST_WAITING}::integer`;
  return waiting.parse(rows).map(({ correlationId }) => correlationId);
}

function requestsLike(filters: RequestFilters): Prisma.UnlockRequestWhereInput {
  const { institutionId, customerId, outcome, state, from, to, actor } = filters;
  return {
    institutionId,
    ...(customerId !== undefined && { customerId }),
    ...(actor !== undefined && { actorId: actor }),
    requestedAt: within(from, to),
    AND: [outcome === undefined ? {} : { outcome }, state === undefined ? {} : { completedAt: state === 'running' ? null : { not: null } }],
  };
}

// The first condition is implied by the second, and the one that an index can start from.
function requestsAfter({ requestedAt, correlationId }: RequestPosition): Prisma.UnlockRequestWhereInput {
  return {
    requestedAt: { lte: requestedAt },
    OR: [{ requestedAt: { lt: requestedAt } }, { requestedAt, correlationId: { lt: correlationId } }],
  };
}

function within(from: Date | undefined, to: Date | undefined): { gte?: Date; lt?: Date } {
  return { ...(from && { gte: from }), ...(to && { lt: to }) };
}
