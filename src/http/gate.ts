import type { RequestSource } from '../domain/unlock-request.js';
import { ForbiddenProblem, type Authenticator, type Caller, type Scope } from './auth.js';
import type { Denials } from './denials.js';
import { Problem } from './problem.js';
import type { RateLimiter } from './rate-limiter.js';
import type { Route } from './route.js';

interface GateParts {
  readonly auth: Authenticator;
  /** Null: callers may send as much as they like. */
  readonly limiter: RateLimiter | null;
  /** Null: nothing is put on record. */
  readonly denials: Denials | null;
}

/** A request that wants in. */
export interface Knock {
  readonly route: Pick<Route, 'method' | 'path'>;
  readonly scope: Scope;
  /** Every `Authorization` header. */
  readonly authorization: readonly string[];
  readonly source: RequestSource;
  readonly correlationId: string;
}

/** What a request with a scope must pass before anything else of it is read. */
export interface Gate {
  /**
   * Finds out whose request it is.
   * @throws Problem 401, 403, or 503 where the issuer's keys cannot be had
   */
  identify(knock: Knock): Promise<Caller>;
  /**
   * Holds it against the limits of who it is.
   * @returns headers for its answer, whatever that will be
   * @throws Problem 429
   */
  admit(caller: Caller): Promise<Readonly<Record<string, string>>>;
  /** Puts on record that the caller may not do what they asked for, where only its handler could tell; other errors it passes over. */
  noteRefusal(knock: Knock, error: unknown): void;
}

export function createGate({ auth, limiter, denials }: GateParts): Gate {
  const noteRefusal = (knock: Knock, error: unknown): void => {
    if (denials !== null && isRecorded(knock)) noteDenial(denials, knock, error);
  };
  return {
    identify: (knock) =>
      auth(knock.authorization, knock.scope).catch((error: unknown) => {
        noteRefusal(knock, error);
        throw error;
      }),
    admit: async (caller) => (await limiter?.admit(caller)) ?? {},
    noteRefusal,
  };
}

/** Reads of unlock requests are not: a desk whose token has just expired would fill the record. */
function isRecorded({ route, scope }: Knock): boolean {
  return route.method !== 'get' || scope === 'audit:read' || scope === 'unlocks:operate';
}

function noteDenial(denials: Denials, { route, scope, source, correlationId }: Knock, error: unknown): void {
  if (!(error instanceof Problem) || (error.httpStatus !== 401 && error.httpStatus !== 403)) return;
  denials.note({
    httpStatus: error.httpStatus,
    code: error.code,
    method: route.method.toUpperCase(),
    route: route.path,
    scope,
    bearer: error instanceof ForbiddenProblem ? error.bearer : null,
    source,
    correlationId,
  });
}
