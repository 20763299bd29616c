import type { PrismaClient } from '../../generated/prisma/client.js';
import { UnknownInstitutionError } from '../domain/institution.js';
import type { Observer } from '../domain/observer.js';
import type { AuditLog, InstitutionLog } from './audit-log.js';
import { connectAudit, type AuditConnection, type ConnectionSettings } from './connection.js';
import { createAuditLog } from './index.js';
import type { AuditReview, InstitutionReview } from './audit-review.js';
import { createAuditReview } from './review.js';

/** Connections of a process to Postgres, over all institutions. */
const CONNECTIONS = 10;
/** Where there are so many institutions that each gets less than this, there are more connections. */
const FEWEST = 2;
const LISTS_SHARE = 0.4;

/** Postgres as each institution sees it: connections of its own, which see and write its rows alone. */
export interface InstitutionConnections {
  readonly institutionIds: readonly string[];
  /** How many connections one institution has at most. */
  readonly poolSize: number;
  /**
   * The institution's connections; the first statement opens one.
   * @throws UnknownInstitutionError
   */
  of(institutionId: string): PrismaClient;
  /** Resolves once every connection is closed; statements under way are awaited. */
  close(): Promise<void>;
}

interface InstitutionsSettings extends Omit<ConnectionSettings, 'institutionId' | 'poolSize'> {
  /** At least one. */
  readonly institutionIds: readonly string[];
  /** Over all institutions; 10 by default. */
  readonly connectionsInAll?: number;
}

/** So many connections in all, shared out among the institutions, or two for each where that is more; idle ones are closed. */
export function connectInstitutions({
  institutionIds,
  connectionsInAll = CONNECTIONS,
  ...settings
}: InstitutionsSettings): InstitutionConnections {
  const served = new Set(institutionIds);
  const poolSize = Math.max(FEWEST, Math.floor(connectionsInAll / served.size));
  const connections = new Map<string, AuditConnection>();
  return {
    institutionIds: [...served],
    poolSize,
    of(institutionId) {
      if (!served.has(institutionId)) throw new UnknownInstitutionError();
      const connection = connections.get(institutionId) ?? connectAudit({ ...settings, institutionId, poolSize });
      connections.set(institutionId, connection);
      return connection.prisma;
    },
    async close() {
      await Promise.all([...connections.values()].map((connection) => connection.close()));
    },
  };
}

interface Parts {
  readonly connections: InstitutionConnections;
  readonly observer?: Observer;
}

/**
 * The audit log of all institutions that are served here. Each call goes over the connections of the institution that it names.
 * Calls that name another one reject with `UnknownInstitutionError`.
 */
export function createAuditLogByInstitution({ connections, observer }: Parts): AuditLog {
  const { institutionIds, poolSize } = connections;
  const [first] = institutionIds;
  if (first === undefined) throw new TypeError('there is no institution');
  const logs = new Map<string, InstitutionLog>();
  const listsAtOnce = Math.max(1, Math.floor(poolSize * LISTS_SHARE));

  function logOf(institutionId: string): InstitutionLog {
    const prisma = connections.of(institutionId);
    const log = logs.get(institutionId) ?? createAuditLog({ prisma, listsAtOnce, ...(observer && { observer }) });
    logs.set(institutionId, log);
    return log;
  }

  const all = <Result>(ask: (log: InstitutionLog) => Promise<Result>): Promise<Result[]> =>
    Promise.all(institutionIds.map((institutionId) => ask(logOf(institutionId))));

  return {
    // Who was turned away may belong to no institution: such a row may come over any connection.
    append: async (event) => logOf(event.institutionId ?? first).append(event),
    claimAttempt: async (claim) => logOf(claim.institutionId).claimAttempt(claim),
    eventsOf: async (correlationId, institutionId) => logOf(institutionId).eventsOf(correlationId),
    eventsOfAll: async (correlationIds, institutionId) => logOf(institutionId).eventsOfAll(correlationIds),
    recentUnlocks: async (customer, windowMs) => logOf(customer.institutionId).recentUnlocks(customer, windowMs),
    eventCounts: async (correlationIds, institutionId) => logOf(institutionId).eventCounts(correlationIds),
    listRequests: async (page) => logOf(page.filters.institutionId).listRequests(page),
    holderOf: async (correlationId) => (await all((log) => log.holderOf(correlationId))).find((holder) => holder !== null) ?? null,
    endingsOf: async (correlationIds) => (await all((log) => log.endingsOf(correlationIds))).flat(),
    openRequests: async (query) => {
      const slices = await all((log) => log.openRequests(query));
      // Nobody's rows are passed over: it goes on where the first of those stopped that have more.
      const unfinished = slices.filter(({ more }) => more);
      const places = (unfinished.length > 0 ? unfinished : slices).map(({ scannedTo }) => scannedTo);
      const scannedTo = places.reduce((one, other) => ((unfinished.length > 0 ? other < one : other > one) ? other : one));
      const newest = slices.map((slice) => slice.newest).reduce((one, other) => (other > one ? other : one));
      return { correlationIds: slices.flatMap(({ correlationIds }) => correlationIds), scannedTo, newest, more: unfinished.length > 0 };
    },
    runningAmong: async (correlationIds) => {
      const parts = await all((log) => log.runningAmong(correlationIds));
      return {
        count: parts.reduce((sum, { count }) => sum + count, 0),
        oldestMs: Math.max(...parts.map(({ oldestMs }) => oldestMs)),
        overdueMs: Math.max(...parts.map(({ overdueMs }) => overdueMs)),
      };
    },
    logNumber: async () => logOf(first).logNumber(),
    ping: async (institutionId = first) => logOf(institutionId).ping(),
  };
}

/**
 * The same for those who read the log for compliance, over connections of `latchkey_auditor`. The seal is that of all rows, whoever asks.
 * Calls that name another institution reject with `UnknownInstitutionError`.
 */
export function createAuditReviewByInstitution({ connections }: Pick<Parts, 'connections'>): AuditReview {
  const reviews = new Map<string, InstitutionReview>();

  function reviewOf(institutionId: string): InstitutionReview {
    const prisma = connections.of(institutionId);
    const review =
      reviews.get(institutionId) ?? createAuditReview({ prisma, institutionId, atOnce: Math.max(1, connections.poolSize - 1) });
    reviews.set(institutionId, review);
    return review;
  }

  return {
    listEvents: async (page) => reviewOf(page.filters.institutionId).listEvents(page),
    eventsById: async (ids, institutionId) => reviewOf(institutionId).eventsById(ids),
    summarize: async (filters) => reviewOf(filters.institutionId).summarize(filters),
    beginExport: async (filters) => reviewOf(filters.institutionId).beginExport(filters),
    exportPage: async (page) => reviewOf(page.filters.institutionId).exportPage(page),
    caseOf: async (correlationId, institutionId) => reviewOf(institutionId).caseOf(correlationId),
    sealedEvent: async (eventId, institutionId) => reviewOf(institutionId).sealedEvent(eventId),
    checkpoint: async (wanted, institutionId) => reviewOf(institutionId).checkpoint(wanted),
    inclusionProofs: async (claim, institutionId) => reviewOf(institutionId).inclusionProofs(claim),
    consistencyProof: async (claim, institutionId) => reviewOf(institutionId).consistencyProof(claim),
    health: async (query, institutionId) => reviewOf(institutionId).health(query),
  };
}
