import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { randomBytes } from 'node:crypto';

/** One message that came. */
export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** As it came, for the signature is over its bytes. */
  readonly body: string;
}

interface ScriptedAnswer {
  readonly httpStatus: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Taken, and never answered. */
  readonly silent?: boolean;
}

/** A receiver of webhooks on 127.0.0.1, which answers 204 unless told otherwise. */
export async function startReceiver() {
  const received: Received[] = [];
  const script = new Map<string, ScriptedAnswer[]>();
  let usual: ScriptedAnswer = { httpStatus: 204 };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('utf8');
      received.push({ method: request.method ?? '', path: request.url ?? '', headers: request.headers, body });
      const correlationId = /"correlationId":"([^"]+)"/.exec(body)?.[1] ?? '';
      const { httpStatus, headers = {}, silent = false } = script.get(correlationId)?.shift() ?? usual;
      if (silent) return;
      response.writeHead(httpStatus, headers).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    host: `127.0.0.1:${port}`,
    url: `http://127.0.0.1:${port}/hooks/unlocks`,
    received,
    /** The messages about one request, in the order in which they came. */
    about: (correlationId: string): Received[] => received.filter(({ body }) => body.includes(correlationId)),
    /** What the first messages about a request are answered. */
    answer(correlationId: string, ...answers: ScriptedAnswer[]): void {
      script.set(correlationId, answers);
    },
    answerAlways(answer: ScriptedAnswer): void {
      usual = answer;
    },
    async close(): Promise<void> {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export type Receiver = Awaited<ReturnType<typeof startReceiver>>;

/** A secret of the form that Standard Webhooks has. */
export const webhookSecret = (): string => `whsec_${randomBytes(32).toString('base64')}`;
