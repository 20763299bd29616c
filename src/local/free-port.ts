import { createServer } from 'node:net';

const LOOPBACK = '127.0.0.1';
const HIGHEST_PORT = 65535;

/** Thrown where a port that was set is taken by somebody else. */
export class PortTakenError extends Error {
  override readonly name = 'PortTakenError';
}

export interface PortWish {
  /** What listens there, for the error: `Postgres`, `Temporal's UI`. */
  readonly purpose: string;
  /** The port that was set; null where none was. */
  readonly port: number | null;
  /** Where the search begins if none was set. */
  readonly startAt: number;
  /** Ports that are spoken for although nothing listens on them yet. */
  readonly except?: readonly number[];
  /** The address to listen on; 127.0.0.1 by default. */
  readonly host?: string;
}

/**
 * Chooses the port to listen on: the one that was set, else the first free one from `startAt` on.
 * The port is free when this resolves, not reserved.
 * @throws PortTakenError where the port that was set is taken
 */
export async function choosePort({ purpose, port, startAt, except = [], host = LOOPBACK }: PortWish): Promise<number> {
  if (port !== null) {
    if (await isFree(port, host)) return port;
    throw new PortTakenError(
      `Port ${port} for ${purpose} is taken: stop what listens there, set another, or set none to have a free one chosen.`,
    );
  }
  for (let candidate = startAt; candidate <= HIGHEST_PORT; candidate += 1) {
    if (!except.includes(candidate) && (await isFree(candidate, host))) return candidate;
  }
  throw new PortTakenError(`No port from ${startAt} on is free for ${purpose}.`);
}

export interface ReservedPort {
  readonly port: number;
  /** Lets go of it; resolves when somebody may listen there. */
  release(): Promise<void>;
}

/**
 * Chooses as `choosePort` does, and holds the port against everybody else until it is released or the process ends.
 * @throws PortTakenError where the port that was set is taken
 */
export async function reservePort(wish: PortWish): Promise<ReservedPort> {
  for (let startAt = wish.startAt; ; startAt += 1) {
    const port = await choosePort({ ...wish, startAt });
    const holder = createServer((socket) => socket.destroy());
    const held = await new Promise<boolean>((resolve) => {
      holder.once('error', () => resolve(false));
      holder.listen({ port, host: wish.host ?? LOOPBACK, exclusive: true }, () => resolve(true));
    });
    if (held) return { port, release: () => new Promise((resolve) => void holder.unref().close(() => resolve())) };
    startAt = port;
  }
}

async function isFree(port: number, host: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(false);
      else reject(error);
    });
    probe.listen({ port, host, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}
