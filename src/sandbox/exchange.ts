import type { IncomingMessage, ServerResponse } from 'node:http';

/** One HTTP request and where its answer goes. The path is as sent: a bank must see `..` and `%2F` if a client lets them through. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
}

/** Answers one request, whatever it is. */
export type Handler = (exchange: Exchange) => Promise<void>;

export function exchangeOf(request: IncomingMessage, response: ServerResponse): Exchange {
  const target = request.url ?? '/';
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  const query = new URLSearchParams(mark < 0 ? '' : target.slice(mark + 1));
  return { request, response, method: request.method ?? 'GET', path, query };
}

/** Thrown where a body exceeds its limit. */
export class BodyTooLargeError extends Error {
  override readonly name = 'BodyTooLargeError';
}

/** @throws BodyTooLargeError; other errors mean that the caller went away */
export async function readBody(request: IncomingMessage, limitBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  const arriving: AsyncIterable<Uint8Array> = request;
  for await (const chunk of arriving) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    // Read to the end, though not kept: an unread rest would block the connection for the next request.
    if (size <= limitBytes) chunks.push(bytes);
  }
  if (size > limitBytes) throw new BodyTooLargeError(`the body is larger than ${limitBytes} bytes`);
  return Buffer.concat(chunks).toString('utf8');
}

type Headers = Readonly<Record<string, string>>;

export function sendJson(response: ServerResponse, httpStatus: number, body: unknown, headers: Headers = {}): void {
  response.writeHead(httpStatus, { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers });
  response.end(`${JSON.stringify(body)}\n`);
}

/** @returns null where the percent-encoding is malformed */
export function decodeSegment(segment: string): string | null {
  try {
    return decodeURIComponent(segment);
  } catch {
    return null;
  }
}

/** A request header by its lower-case name; repeated ones are joined, as Node does. */
export function header(request: IncomingMessage, name: string): string | null {
  const value = request.headers[name];
  return value === undefined ? null : String(value);
}

/** Client id and secret of HTTP Basic; null where there are none. */
export function basicCredentials(request: IncomingMessage): { readonly id: string; readonly secret: string } | null {
  const encoded = /^Basic +([A-Za-z0-9+/=]+)$/i.exec(header(request, 'authorization') ?? '')?.[1];
  const pair = encoded === undefined ? null : /^([^:]*):([\s\S]*)$/.exec(Buffer.from(encoded, 'base64').toString('utf8'));
  return pair?.[1] === undefined || pair[2] === undefined ? null : { id: pair[1], secret: pair[2] };
}
