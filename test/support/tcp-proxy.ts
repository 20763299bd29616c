import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** Bytes from the one who connected, or to them. */
export type Direction = 'requests' | 'replies';

export interface TcpProxy {
  readonly port: number;
  /** Resets what is open and refuses what comes. */
  cut(): void;
  /** Resets what is open, once. */
  reset(): void;
  /** Holds everything back, both ways; `restore` lets it go. What waits is dropped where its sender hangs up meanwhile. */
  hold(): void;
  /** Loses everything that goes one way, without a word; `restore` resets the connections that lost something. */
  lose(direction: Direction): void;
  /** Delivers everything late, in order. */
  slow(delayMs: number): void;
  /** Tells the server that nothing more will come on what is open, and still brings its replies. */
  halfClose(): void;
  /** Lets everything pass again. */
  restore(): void;
  close(): Promise<void>;
}

interface Settings {
  readonly targetPort: number;
  /** Sees every byte that a caller sent, at once, whatever becomes of it. */
  readonly watch?: (chunk: Buffer) => void;
}

type Weather =
  | { readonly kind: 'fair' | 'cut' | 'hold' }
  | { readonly kind: 'lose'; readonly direction: Direction }
  | { readonly kind: 'slow'; readonly delayMs: number };

interface Lane {
  take(chunk: Buffer): void;
  end(): void;
  /** Sends what waits. */
  release(): void;
}

interface Pair {
  readonly inbound: Socket;
  readonly outbound: Socket;
  readonly lanes: readonly Lane[];
  torn: boolean;
}

/** A way to a server on 127.0.0.1 that can be made as bad as a network can be. */
export async function startTcpProxy(target: number | Settings): Promise<TcpProxy> {
  const { targetPort, watch }: Settings = typeof target === 'number' ? { targetPort: target } : target;
  const pairs = new Set<Pair>();
  let weather: Weather = { kind: 'fair' };
  const now = (): Weather => weather;

  const server = createServer({ allowHalfOpen: true }, (inbound) => {
    if (weather.kind === 'cut') {
      inbound.on('error', () => undefined);
      inbound.resetAndDestroy();
      return;
    }
    const outbound = connect({ port: targetPort, host: '127.0.0.1', allowHalfOpen: true });
    const tear = (): void => void (pair.torn = true);
    const drop = (): void => {
      inbound.destroy();
      outbound.destroy();
    };
    const requests = createLane({ to: outbound, direction: 'requests', now, tear, drop });
    const replies = createLane({ to: inbound, direction: 'replies', now, tear, drop });
    const pair: Pair = { inbound, outbound, lanes: [requests, replies], torn: false };
    pairs.add(pair);
    for (const [socket, other, lane] of [
      [inbound, outbound, requests],
      [outbound, inbound, replies],
    ] as const) {
      let ended = false;
      socket.on('data', (chunk: Buffer) => {
        if (socket === inbound) watch?.(chunk);
        lane.take(chunk);
      });
      socket.on('end', () => {
        ended = true;
        lane.end();
      });
      socket.on('error', () => other.resetAndDestroy());
      socket.on('close', () => {
        if (!ended) other.destroy();
        if (other.closed) pairs.delete(pair);
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  const resetWhere = (chosen: (pair: Pair) => boolean): void => {
    for (const pair of pairs) if (chosen(pair)) for (const socket of [pair.inbound, pair.outbound]) socket.resetAndDestroy();
  };
  const cut = (): void => {
    weather = { kind: 'cut' };
    resetWhere(() => true);
  };
  return {
    port: (server.address() as AddressInfo).port,
    cut,
    reset: () => resetWhere(() => true),
    hold: () => void (weather = { kind: 'hold' }),
    lose: (direction) => void (weather = { kind: 'lose', direction }),
    slow: (delayMs) => void (weather = { kind: 'slow', delayMs }),
    halfClose() {
      for (const { outbound } of pairs) outbound.end();
    },
    restore() {
      weather = { kind: 'fair' };
      resetWhere(({ torn }) => torn);
      for (const { lanes } of pairs) for (const lane of lanes) lane.release();
    },
    close: () => {
      cut();
      return new Promise((resolve) => void server.close(() => resolve()));
    },
  };
}

interface LaneParts {
  readonly to: Socket;
  readonly direction: Direction;
  readonly now: () => Weather;
  readonly tear: () => void;
  readonly drop: () => void;
}

/** One way of one connection; what it takes it brings in order. */
function createLane({ to, direction, now, tear, drop }: LaneParts): Lane {
  const waiting: { readonly chunk: Buffer | null; readonly dueMs: number }[] = [];
  let timer: NodeJS.Timeout | null = null;

  const send = (chunk: Buffer | null): void => {
    if (to.writableEnded || to.destroyed) return;
    if (chunk === null) to.end();
    else to.write(chunk);
  };
  const release = (): void => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    if (now().kind === 'hold') return;
    for (let [next] = waiting; next !== undefined; [next] = waiting) {
      const leftMs = next.dueMs - performance.now();
      if (leftMs > 0) {
        timer = setTimeout(release, leftMs).unref();
        return;
      }
      waiting.shift();
      send(next.chunk);
    }
  };
  const put = (chunk: Buffer | null): void => {
    const weather = now();
    waiting.push({ chunk, dueMs: performance.now() + (weather.kind === 'slow' ? weather.delayMs : 0) });
    if (timer === null) release();
  };
  return {
    take(chunk) {
      const weather = now();
      if (weather.kind === 'lose' && weather.direction === direction) tear();
      else put(chunk);
    },
    end() {
      if (now().kind === 'hold' && waiting.length > 0) drop();
      else put(null);
    },
    release,
  };
}
