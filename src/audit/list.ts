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
    listRequests: async ({ filters, limit, after }) =>
      summaries.parse(
        await prisma.unlockRequest.findMany({
          select: { correlationId: true, requestedAt: true, outcome: true, verification: true },
          where: { AND: [requestsLike(filters), after === null ? {} : requestsAfter(after)] },
          orderBy: [{ requestedAt: 'desc' }, { correlationId: 'desc' }],
          take: limit,
        }),
      ),
  };
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
