import express, { type Express, type RequestHandler } from 'express';
import helmet from 'helmet';
import type { AuditLog } from '../audit/audit-log.js';
import { silentObserver, type Observer } from '../domain/observer.js';
import type { UnlockExecutions } from '../temporal/unlock-executions.js';
import type { AuditReview } from '../audit/audit-review.js';
import { createApprovalDesk } from './approval-desk.js';
import { approvalRoutes } from './approvals.js';
import { auditEventRoutes } from './audit-events.js';
import { evidenceRoutes } from './audit-evidence.js';
import { auditExportRoutes } from './audit-export.js';
import { createAuditReaders } from './audit-readers.js';
import { auditSealRoutes } from './audit-seal.js';
import { auditSummaryRoutes } from './audit-summary.js';
import type { Authenticator } from './auth.js';
import { createAsk, type Ask } from './ask.js';
import { createCallTraces, type CallTraces } from './call-traces.js';
import type { TrustedProxies } from './client-address.js';
import type { Denials } from './denials.js';
import { docsRoutes } from './docs.js';
import { dropInRoutes } from './drop-in.js';
import { createGate } from './gate.js';
import { healthRoutes } from './health.js';
import { healthSummaryRoutes } from './health-summary.js';
import { lockStatusRoutes } from './lock-status.js';
import { createLockStatusLook } from './lock-status-look.js';
import { withDescription } from './openapi.js';
import { operatorRoutes } from './operator-actions.js';
import { createOperatorDesk } from './operator-desk.js';
import { Problem } from './problem.js';
import type { RateLimiter } from './rate-limiter.js';
import { createLookAtParts } from './readiness.js';
import { createRequestSchemas } from './request-schemas.js';
import type { Route } from './route.js';
import { answerErrors, createRouter } from './router.js';
import type { HttpLog, HttpSettings, ReadinessCheck } from './settings.js';
import { createUnlockDesk } from './unlock-desk.js';
import { unlockEventRoutes } from './unlock-events.js';
import { createUnlockWatch } from './unlock-watch.js';
import { unlockRoutes } from './unlocks.js';
import { createWaits, type Waits } from './waits.js';

export interface AppParts {
  readonly audit: AuditLog;
  /** The same log, read by those who review it. */
  readonly review: AuditReview;
  readonly executions: UnlockExecutions;
  readonly auth: Authenticator;
  readonly settings: HttpSettings;
  readonly readiness: readonly ReadinessCheck[];
  readonly log: HttpLog;
  /** Absent: nobody hears of answers. */
  readonly observer?: Pick<Observer, 'requestAnswered'>;
  /** Absent: callers may send as much as they like. */
  readonly limiter?: RateLimiter | undefined;
  /** Makes the pages for people, which ask the same routes as every other caller. Absent: there are none. */
  readonly pages?: MakePages | undefined;
  /** Absent: no refused request is put on record. */
  readonly denials?: Denials;
  /** Absent: any number of answers may be held back at once. */
  readonly waits?: Waits;
  /** Absent: any number of streams may be open at once. */
  readonly streams?: Waits;
  /** Absent: no forwarded header is believed. */
  readonly trustedProxies?: TrustedProxies;
  /** Once it is aborted, the front door is not ready and keeps no connections, but still serves. */
  readonly drainSignal?: AbortSignal;
  /** Once it is aborted, waiting requests also answer at once. */
  readonly shutdownSignal?: AbortSignal;
}

/** Makes the pages, in whatever room they are. */
export type MakePages = (parts: {
  readonly ask: Ask;
  readonly auth: Authenticator;
  readonly traces: CallTraces;
  readonly log: HttpLog;
  /** Whose signature under the audit log is trusted, as `readVerifier` takes them. */
  readonly auditVerifiers: readonly string[];
}) => RequestHandler;

/** The front door; the order of what stands here is the order in which a request meets it. */
export function createApp({ drainSignal, shutdownSignal = never(), ...parts }: AppParts): Express {
  const draining = AbortSignal.any([drainSignal ?? never(), shutdownSignal]);
  const routes = createRoutes({ ...parts, draining });
  const { auth, log, observer = silentObserver, limiter = null, denials = null, trustedProxies = false, pages } = parts;
  const gate = createGate({ auth, limiter, denials });
  const traces = createCallTraces({ log, observer, draining, shutdownSignal });
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('trust proxy', trustedProxies);
  app.set('query parser', false);
  app.use(traces.begin);
  app.use(helmet());
  app.use('/v1', (_request, response, next) => {
    response.set('cache-control', 'no-store');
    next();
  });
  app.use(createRouter({ routes, gate, traces }));
  if (pages !== undefined) {
    const { auditVerifiers } = parts.settings;
    app.use(pages({ ask: createAsk({ routes, gate }), auth, traces, log, auditVerifiers }));
  }
  app.use(() => {
    throw new Problem('not_found', { detail: 'This path is not known; /docs tells which are.' });
  });
  app.use(answerErrors({ routes, traces, log }));
  return app;
}

const unboundedWaits = createWaits({ max: Infinity, maxPerCaller: Infinity });

interface RouteParts extends Omit<AppParts, 'auth' | 'pages' | 'drainSignal' | 'shutdownSignal'> {
  readonly draining: AbortSignal;
}

/** The table of routes: what is not in it is answered with 404. */
export function createRoutes(parts: RouteParts): Route[] {
  const { audit, review, executions, settings, readiness, log, draining, waits = unboundedWaits, streams = unboundedWaits } = parts;
  const schemas = createRequestSchemas(settings);
  const desk = createUnlockDesk({ audit, executions, waits, log });
  const readers = createAuditReaders({ audit });
  const lookAtParts = createLookAtParts({ readiness, log, draining });
  const look = createLockStatusLook({ audit, executions });
  return withDescription([
    ...dropInRoutes({ desk, schemas, settings }),
    ...unlockRoutes({ audit, desk, look, schemas, settings }),
    ...unlockEventRoutes({ audit, desk, watch: createUnlockWatch({ audit, log }), streams, schemas }),
    ...operatorRoutes({ operators: createOperatorDesk({ audit, executions, desk, log }), schemas, settings }),
    ...approvalRoutes({ approvals: createApprovalDesk({ audit, executions, desk }), schemas, settings }),
    ...lockStatusRoutes({ audit, look, schemas, settings }),
    ...auditEventRoutes({ review, readers, schemas }),
    ...auditSummaryRoutes({ review, readers, schemas }),
    ...auditExportRoutes({ review, readers, schemas, log }),
    ...evidenceRoutes({ review, executions, readers, schemas, settings }),
    ...auditSealRoutes({ review, schemas }),
    ...healthSummaryRoutes({ review, lookAtParts, schemas, settings }),
    ...healthRoutes({ lookAtParts }),
    ...docsRoutes(),
  ]);
}

function never(): AbortSignal {
  return new AbortController().signal;
}
