import express, { type Express } from 'express';
import helmet from 'helmet';
import type { AuditLog } from '../audit/audit-log.js';
import type { UnlockExecutions } from '../temporal/unlock-executions.js';
import { auditEventRoutes } from './audit-events.js';
import type { Authenticator } from './auth.js';
import { createCallTraces } from './call-traces.js';
import { docsRoutes } from './docs.js';
import { dropInRoutes } from './drop-in.js';
import { healthRoutes } from './health.js';
import { lockStatusRoutes } from './lock-status.js';
import { withDescription } from './openapi.js';
import { Problem } from './problem.js';
import { createRequestSchemas } from './request-schemas.js';
import type { Route } from './route.js';
import { answerErrors, createRouter } from './router.js';
import type { HttpLog, HttpSettings, ReadinessCheck } from './settings.js';
import { createUnlockDesk } from './unlock-desk.js';
import { unlockRoutes } from './unlocks.js';

export interface AppParts {
  readonly audit: AuditLog;
  readonly executions: UnlockExecutions;
  readonly auth: Authenticator;
  readonly settings: HttpSettings;
  readonly readiness: readonly ReadinessCheck[];
  readonly log: HttpLog;
  /** Once it is aborted, waiting requests answer at once and connections are not kept. */
  readonly shutdownSignal?: AbortSignal;
}

/** The front door; the order of what stands here is the order in which a request meets it. */
export function createApp({ shutdownSignal = new AbortController().signal, ...parts }: AppParts): Express {
  const routes = createRoutes({ ...parts, shutdownSignal });
  const { auth, log } = parts;
  const traces = createCallTraces({ log, shutdownSignal });
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('trust proxy', false);
  app.set('query parser', false);
  app.use(traces.begin);
  app.use(helmet());
  app.use('/v1', (_request, response, next) => {
    response.set('cache-control', 'no-store');
    next();
  });
  app.use(createRouter({ routes, auth, traces }));
  app.use(() => {
    throw new Problem('not_found', { detail: 'This path is not known; /docs tells which are.' });
  });
  app.use(answerErrors({ routes, traces, log }));
  return app;
}

function createRoutes({ audit, executions, settings, readiness, log, shutdownSignal }: Required<AppParts>): Route[] {
  const schemas = createRequestSchemas(settings);
  const desk = createUnlockDesk({ audit, executions, log });
  return withDescription([
    ...dropInRoutes({ desk, schemas, settings }),
    ...unlockRoutes({ audit, desk, schemas, settings }),
    ...lockStatusRoutes({ audit, executions, schemas }),
    ...auditEventRoutes({ audit, schemas }),
    ...healthRoutes({ readiness, log, shutdownSignal }),
    ...docsRoutes(),
  ]);
}
