import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { Loss } from './places.js';

/** A way to a server on which the reply to one request can get lost after its effect. */
export interface LossyWay {
  readonly port: number;
  /** Loses the next reply to what names this correlationId; to what is out already, too, where the protocol answers one thing at a time. */
  loseReply(correlationId: string, loss: Loss): void;
  /** False once the reply was lost. */
  isArmed(correlationId: string): boolean;
  close(): Promise<void>;
}

interface LossyTcp {
  readonly targetPort: number;
  /** Whether these bytes of the server end its reply: only then has the request had its effect. */
  readonly endsReply: (reply: Buffer) => boolean;
}

/** Long enough for the half of a reply to be read before the connection breaks. */
const READ_MS = 30;

/** For protocols that answer one request of a connection at a time: HTTP/1.1 without pipelining, and Postgres. */
export async function startLossyTcp({ targetPort, endsReply }: LossyTcp): Promise<LossyWay> {
  const armed = new Map<string, Loss>();
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const target = connect({ port: targetPort, host: '127.0.0.1', noDelay: true });
    client.setNoDelay(true);
    let asked = '';
    let reply = Buffer.alloc(0);
    let isSilent = false;
    for (const [socket, other] of [
      [client, target],
      [target, client],
    ] as const) {
      open.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', (isBroken) => {
        open.delete(socket);
        if (isBroken) other.resetAndDestroy();
        else other.destroySoon();
      });
    }
    client.on('data', (chunk) => {
      asked += chunk.toString('latin1');
      target.write(chunk);
    });
    target.on('data', (chunk) => {
      if (isSilent) return;
      const correlationId = [...armed.keys()].find((id) => asked.includes(id));
      if (correlationId === undefined) {
        client.write(chunk);
        if (endsReply(chunk)) asked = '';
        return;
      }
      reply = Buffer.concat([reply, chunk]);
      if (!endsReply(reply)) return;
      const loss = armed.get(correlationId);
      armed.delete(correlationId);
      isSilent = true;
      if (loss === 'reset') client.resetAndDestroy();
      if (loss === 'cut')
        client.write(reply.subarray(0, Math.ceil(reply.length / 2)), () => setTimeout(() => client.resetAndDestroy(), READ_MS));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    loseReply: (correlationId, loss) => void armed.set(correlationId, loss),
    isArmed: (correlationId) => armed.has(correlationId),
    close() {
      for (const socket of open) socket.destroy();
      return new Promise((resolve) => void server.close(() => resolve()));
    },
  };
}

const READY_FOR_QUERY = Buffer.from([0x5a, 0, 0, 0, 5]);

/** Postgres says so when a statement is over, which here means committed. */
export const endsStatement = (reply: Buffer): boolean => reply.length >= 6 && reply.subarray(-6, -1).equals(READY_FOR_QUERY);
/** The bank and the front door act first and answer then. */
export const endsAnswer = (): boolean => true;
