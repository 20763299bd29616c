import { createServer, STATUS_CODES, type RequestListener, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { randomUUID } from 'node:crypto';
import { invalid, Problem, problemDetails } from './problem.js';

export interface HttpServer {
  /**
   * Begins to take connections.
   * @param port 0 takes any free one
   * @returns the port in use
   * @throws the system's error, such as EADDRINUSE
   */
  listen(where: { readonly host: string; readonly port: number }): Promise<number>;
  /**
   * Takes no more connections, closes idle ones and waits for answers that are on their way. Abort the app's
   * `shutdownSignal` first, so that waiting requests answer at once.
   * @param graceMs after it what is still open is cut
   */
  close(graceMs: number): Promise<void>;
}

/** How long a connection may take; milliseconds. */
export interface ServerTimes {
  /** From the first byte of a request, or from connecting, to the end of its headers. */
  readonly headersMs: number;
  /** To the end of its body. */
  readonly requestMs: number;
  /** Between an answer and the next request. */
  readonly keepAliveMs: number;
  /** Without a byte in either direction; longer than any answer is held back. */
  readonly silenceMs: number;
  /** How often the first two are looked after. */
  readonly checkMs: number;
}

export const serverTimes: ServerTimes = { headersMs: 10_000, requestMs: 30_000, keepAliveMs: 5_000, silenceMs: 120_000, checkMs: 1_000 };

/** Beyond it parsers and log readers differ on what they keep; Node itself would silently drop some. */
const MOST_HEADERS = 100;
/** For the answer to arrive before the connection is cut. */
const FAREWELL_MS = 1_000;

/** The server around the front door: what comes too slowly is cut off with 408, answers may take longer. */
export function createHttpServer(app: RequestListener, times: ServerTimes = serverTimes): HttpServer {
  const server = createServer(
    {
      headersTimeout: times.headersMs,
      requestTimeout: times.requestMs,
      keepAliveTimeout: times.keepAliveMs,
      connectionsCheckingInterval: times.checkMs,
    },
    (request, response) => {
      if (request.rawHeaders.length > 2 * MOST_HEADERS) answerUnreadable({ code: 'HPE_HEADER_OVERFLOW' }, request.socket);
      else app(request, response);
    },
  );
  // Counted above, where more of them are refused rather than dropped; their bytes are bounded by Node (16 kB).
  server.maxHeadersCount = 0;
  server.timeout = times.silenceMs;
  server.on('clientError', answerUnreadable);

  return {
    listen: ({ host, port }) =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, () => {
          server.off('error', reject);
          resolve(portOf(server));
        });
      }),
    close: (graceMs) =>
      new Promise((resolve) => {
        const cut = setTimeout(() => server.closeAllConnections(), graceMs);
        server.close(() => {
          clearTimeout(cut);
          resolve();
        });
        server.closeIdleConnections();
      }),
  };
}

function portOf(server: Server): number {
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server does not listen on a port');
  return address.port;
}

/** What is not HTTP never meets the app; it gets an answer all the same, and then the connection ends. */
function answerUnreadable({ code }: { readonly code?: string | undefined }, socket: Socket): void {
  if (!socket.writable || code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const problem = problemOf(code);
  const { httpStatus } = problem;
  const body = JSON.stringify(problemDetails(problem, { path: '/', correlationId: randomUUID() }));
  const head = [
    `HTTP/1.1 ${httpStatus} ${STATUS_CODES[httpStatus] ?? ''}`,
    'content-type: application/problem+json',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
  // Whoever never closes their own half would keep it open for ever.
  setTimeout(() => socket.destroy(), FAREWELL_MS).unref();
}

function problemOf(code: string | undefined): Problem {
  if (code === 'HPE_HEADER_OVERFLOW')
    return new Problem('headers_too_large', { detail: 'Send at most 16 kB of headers, and at most 100 of them.' });
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new Problem('request_timeout', { detail: 'Send the request again.' });
  return invalid([{ pointer: '', detail: 'cannot be read as HTTP' }]);
}
