import { exchange } from './exchange.js';
import { createOutbound, type OutboundPolicy } from './outbound.js';

/** What of `fetch` is needed to read a document, or to send a form for one. */
export type FetchDocument = (url: string | URL, init: RequestInit) => Promise<Response>;

interface FetchParts {
  readonly policy: OutboundPolicy;
  /** The only places that are asked; of each URL its origin counts. */
  readonly urls: readonly string[];
  /** For the whole answer, body included. */
  readonly timeoutMs: number;
  readonly bodyLimitBytes: number;
}

/**
 * `fetch` for documents, over the one way out: a GET, or a POST of a form, with the given headers; no redirect followed.
 * @returns a function that throws TypeError where there is no answer, or none that could be read to its end
 */
export function createFetch({ policy, urls, timeoutMs, bodyLimitBytes }: FetchParts): FetchDocument {
  const dispatcher = createOutbound({ policy, urls, connectTimeoutMs: timeoutMs });
  return async (url, { method, headers, body, signal }) => {
    const got = await exchange({
      dispatcher,
      url: new URL(url),
      method: method === 'POST' ? 'POST' : 'GET',
      ...(body instanceof URLSearchParams && { body: body.toString() }),
      headers: Object.fromEntries(new Headers(headers).entries()),
      timeoutMs,
      bodyLimitBytes,
      ...(signal === null || signal === undefined ? {} : { signal }),
    });
    if (got.kind !== 'answered') throw new TypeError(`no answer: ${got.reason}`);
    if (got.body === null) throw new TypeError('the answer could not be read to its end');
    return new Response(got.body === '' ? null : got.body, { status: got.httpStatus });
  };
}
