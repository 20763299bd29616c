import { z } from 'zod';
import type { Prisma, PrismaClient } from '../../generated/prisma/client.js';
import { outcomes, verifications } from '../domain/outcome.js';
import type { AuditLog, EventFilters, RequestFilters, RequestPosition } from './audit-log.js';
import { parseEvents } from './row.js';

const summaries = z.array(
  z.object({
    correlationId: z.string(),
    requestedAt: z.date(),
    outcome: z.enum(outcomes).nullable(),
    verification: z.enum(verifications).nullable(),
  }),
);

/** The pages of the audit log; see `AuditLog`. A page starts where the one before it ended, whatever was written since. */
export function createLists({ prisma }: { readonly prisma: PrismaClient }): Pick<AuditLog, 'listEvents' | 'listRequests'> {
  return {
    listEvents: async ({ filters, limit, after }) =>
      parseEvents(
        await prisma.auditEvent.findMany({
          where: { AND: [eventsLike(filters), after === null ? {} : { position: { lt: after } }] },
          orderBy: { position: 'desc' },
          take: limit,
        }),
      ),

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

function eventsLike(filters: EventFilters): Prisma.AuditEventWhereInput {
  const { institutionId, correlationId, customerId, action, result, outcome, httpStatus, actor, from, to } = filters;
  return {
    institutionId,
    ...(correlationId !== undefined && { correlationId }),
    ...(customerId !== undefined && { customerId }),
    ...(action !== undefined && { action }),
    ...(result !== undefined && { result }),
    ...(outcome !== undefined && { outcome }),
    ...(httpStatus !== undefined && { httpStatus }),
    ...(actor !== undefined && { actorId: actor }),
    occurredAt: within(from, to),
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
