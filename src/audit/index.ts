import type { PrismaClient } from '../../generated/prisma/client.js';
import { silentObserver, type Observer } from '../domain/observer.js';
import { createAppend } from './append.js';
import type { AuditLog } from './audit-log.js';
import { createClaimAttempt } from './claim.js';
import { createGapReads } from './gaps.js';
import { createLine } from './line.js';
import { createLists } from './list.js';
import { observed } from './observed.js';
import { createReads } from './read.js';
import { repeated } from './repeat.js';

export type { AuditLog } from './audit-log.js';
export { createPace } from './pace.js';
export { createRateLimitCounts } from './rate-limit-counts.js';

interface AuditLogParts {
  readonly prisma: PrismaClient;
  readonly observer?: Observer;
}

/** Of the pool's ten connections: however slow lists are, unlock requests find one. */
const LISTS_AT_ONCE = 4;
const LISTS_WAIT_MS = 3_000;

/** The audit log over a connection that may insert and select (`latchkey_app`). */
export function createAuditLog({ prisma, observer = silentObserver }: AuditLogParts): AuditLog {
  const reads = createReads({ prisma });
  const lists = createLists({ prisma });
  const gaps = createGapReads({ prisma });
  const [listEvents, listRequests] = [repeated(lists.listEvents), repeated(lists.listRequests)];
  const inLine = createLine({ atOnce: LISTS_AT_ONCE, limitMs: LISTS_WAIT_MS });
  const writes = { append: repeated(createAppend({ prisma })), claimAttempt: repeated(createClaimAttempt({ prisma })) };
  return {
    ...observed(writes, observer),
    eventsOf: repeated(reads.eventsOf),
    eventsOfAll: repeated(reads.eventsOfAll),
    ping: repeated(reads.ping),
    listEvents: (page) => inLine(() => listEvents(page)),
    listRequests: (page) => inLine(() => listRequests(page)),
    openRequests: repeated(gaps.openRequests),
    endingsOf: repeated(gaps.endingsOf),
  };
}
