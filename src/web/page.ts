import type { IncomingHttpHeaders } from 'node:http';
import type { InnerCall } from '../http/ask.js';
import type { Scope } from '../http/auth.js';
import type { Answer } from '../http/route.js';
import type { RequestSource } from '../domain/unlock-request.js';
import type { Html } from './html.js';
import type { Session } from './sessions.js';

/** One request for a page. */
export interface Visit {
  readonly params: Readonly<Record<string, string>>;
  /** What follows the `?`. */
  readonly search: string;
  readonly headers: IncomingHttpHeaders;
  /** What a form sent; empty for a GET. */
  readonly form: URLSearchParams;
  readonly source: RequestSource;
  readonly signal: AbortSignal;
}

/** The same of somebody who is signed in. */
export interface PersonalVisit extends Visit {
  readonly session: Session;
  /** Asks the API in this person's name. */
  readonly ask: (call: Omit<InnerCall, 'token' | 'source' | 'signal'> & { readonly signal?: AbortSignal }) => Promise<Answer>;
  /** For what outlasts a request: whether the session has not ended meanwhile, be it by a sign-out elsewhere. */
  readonly isStillSignedIn: () => Promise<boolean>;
}

/** What a page answers. */
export type Reply =
  | { readonly kind: 'page'; readonly httpStatus?: number; readonly title: string; readonly main: Html }
  | { readonly kind: 'redirect'; readonly to: string; readonly cookies?: readonly string[] }
  | { readonly kind: 'answer'; readonly answer: Answer };

/**
 * One line of the table of pages. What a person may do is decided where the API is asked; `scope` is what a page makes no sense without, so that
 * whoever lacks it is told so at once.
 */
export type Page = {
  readonly method: 'get' | 'post';
  /** As OpenAPI writes it. */
  readonly path: string;
} & (
  | { readonly access: 'public'; readonly handle: (visit: Visit) => Promise<Reply> }
  | { readonly access: Scope | 'session'; readonly handle: (visit: PersonalVisit) => Promise<Reply> }
);

/** An entry of the navigation, shown to those who may use it. */
export interface NavEntry {
  readonly href: string;
  readonly label: string;
  readonly scope: Scope;
}
