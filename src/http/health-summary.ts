import type { AuditReview, HealthReading } from '../audit/audit-review.js';
import { healthSummarySchema, type HealthSummary } from './answer-schemas.js';
import { fromAudit } from './availability.js';
import { exampleHealth } from './example-readings.js';
import { failures, good } from './operation.js';
import type { LookAtParts } from './readiness.js';
import type { RequestSchemas } from './request-schemas.js';
import type { Answer, AuthenticatedCall, Route } from './route.js';
import { rulesOf, type HttpSettings } from './settings.js';
import { parseQuery } from './validation.js';

interface HealthSummaryParts {
  readonly review: Pick<AuditReview, 'health'>;
  readonly lookAtParts: LookAtParts;
  readonly schemas: RequestSchemas;
  readonly settings: HttpSettings;
}

const HOUR_MS = 3_600_000;
/** A request that has not ended so long after its deadline is the reconciler's, and an alert tells of it. */
const OVERDUE_SHOWN_MS = 24 * HOUR_MS;
const MOST_ROWS = 20_000;

/** How the institution's unlock requests fare, for whoever looks after them. */
export function healthSummaryRoutes({ review, lookAtParts, schemas, settings }: HealthSummaryParts): Route[] {
  // Several who keep watching share one look.
  const looking = new Map<string, Promise<HealthSummary>>();

  async function lookAt(institutionId: string): Promise<HealthSummary> {
    const approvalMs = rulesOf(settings, institutionId).repeatGuard?.approvalMs ?? 0;
    const runningWithinMs = OVERDUE_SHOWN_MS + settings.budget.deadlineMs + approvalMs;
    const query = { runningWithinMs, recentMs: HOUR_MS, limit: MOST_ROWS };
    const [reading, parts] = await Promise.all([fromAudit(review.health(query, institutionId)), lookAtParts()]);
    return { ...summarize(reading, runningWithinMs), parts };
  }

  async function read(call: AuthenticatedCall): Promise<Answer> {
    parseQuery(schemas.noQuery, call.search);
    const { institutionId } = call.caller;
    const look = looking.get(institutionId) ?? lookAt(institutionId).finally(() => looking.delete(institutionId));
    looking.set(institutionId, look);
    return { httpStatus: 200, body: await look };
  }

  return [
    {
      method: 'get',
      path: '/v1/health-summary',
      scope: 'unlocks:operate',
      body: 'none',
      errorShape: 'problem',
      operation: {
        operationId: 'getHealthSummary',
        tags: ['Operations'],
        summary: "How your institution's unlock requests fare, at a glance",
        description: [
          'What is under way and what it waits for, what ended in the last hour, how many attempts the bank could not do or left without a usable answer,',
          'how far the seal of the log is behind, and which parts are there. Counted from the audit log over bounded times; meant to be asked every few seconds.',
        ].join(' '),
        responses: {
          '200': good('As it stands', healthSummarySchema, { examples: { summary: exampleHealth } }),
          ...failures({ path: '/v1/health-summary' }),
        },
      },
      handle: read,
    },
  ];
}

function summarize({ readAt, running, lately, newestRowAt, checkpointAt }: HealthReading, runningWithinMs: number) {
  const { oldest, oldestRequestedAt, ...counts } = running;
  const ago = (ms: number): string => new Date(readAt.getTime() - ms).toISOString();
  const attempts = Object.fromEntries(lately.attempts);
  const all = [...lately.attempts.values()].reduce((sum, count) => sum + count, 0);
  const errors = (lately.attempts.get('retryable') ?? 0) + (lately.attempts.get('unknown') ?? 0);
  return {
    at: readAt.toISOString(),
    running: {
      since: ago(runningWithinMs),
      ...counts,
      oldest:
        oldest === null || oldestRequestedAt === null ? null : { correlationId: oldest, requestedAt: oldestRequestedAt.toISOString() },
    },
    lastHour: {
      since: ago(HOUR_MS),
      outcomes: Object.fromEntries(lately.outcomes),
      attempts,
      bankErrorRate: all === 0 ? null : errors / all,
      complete: lately.complete,
    },
    sealing: {
      checkpointAt: checkpointAt?.toISOString() ?? null,
      newestRowAt: newestRowAt?.toISOString() ?? null,
      behindMs: checkpointAt === null || newestRowAt === null ? null : Math.max(0, newestRowAt.getTime() - checkpointAt.getTime()),
    },
  };
}
