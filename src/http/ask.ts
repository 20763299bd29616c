import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { parseCorrelationId, type RequestSource } from '../domain/unlock-request.js';
import type { Gate } from './gate.js';
import { toProblem } from './problem.js';
import { createRequestSpan } from './request-span.js';
import type { Answer, Route } from './route.js';

/** A call of one of our routes from within the house, in the name of whoever holds the token. */
export interface InnerCall {
  readonly method: Route['method'];
  /** As it stands in the table: what is looked for stands in `params` and is never part of an address. */
  readonly route: string;
  readonly params?: Readonly<Record<string, string>>;
  readonly search?: string;
  /** By lower-case names. */
  readonly headers?: IncomingHttpHeaders;
  readonly body?: unknown;
  readonly token: string;
  readonly source: RequestSource;
  readonly signal: AbortSignal;
}

/**
 * Asks a route as if the call had come from outside: the same token check, limits, record of denials and validation.
 * @throws Problem as the route would answer it; TypeError where there is no such route
 */
export type Ask = (call: InnerCall) => Promise<Answer>;

export function createAsk({ routes, gate }: { readonly routes: readonly Route[]; readonly gate: Gate }): Ask {
  return async ({ method, route: path, params = {}, search = '', headers = {}, body, token, source, signal }) => {
    const route = routes.find((each) => each.method === method && each.path === path);
    if (route === undefined) throw new TypeError(`there is no route ${method} ${path}`);
    const correlationId = parseCorrelationId(params.correlationId ?? headers.correlationid?.toString() ?? '') ?? randomUUID();
    const call = { params, search, headers, body, correlationId, source, signal };
    if (route.scope === 'public') return route.handle(call);
    const knock = { route, scope: route.scope, authorization: [`Bearer ${token}`], source, correlationId };
    const caller = await gate.identify(knock);
    const span = createRequestSpan();
    span.begin({ method: method.toUpperCase(), route: path, correlationId, traceparent: null });
    try {
      const answer = await span.within(async () => {
        await gate.admit(caller);
        return route.handle({ ...call, caller });
      });
      span.end({ httpStatus: answer.httpStatus, hungUp: signal.aborted });
      return answer;
    } catch (error) {
      gate.noteRefusal(knock, error);
      span.end({ httpStatus: toProblem(error).httpStatus, hungUp: signal.aborted });
      throw error;
    }
  };
}
