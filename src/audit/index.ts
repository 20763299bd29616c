import type { PrismaClient } from '../../generated/prisma/client.js';
import { silentObserver, type Observer } from '../domain/observer.js';
import { createAppend } from './append.js';
import type { InstitutionLog } from './audit-log.js';
import { createClaimAttempt } from './claim.js';
import { createGapReads } from './gaps.js';
import { createLine } from './line.js';
import { createLists } from './list.js';
import { observed } from './observed.js';
import { createReads } from './read.js';
import { repeated } from './repeat.js';

export type { InstitutionLog } from './audit-log.js';
export { createPace } from './pace.js';
export { createDeskSessions } from './desk-sessions.js';
export { createRateLimitCounts } from './rate-limit-counts.js';

interface AuditLogParts {
  readonly prisma: PrismaClient;
  readonly observer?: Observer;
  /** Lists under way at once; 4 by default. */
  readonly listsAtOnce?: number;
}

/** Of a pool of ten connections: however slow lists are, unlock requests find one. */
const LISTS_AT_ONCE = 4;
const LISTS_WAIT_MS = 3_000;

/** One institution's part of the audit log, over connections that may insert and select its rows (`latchkey_app`). */
export function createAuditLog({ prisma, observer = silentObserver, listsAtOnce = LISTS_AT_ONCE }: AuditLogParts): InstitutionLog {
  const reads = createReads({ prisma });
  const lists = createLists({ prisma });
  const gaps = createGapReads({ prisma });
  const listRequests = repeated(lists.listRequests);
  const inLine = createLine({ atOnce: listsAtOnce, limitMs: LISTS_WAIT_MS });
  const writes = { append: repeated(createAppend({ prisma })), claimAttempt: repeated(createClaimAttempt({ prisma })) };
  return {
    ...observed(writes, observer),
    eventsOf: repeated(reads.eventsOf),
    eventsOfAll: repeated(reads.eventsOfAll),
    eventCounts: repeated(reads.eventCounts),
    holderOf: repeated(reads.holderOf),
    recentUnlocks: repeated(reads.recentUnlocks),
    ping: repeated(reads.ping),
    listRequests: (page) => inLine(() => listRequests(page)),
    openRequests: repeated(gaps.openRequests),
    runningAmong: repeated(gaps.runningAmong),
    endingsOf: repeated(gaps.endingsOf),
    logNumber: repeated(gaps.logNumber),
  };
}
