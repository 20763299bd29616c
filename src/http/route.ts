import type { IncomingHttpHeaders } from 'node:http';
import type { ZodOpenApiOperationObject } from 'zod-openapi';
import type { RequestSource } from '../domain/unlock-request.js';
import { scopes, type Caller, type Scope } from './auth.js';

/** One request as a resource sees it, the token already checked where its route asks for one. */
export interface Call {
  /** As the path has them, decoded but not yet validated. */
  readonly params: Readonly<Record<string, string>>;
  /** What follows the `?`. */
  readonly search: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
  /** From the path or the header where that is a GUID, else made for this call. */
  readonly correlationId: string;
  readonly source: RequestSource;
  /** Ends a wait: the caller hung up, or the process is going down. */
  readonly signal: AbortSignal;
}

export interface AuthenticatedCall extends Call {
  readonly caller: Caller;
}

/** An answer of any length. */
export interface AnswerStream {
  readonly chunks: AsyncIterable<string>;
  /** Called in place of reading, where nobody wants the chunks: a HEAD, or a caller who has hung up already. */
  abandon(): Promise<void>;
}

/** What a resource answers; a body is sent as JSON, a file or a stream as it stands under the content type that its headers name. */
export interface Answer {
  readonly httpStatus: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly file?: Buffer;
  /** Taken no faster than the reader takes it. What it throws breaks the answer off: the reader sees that its end is missing. */
  readonly stream?: AnswerStream;
}

interface RouteParts {
  readonly method: 'get' | 'put' | 'post';
  /** As OpenAPI writes it. */
  readonly path: string;
  /** `none`: not looked at; `empty`: nothing, `null` or `{}`. */
  readonly body: 'none' | 'empty' | 'json';
  /** The bank's shape on the drop-in endpoint, problem details everywhere else. */
  readonly errorShape: 'problem' | 'bank';
  /** Null: a page for people, which the API's description leaves out. */
  readonly operation: ZodOpenApiOperationObject | null;
}

/** One line of the table from which the router, the 405s and the API's description are made: none can lack a scope. */
export type Route = RouteParts &
  (
    | { readonly scope: 'public'; readonly handle: (call: Call) => Promise<Answer> }
    | { readonly scope: Scope; readonly handle: (call: AuthenticatedCall) => Promise<Answer> }
  );

/**
 * Holds at start what the types hold at compile time, and what they cannot: a route says which scope it needs, is described if it needs one,
 * and stands in the table once.
 * @throws TypeError
 */
export function refuseUnsoundRoutes(routes: readonly Route[]): void {
  const seen = new Set<string>();
  for (const { method, path, scope, operation } of routes) {
    const name = `${method.toUpperCase()} ${path}`;
    if (scope !== 'public' && !Object.hasOwn(scopes, scope)) throw new TypeError(`${name} has no scope that is known`);
    if (scope !== 'public' && operation === null) throw new TypeError(`${name} needs a token and is not described`);
    if (seen.has(name)) throw new TypeError(`${name} stands in the table twice`);
    seen.add(name);
  }
}

// An id with a slash in it must meet the validation of its own route, not a 404 that says nothing.
const WIDE_PARAMETERS = new Set(['customerId']);

/** The path as a pattern with named groups. */
export function pathPattern(path: string): RegExp {
  const source = path
    .split(/(\{\w+\})/)
    .map((part) => {
      const name = /^\{(\w+)\}$/.exec(part)?.[1];
      if (name === undefined) return part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
      return `(?<${name}>${WIDE_PARAMETERS.has(name) ? '.*' : '[^/:]+'})`;
    })
    .join('');
  return new RegExp(`^${source}$`);
}
