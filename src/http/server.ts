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

/** The server around the front door. A caller gets 10 s for the headers and 30 s for the whole request; answers may take longer. */
export function createHttpServer(app: RequestListener): HttpServer {
  const server = createServer(
    { headersTimeout: 10_000, requestTimeout: 30_000, keepAliveTimeout: 5_000, connectionsCheckingInterval: 1_000 },
    app,
  );
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
function answerUnreadable(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const problem = problemOf(error.code);
  const { httpStatus } = problem;
  const body = JSON.stringify(problemDetails(problem, { path: '/', correlationId: randomUUID() }));
  const head = [
    `HTTP/1.1 ${httpStatus} ${STATUS_CODES[httpStatus] ?? ''}`,
    'content-type: application/problem+json',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

function problemOf(code: string | undefined): Problem {
  if (code === 'HPE_HEADER_OVERFLOW') return new Problem('headers_too_large', { detail: 'Send at most 16 kB of headers.' });
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new Problem('request_timeout', { detail: 'Send the request again.' });
  return invalid([{ pointer: '', detail: 'cannot be read as HTTP' }]);
}
