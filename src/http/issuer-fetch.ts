const LARGEST_BYTES = 256 * 1024;

type Ask = (url: string | URL, init: RequestInit) => Promise<Response>;

/**
 * Asks the issuer for one document: no redirect is followed, and nothing but a 200 of at most 256 kB is an answer.
 * @param init its signal also ends the reading of the body
 * @throws Error, or what `fetch` throws
 */
export async function fetchFromIssuer(url: string | URL, init: RequestInit): Promise<Response> {
  const response = await fetch(url, { ...init, redirect: 'error' });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`${String(url)} answers ${response.status}`);
  }
  const body: AsyncIterable<Uint8Array> | null = response.body;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body ?? []) {
    bytes += chunk.byteLength;
    // Leaving the loop gives the rest up.
    if (bytes > LARGEST_BYTES) throw new Error(`${String(url)} answers more than ${LARGEST_BYTES} bytes`);
    chunks.push(chunk);
  }
  return new Response(Buffer.concat(chunks), { headers: { 'content-type': 'application/json' } });
}

/**
 * The same, but after a failure it fails at once for a while: an issuer in trouble is not asked once for every token that comes by.
 * @param cooldownMs counted from the failure
 */
export function restingAfterFailure(ask: Ask, cooldownMs: number): Ask {
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
