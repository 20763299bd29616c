import { createServer, connect, type AddressInfo, type Socket } from 'node:net';
import { startLatchkeyProcess, type LatchkeyProcess } from './latchkey-process.js';

export interface Command extends LatchkeyProcess {
  stdout(): string;
  stderr(): string;
  /** Waits for its end. */
  ended(): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>;
}

/** Starts a command for people, and keeps what it says apart by stream. */
export function startCommand(args: readonly string[], environment: Readonly<Record<string, string>>): Command {
  const started = startLatchkeyProcess(args, environment);
  let [stdout, stderr] = ['', ''];
  started.child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  started.child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  return {
    ...started,
    stdout: () => stdout,
    stderr: () => stderr,
    async ended() {
      const code = await started.exitCode(120_000);
      return { code, stdout, stderr };
    },
  };
}

/**
 * A port before another one that can go away altogether, as that of a process that is started again.
 * @param lostReplies how many answers, the first ones, get lost with their connection
 */
export async function startDoorstep(targetPort: number, { lostReplies = 0 }: { readonly lostReplies?: number } = {}) {
  const open = new Set<Socket>();
  let toLose = lostReplies;
  const server = createServer((inbound) => {
    const outbound = connect({ port: targetPort, host: '127.0.0.1' });
    for (const [socket, other] of [
      [inbound, outbound],
      [outbound, inbound],
    ] as const) {
      open.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        open.delete(socket);
        other.destroy();
      });
      socket.on('data', (chunk: Buffer) => {
        if (socket === inbound || toLose <= 0) return void other.write(chunk);
        toLose -= 1;
        inbound.resetAndDestroy();
      });
      socket.on('end', () => other.end());
    }
  });
  const listen = (port: number): Promise<void> => new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve()));
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const goAway = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of open) socket.destroy();
    await closed;
  };
  return { url: `http://127.0.0.1:${port}`, goAway, comeBack: () => listen(port) };
}
