import { once } from 'node:events';
import { createServer } from 'node:http';
import { exchangeOf, readBody, sendJson, type Exchange } from '../src/sandbox/exchange.js';
import { createIssuer } from '../src/sandbox/issuer.js';
import { createIssuerEndpoints } from '../src/sandbox/issuer-endpoints.js';
import { createLogin } from '../src/sandbox/issuer-login.js';
import { bankAccount } from './bank-account.js';

// A program of its own: a bank that answers in 3 ms, whose customers are all locked until they are unlocked, and an issuer of tokens.

const LATENCY_MS = 3;
const REMEMBERED = 100_000;
const CUSTOMER = /^\/v1\/customers\/([^/:]+)(:unlock-user)?$/;
const TOKEN = 'bench-bank-token';

const unlocked = new Set<string>();

function unlock(customerId: string): void {
  unlocked.add(customerId);
  const [oldest] = unlocked;
  // A set keeps the order of entry, so the oldest one is forgotten.
  if (unlocked.size > REMEMBERED && oldest !== undefined) unlocked.delete(oldest);
}

function customerAsJson(customerId: string): object {
  const locked = !unlocked.has(customerId);
  const userStatus = { active: true, onHold: false, locked, reset: false, registered: true, approved: true, rejected: false };
  return { customerId, loginId: `login-${customerId}`, firstName: 'Bea', lastName: 'Bench', userStatus, failedLoginCount: locked ? 5 : 0 };
}

interface Answer {
  readonly httpStatus: number;
  readonly body: object | null;
}

const refusal = (httpStatus: number, code: string, message: string): Answer => ({
  httpStatus,
  body: { status: httpStatus, message, code },
});

function answerCustomer({ request, method }: Exchange, customerId: string, isUnlock: boolean): Answer {
  const { authorization, correlationid: correlationId } = request.headers;
  if (authorization !== `Bearer ${TOKEN}`) return refusal(401, 'UXU_10001', 'Invalid JWT');
  if (correlationId === undefined) return refusal(400, 'UXU_10006', 'correlationId is missing');
  if (method === 'GET' && !isUnlock) return { httpStatus: 200, body: customerAsJson(customerId) };
  if (method !== 'PUT' || !isUnlock) return refusal(405, 'CMN_90005', 'Method not allowed');
  unlock(customerId);
  return { httpStatus: 204, body: null };
}

function answerOf(exchange: Exchange): Answer {
  if (exchange.path === '/token') return { httpStatus: 200, body: { access_token: TOKEN, token_type: 'Bearer', expires_in: 3600 } };
  const [, customerId, verb] = CUSTOMER.exec(exchange.path) ?? [];
  return customerId === undefined
    ? refusal(404, 'UXU_10000', 'No such resource')
    : answerCustomer(exchange, customerId, verb !== undefined);
}

let url = '';
const issuerUrl = () => `${url}/issuer`;
const issuer = await createIssuer({ issuerUrl, audience: bankAccount.audience, institutionId: bankAccount.institutionId });
const login = createLogin({ issuer, issuerUrl, tokenSeconds: 300 });
const issuerEndpoints = createIssuerEndpoints({ issuer, issuerUrl, login });

async function answer(exchange: Exchange): Promise<void> {
  const { request, response, path } = exchange;
  if (/^\/(issuer|\.well-known)\//.test(path)) {
    await issuerEndpoints(exchange);
    return;
  }
  // A collector too, that keeps nothing.
  if (path === '/v1/traces') {
    request.resume().on('end', () => response.writeHead(200).end());
    return;
  }
  await readBody(request, 1024);
  await new Promise((resolve) => setTimeout(resolve, LATENCY_MS));
  const { httpStatus, body } = answerOf(exchange);
  if (body === null) response.writeHead(httpStatus).end();
  else sendJson(response, httpStatus, body);
}

const server = createServer((request, response) => {
  answer(exchangeOf(request, response)).catch(() => response.destroy());
});
// Longer than a client keeps an idle connection: none is reset under a call.
server.keepAliveTimeout = 120_000;
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const address = server.address();
if (address === null || typeof address === 'string') throw new Error('the bank listens on no port');
url = `http://127.0.0.1:${address.port}`;
process.stdout.write(`bank ${url}\n`);
process.once('SIGTERM', () => process.exit(0));
