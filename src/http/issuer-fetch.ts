import type { FetchDocument } from '../outbound/index.js';

/**
 * Asks the issuer for documents: nothing but a 200 is an answer.
 * @param fetch follows no redirect, and bounds time and size
 */
export function fromIssuer(fetch: FetchDocument): FetchDocument {
  return async (url, init) => {
    const response = await fetch(url, init);
    if (response.status !== 200) throw new Error(`${String(url)} answers ${response.status}`);
    return response;
  };
}

/**
 * The same, but after a failure it fails at once for a while: an issuer in trouble is not asked once for every token that comes by.
 * @param cooldownMs counted from the failure
 */
export function restingAfterFailure(ask: FetchDocument, cooldownMs: number): FetchDocument {
  let last: { readonly failure: unknown; readonly atMs: number } | null = null;
  return async (url, init) => {
    if (last !== null && performance.now() - last.atMs < cooldownMs) throw last.failure;
    try {
      return await ask(url, init);
    } catch (failure) {
      last = { failure, atMs: performance.now() };
      throw failure;
    }
  };
}
