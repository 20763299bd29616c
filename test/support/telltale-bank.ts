import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface TelltaleBank {
  readonly baseUrl: string;
  readonly tokenUrl: string;
  /** Every token that it gave out. */
  readonly tokens: readonly string[];
  /** The path and query of every call. */
  readonly paths: readonly string[];
  /** What it says of each customer's person, which nobody asked for. */
  readonly person: string;
  /** Makes every token stale. */
  revoke(): void;
  /** From now on it gives out no token, and echoes whoever asks. */
  refuseTokens(refused: boolean): void;
  close(): Promise<void>;
}

/** A bank that echoes every secret that it is told, in bodies and headers, and tells more of its customers than was asked; by the customer's id. */
export async function startTelltaleBank(person: string): Promise<TelltaleBank> {
  const tokens: string[] = [];
  const paths: string[] = [];
  const good = new Set<string>();
  const unlocked = new Set<string>();
  let refuses = false;
  let calls = 0;

  function tell(request: IncomingMessage, response: ServerResponse, httpStatus: number, code: string): void {
    const { authorization = '' } = request.headers;
    const echo = `${authorization} of ${person} at ${request.url ?? ''}, token=${authorization.replace(/^\w+ /, '')}`;
    response.writeHead(httpStatus, { 'content-type': 'application/json', 'x-echo': authorization });
    response.end(JSON.stringify({ status: httpStatus, message: echo, code }));
  }

  function answerUnlock(customerId: string, request: IncomingMessage, response: ServerResponse): void {
    const kind = customerId.replace(/-.*/, '');
    if (kind === 'rejected') return tell(request, response, 403, 'UXU_10002');
    if (kind === 'unwell' || kind === 'cancelled') return tell(request, response, 503, 'UXU_30001');
    if (kind === 'html') {
      response.writeHead(502, { 'content-type': 'text/html' });
      return void response.end(`<html><h1>Bad gateway</h1>${request.headers.authorization ?? ''} ${person}</html>`);
    }
    unlocked.add(customerId);
    if (kind === 'lost') return void request.socket.destroy();
    // Silence, beyond the time-out
    if (kind === 'slow') return;
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ person, token: request.headers.authorization }));
  }

  const server = createServer((request, response) => {
    const path = request.url ?? '';
    paths.push(path);
    request.resume();
    if (path === '/token') {
      if (refuses) return tell(request, response, 401, 'invalid_client');
      const token = `bank-token-${(calls += 1)}-${Buffer.from(`${person}${calls}`).toString('hex')}`;
      tokens.push(token);
      good.add(token);
      response.writeHead(200, { 'content-type': 'application/json' });
      return void response.end(JSON.stringify({ access_token: token, token_type: 'Bearer', expires_in: 3599 }));
    }
    if (!good.has(request.headers.authorization?.replace('Bearer ', '') ?? '')) return tell(request, response, 401, 'UXU_10001');
    const customerId = /^\/v1\/customers\/([^/?:]+)/.exec(path)?.[1] ?? '';
    if (request.method === 'PUT') return answerUnlock(customerId, request, response);
    if (customerId.startsWith('unread')) return tell(request, response, 500, 'UXU_99999');
    const locked = !unlocked.has(customerId) && !customerId.startsWith('not_locked');
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ userStatus: { locked, onHold: false }, firstName: person, emailAddress: person, phones: [person] }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    baseUrl,
    tokenUrl: `${baseUrl}/token`,
    tokens,
    paths,
    person,
    revoke: () => good.clear(),
    refuseTokens: (refused) => void (refuses = refused),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
