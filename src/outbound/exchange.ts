import type { Dispatcher } from 'undici';
import { parseRetryAfter } from '../domain/retry-after.js';

/** One HTTP exchange, whatever came of it. `not_sent`: no byte of the request left; `no_answer`: it may have arrived. */
export type Exchange =
  | {
      readonly kind: 'answered';
      readonly httpStatus: number;
      /** Null where the body could not be read to its end in time. */
      readonly body: string | null;
      readonly retryAfterMs: number | null;
      readonly durationMs: number;
    }
  | { readonly kind: 'not_sent' | 'no_answer'; readonly reason: string; readonly durationMs: number };

interface ExchangeRequest {
  readonly dispatcher: Dispatcher;
  readonly url: URL;
  readonly method: 'GET' | 'PUT' | 'POST';
  readonly headers: Record<string, string>;
  readonly body?: string;
  /** For the whole exchange, body included. */
  readonly timeoutMs: number;
  /** Within how many milliseconds the request must be on its way; what was held up for longer is not sent. Left out: `timeoutMs`. */
  readonly leavesWithinMs?: number;
  /** What comes beyond is not read. Left out: 64 KiB. */
  readonly bodyLimitBytes?: number;
  /** Ends it early. */
  readonly signal?: AbortSignal;
}

/** No answer of the bank's is longer. */
const BODY_LIMIT_BYTES = 64 * 1024;
const LAST_HTTP_STATUS = 599;

/** Sends one request exactly once: no retry, no redirect followed. Never throws for what the network does. */
export async function exchange({
  dispatcher,
  url,
  method,
  headers,
  body,
  timeoutMs,
  leavesWithinMs = timeoutMs,
  bodyLimitBytes = BODY_LIMIT_BYTES,
  signal,
}: ExchangeRequest): Promise<Exchange> {
  const startedMs = performance.now();
  const durationMs = () => Math.round(performance.now() - startedMs);
  const timeout = AbortSignal.timeout(timeoutMs);
  const over = signal === undefined ? timeout : AbortSignal.any([timeout, signal]);
  let sent = false;
  const onSend = (controller: Dispatcher.DispatchController) => {
    // By the clock: in a process that was stopped, the timer may come after the connection for which the request waited.
    if (performance.now() - startedMs > leavesWithinMs) controller.abort(new HeldUpError());
    else sent = true;
  };
  const watched = dispatcher.compose((dispatch) => (options, handler) => dispatch(options, observeSend(handler, onSend)));
  try {
    const request = {
      origin: url.origin,
      path: url.pathname + url.search,
      method,
      headers,
      body: body ?? null,
      signal: over,
      headersTimeout: 0,
      bodyTimeout: 0,
    };
    // undici heeds the signal only once there is a connection: then it drops a request whose time is over, but does not say so before.
    const response = await Promise.race([watched.request(request), rejectionAt(over)]);
    const bodyText = await readBounded(response.body, bodyLimitBytes);
    // HTTP ends at 599 (RFC 9110, 15): beyond it nobody can say what was done.
    if (response.statusCode > LAST_HTTP_STATUS) {
      return { kind: 'no_answer', reason: `answered ${response.statusCode}, which is no HTTP status`, durationMs: durationMs() };
    }
    return {
      kind: 'answered',
      httpStatus: response.statusCode,
      body: bodyText,
      retryAfterMs: parseRetryAfter(first(response.headers['retry-after']), Date.now()),
      durationMs: durationMs(),
    };
  } catch (error) {
    const inTime = error instanceof HeldUpError || !over.aborted;
    const reason = inTime ? networkReason(error) : `no answer within ${timeoutMs} ms`;
    return { kind: sent ? 'no_answer' : 'not_sent', reason, durationMs: durationMs() };
  }
}

/** Thrown where a request was held up until it must not leave any more. */
class HeldUpError extends Error {
  readonly code = 'held up until its time was over';
}

/** Tells when a request is handed to a connected socket, the last moment to hold it back: an error before that is surely `not_sent`. */
function observeSend(
  handler: Dispatcher.DispatchHandler,
  onSend: (controller: Dispatcher.DispatchController) => void,
): Dispatcher.DispatchHandler {
  return {
    onRequestStart(controller, context) {
      onSend(controller);
      handler.onRequestStart?.(controller, context);
    },
    onRequestUpgrade: (...upgrade) => handler.onRequestUpgrade?.(...upgrade),
    onResponseStart: (...head) => handler.onResponseStart?.(...head),
    onResponseData: (...data) => handler.onResponseData?.(...data),
    onResponseEnd: (...end) => handler.onResponseEnd?.(...end),
    onResponseError: (...failure) => handler.onResponseError?.(...failure),
  };
}

function rejectionAt(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) =>
    signal.addEventListener('abort', () => reject(new Error('aborted', { cause: signal.reason })), { once: true }),
  );
}

async function readBounded(body: AsyncIterable<Uint8Array> & { destroy(): unknown }, limitBytes: number): Promise<string | null> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of body) {
      chunks.push(chunk);
      size += chunk.byteLength;
      if (size > limitBytes) break;
    }
  } catch {
    return null;
  } finally {
    body.destroy();
  }
  return size > limitBytes ? null : Buffer.concat(chunks).toString('utf8');
}

function first(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}

/** A network error in words without addresses: the system's or undici's code, which is stable. */
function networkReason(error: unknown): string {
  if (typeof error !== 'object' || error === null) return 'unknown network error';
  if ('code' in error && typeof error.code === 'string') return error.code;
  return 'name' in error && typeof error.name === 'string' ? error.name : 'unknown network error';
}

/** @returns undefined where the text is no JSON: a gateway's page, an empty body, a body that broke off */
export function parseJson(text: string | null): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    return undefined;
  }
}
