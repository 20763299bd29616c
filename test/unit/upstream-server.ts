import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';

/** A request as it came over the wire. */
export interface Heard {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface ListeningServer {
  readonly url: string;
  close(): Promise<void>;
}

export interface HttpServer extends ListeningServer {
  /** Every request, in the order in which they arrived. */
  readonly heard: readonly Heard[];
}

export type Answer = (response: ServerResponse, heard: Heard, request: IncomingMessage) => void;

/** A real HTTP server on loopback that answers as the test says. */
export async function listenHttp(answer: Answer): Promise<HttpServer> {
  const heard: Heard[] = [];
  const listener: RequestListener = (request, response) => {
    const chunks: Uint8Array[] = [];
    request.on('data', (chunk: Uint8Array) => chunks.push(chunk));
    // A client that went away is a part of the game.
    request.on('error', () => undefined);
    request.on('end', () => {
      const one = {
        method: request.method ?? '',
        path: request.url ?? '',
        headers: request.headers,
        body: Buffer.concat(chunks).toString('utf8'),
      };
      heard.push(one);
      answer(response, one, request);
    });
  };
  return { ...(await listen(createServer(listener))), heard };
}

/** A server that speaks no HTTP: the test has the sockets. */
export async function listenTcp(onConnection: (socket: Socket) => void): Promise<ListeningServer> {
  return listen(
    createTcpServer((socket) => {
      socket.on('error', () => undefined);
      onConnection(socket);
    }),
  );
}

async function listen(server: Server): Promise<ListeningServer> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server listens on no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

export function answerJson(response: ServerResponse, httpStatus: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(httpStatus, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}
