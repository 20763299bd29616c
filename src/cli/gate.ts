import type { Logger } from 'pino';
import { createRateLimitCounts } from '../audit/index.js';
import type { AuditLog } from '../audit/audit-log.js';
import type { Config } from '../config.js';
import { institutionsOf } from '../institutions.js';
import type { Observer } from '../domain/observer.js';
import type { AppParts } from '../http/app.js';
import { createDenials } from '../http/denials.js';
import { createRateLimiter } from '../http/rate-limiter.js';
import { createWaits } from '../http/waits.js';
import type { Closers } from './closers.js';
import { openDatabase } from './parts.js';

interface GateParts {
  readonly config: Config;
  readonly audit: AuditLog;
  readonly log: Logger;
  readonly closers: Closers;
  readonly observer: Observer;
}

/** What a production has that sets no limits; elsewhere there are none. */
const PRODUCTION_CALLER_PER_MINUTE = 600;
const PRODUCTION_INSTITUTION_PER_MINUTE = 6_000;
const WINDOW_MS = 60_000;
/** Apart from the audit log's connections, so that neither waits for the other. */
const COUNTING_CONNECTIONS = 2;

/** What callers meet before, and while, something is done for them. Open it before the front door, so that it is closed after. */
export function openGate({
  config,
  audit,
  log,
  closers,
  observer,
}: GateParts): Required<Pick<AppParts, 'limiter' | 'denials' | 'waits' | 'streams' | 'trustedProxies'>> {
  const limit = (given: number | undefined, inProduction: number) => (given ?? (config.production ? inProduction : 0)) || null;
  const callerLimit = limit(config.RATE_LIMIT_CALLER_PER_MINUTE, PRODUCTION_CALLER_PER_MINUTE);
  const institutionLimits = new Map(
    institutionsOf(config).map(({ institutionId, requestsPerMinute }) => [
      institutionId,
      limit(requestsPerMinute, PRODUCTION_INSTITUTION_PER_MINUTE),
    ]),
  );
  const unlimited = callerLimit === null && [...institutionLimits.values()].every((each) => each === null);
  const denials = createDenials({ audit, observer, log });
  closers.add('denials', denials.close);
  return {
    limiter: unlimited ? undefined : openLimiter(),
    denials,
    waits: createWaits({ max: config.WAITS_MAX, maxPerCaller: config.WAITS_MAX_PER_CALLER }),
    streams: createWaits({ max: config.STREAMS_MAX, maxPerCaller: config.STREAMS_MAX_PER_CALLER }),
    trustedProxies: config.TRUST_PROXY ?? false,
  };

  function openLimiter() {
    const prisma = openDatabase({ config, log, closers, poolSize: COUNTING_CONNECTIONS });
    const counts = createRateLimitCounts({ prisma, windowMs: WINDOW_MS });
    const institutionLimitOf = (institutionId: string): number | null => institutionLimits.get(institutionId) ?? null;
    return createRateLimiter({ callerLimit, institutionLimitOf, windowMs: WINDOW_MS, counts, log });
  }
}
