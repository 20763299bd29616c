import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** What passed between a client and Postgres, by the server's own messages. */
export interface WireCount {
  /** CommandComplete and EmptyQueryResponse. */
  readonly statements: number;
  /** ReadyForQuery: one for each time that a client waited for the server; the ones that end a log-in are left out. */
  readonly roundTrips: number;
  readonly bytes: number;
}

export interface DatabaseWire {
  /** The database's URL, by way of this wire. */
  readonly url: string;
  count(): WireCount;
  close(): Promise<void>;
}

const HEADER_BYTES = 5;
const AUTHENTICATION = 'R'.charCodeAt(0);
const READY = 'Z'.charCodeAt(0);
const COMPLETE = new Set(['C', 'I'].map((letter) => letter.charCodeAt(0)));
const AUTHENTICATION_OK = 0;

/** Listens in between a client and a Postgres without TLS, and counts. */
export async function openDatabaseWire(databaseUrl: string): Promise<DatabaseWire> {
  const target = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  let statements = 0;
  let roundTrips = 0;
  let bytes = 0;

  function onMessage(type: number | undefined, body: Buffer): void {
    if (type === READY) roundTrips += 1;
    else if (type !== undefined && COMPLETE.has(type)) statements += 1;
    else if (type === AUTHENTICATION && body.readInt32BE(0) === AUTHENTICATION_OK) roundTrips -= 1;
  }

  const server = createServer((client) => {
    const database = connect({ host: target.hostname, port: Number(target.port), noDelay: true });
    client.setNoDelay(true);
    for (const socket of [client, database]) {
      sockets.add(socket);
      socket
        .on('error', () => undefined)
        .once('close', () => {
          sockets.delete(socket);
          client.destroy();
          database.destroy();
        });
    }
    client.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      database.write(chunk);
    });
    let rest = Buffer.alloc(0);
    database.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      rest = readMessages(Buffer.concat([rest, chunk]), onMessage);
      client.write(chunk);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the wire listens on no port');
  const url = new URL(databaseUrl);
  url.port = String(address.port);

  return {
    url: url.href,
    count: () => ({ statements, roundTrips, bytes }),
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      sockets.forEach((socket) => socket.destroy());
      await closed;
    },
  };
}

/** A message: its type, a length that counts itself, its body. @returns what is not complete yet */
function readMessages(stream: Buffer, onMessage: (type: number | undefined, body: Buffer) => void): Buffer<ArrayBuffer> {
  let at = 0;
  while (stream.length - at >= HEADER_BYTES) {
    const end = at + 1 + stream.readInt32BE(at + 1);
    if (end > stream.length) break;
    onMessage(stream[at], stream.subarray(at + HEADER_BYTES, end));
    at = end;
  }
  return Buffer.from(stream.subarray(at));
}
