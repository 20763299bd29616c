import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Certificate } from './certificate.js';

export interface ForeignBank {
  readonly baseUrl: string;
  readonly tokenUrl: string;
  /** The customers who are locked. */
  readonly locked: Set<string>;
  /** Every call: method, path, correlationId. */
  readonly calls: { readonly method: string; readonly path: string; readonly correlationId: string | undefined }[];
  close(): Promise<void>;
}

/**
 * A bank that shares no code with the sandbox: written from the contract alone, so that no two mistakes of ours cancel each other out.
 * @param tls with it the bank speaks https alone
 */
export async function startForeignBank(clientId: string, clientSecret: string, tls?: Certificate): Promise<ForeignBank> {
  const locked = new Set<string>();
  const calls: ForeignBank['calls'] = [];
  const wanted = `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`;

  function answer(response: ServerResponse, status: number, body?: object): void {
    response.writeHead(status, body === undefined ? {} : { 'content-type': 'application/json' });
    response.end(body === undefined ? undefined : JSON.stringify(body));
  }

  function handle(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url ?? '';
    const { correlationid } = request.headers;
    calls.push({ method: request.method ?? '', path, correlationId: typeof correlationid === 'string' ? correlationid : undefined });
    if (path === '/token') {
      if (request.headers.authorization !== wanted) return answer(response, 401, { error: 'invalid_client' });
      return answer(response, 200, { access_token: 'foreign-token', token_type: 'Bearer', expires_in: '3599' });
    }
    if (request.headers.authorization !== 'Bearer foreign-token')
      return answer(response, 401, { status: 401, message: 'who are you', code: 'UXU_10001' });
    const unlock = /^\/core\/v1\/customers\/([^/:]+):unlock-user$/.exec(path);
    if (request.method === 'PUT' && unlock?.[1] !== undefined) {
      locked.delete(unlock[1]);
      return answer(response, 204);
    }
    const status = /^\/core\/v1\/customers\/([^/?]+)\?userIdType=CUSTOMER_ID$/.exec(path);
    if (request.method === 'GET' && status?.[1] !== undefined)
      return answer(response, 200, { userStatus: { locked: locked.has(status[1]) } });
    return answer(response, 404, { status: 404, message: 'no such thing', code: 'UXU_10000' });
  }

  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    request.resume();
    request.on('end', () => handle(request, response));
  };
  const server = tls === undefined ? createServer(listener) : createTlsServer({ cert: tls.certificate, key: tls.privateKey }, listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    baseUrl: `${url}/core`,
    tokenUrl: `${url}/token`,
    locked,
    calls,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
