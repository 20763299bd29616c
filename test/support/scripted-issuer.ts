import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose';
import { AUDIENCE, INSTITUTION } from './front-door.js';

type Answer = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

interface Signature {
  readonly kid?: string;
  /** Signs with this key in place of the issuer's own. */
  readonly key?: CryptoKey;
}

/** An issuer that answers what a test tells it to, and counts how often it is asked. */
export async function startScriptedIssuer() {
  const asked: string[] = [];
  let { privateKey, publicKey } = await generateKeyPair('ES256');
  let kid = 'first';
  const own = async (): Promise<JWK> => ({ ...(await exportJWK(publicKey)), kid, alg: 'ES256', use: 'sig' });
  const usual = {
    metadata: (_request, response) => sendJson(response, { issuer: url, jwks_uri: `${url}/keys` }),
    keys: async (_request, response) => sendJson(response, { keys: [await own()] }),
  } satisfies Record<string, Answer>;
  const script: { metadata: Answer; keys: Answer } = { ...usual };

  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    const answer = request.url === '/keys' ? script.keys : request.url === '/.well-known/openid-configuration' ? script.metadata : notFound;
    void answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  return {
    url,
    asked,
    script,
    usual,
    own,
    token(signature: Signature = {}): Promise<string> {
      return new SignJWT({ client_id: 'desk', institution_id: INSTITUTION, scope: 'institution-users:read' })
        .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: signature.kid ?? kid })
        .setIssuer(url)
        .setAudience(AUDIENCE)
        .setSubject('agent-7')
        .setIssuedAt()
        .setExpirationTime('5m')
        .sign(signature.key ?? privateKey);
    },
    async changeKey(name: string): Promise<void> {
      ({ privateKey, publicKey } = await generateKeyPair('ES256'));
      kid = name;
    },
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export function sendJson(response: ServerResponse, body: unknown): void {
  response.setHeader('content-type', 'application/json').end(JSON.stringify(body));
}

const notFound: Answer = (_request, response) => void response.writeHead(404).end();

export type ScriptedIssuer = Awaited<ReturnType<typeof startScriptedIssuer>>;
