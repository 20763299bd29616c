import { createUpstream, type UpstreamSettings } from '../../src/upstream/index.js';
import { answerJson, listenHttp, type Answer } from './upstream-server.js';
import { anywhere } from '../support/anywhere.js';

export const CLIENT_SECRET = 'the-client-secret';
const INSTITUTION = '00516';
export const call = { institutionId: INSTITUTION, customerId: '1234567890', correlationId: 'f8187c63-678f-4f0c-9263-46723794661a' };
export const guid = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/;

export interface BankScript {
  readonly status?: Answer;
  readonly unlock?: Answer;
  readonly settings?: Partial<UpstreamSettings>;
}

/** A bank with a token endpoint that numbers its tokens, and the client under test before it. */
export async function openBank({
  status = answering(200, '{"userStatus":{"locked":true}}'),
  unlock = answering(204, ''),
  settings = {},
}: BankScript = {}) {
  let tokensGiven = 0;
  const server = await listenHttp((response, heard, request) => {
    if (heard.path === '/token') return answerJson(response, 200, { access_token: `token-${(tokensGiven += 1)}`, expires_in: 3_600 });
    return (heard.method === 'PUT' ? unlock : status)(response, heard, request);
  });
  const upstream = createUpstream({
    baseUrl: `${server.url}/digitalbanking/ux-users`,
    unlockPath: '/v1/customers/{customerId}:unlock-user',
    statusPath: '/v1/customers/{customerId}?userIdType=CUSTOMER_ID',
    statusFlagsField: 'userStatus',
    classificationOverrides: [],
    tokenUrl: `${server.url}/token`,
    clientId: 'latchkey',
    clientSecret: CLIENT_SECRET,
    institutionId: INSTITUTION,
    customerIdPattern: /^[A-Za-z0-9_-]{1,64}$/u,
    timeoutMs: 30_000,
    outbound: anywhere,
    ...settings,
  });
  const calls = () => server.heard.filter(({ path }) => path !== '/token');
  const sendUnlock = async (customer = call) => {
    const got = await upstream.token(INSTITUTION);
    if (got.kind !== 'token') throw new Error(got.reason);
    return upstream.unlock({ leavesWithinMs: 30_000, ...customer }, got.token);
  };
  const close = async () => {
    await upstream.close();
    await server.close();
  };
  return { upstream, sendUnlock, calls, heard: server.heard, close };
}

export function answering(
  httpStatus: number,
  body: string,
  headers: Record<string, string> = { 'content-type': 'application/json' },
): Answer {
  return (response) => void response.writeHead(httpStatus, headers).end(body);
}
