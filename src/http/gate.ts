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

export interface Admission {
  readonly caller: Caller;
  /** For its answer, whatever that will be. */
  readonly headers: Readonly<Record<string, string>>;
  /** Puts on record that the caller may not do what they asked for, where only its handler could tell. */
  noteRefusal(error: unknown): void;
}

/**
 * What a request with a scope must pass before anything else of it is read: the token, then the limits of who it is.
 * @throws Problem 401, 403, 429, or 503 where the issuer's keys cannot be had
 */
export type Gate = (knock: Knock) => Promise<Admission>;

export function createGate({ auth, limiter, denials }: GateParts): Gate {
  return async (knock) => {
    const noteRefusal = (error: unknown): void => {
      if (denials !== null && isRecorded(knock)) noteDenial(denials, knock, error);
    };
    const caller = await auth(knock.authorization, knock.scope).catch((error: unknown) => {
      noteRefusal(error);
      throw error;
    });
    return { caller, headers: (await limiter?.admit(caller)) ?? {}, noteRefusal };
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
