import { randomUUID } from 'node:crypto';
import { Agent, request } from 'undici';
import * as z from 'zod';
import type { BankCall, CustomerSetup, Sandbox } from '../../src/sandbox/index.js';

export const tokenAnswer = z.object({
  access_token: z.string(),
  token_type: z.literal('Bearer'),
  expires_in: z.number(),
  scope: z.string(),
});
export const bankError = z.object({ status: z.number(), message: z.string(), code: z.string().optional() });

type Method = 'GET' | 'PUT' | 'POST' | 'DELETE';

export interface CallOptions {
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly signal?: AbortSignal;
}

export const basic = (id: string, secret: string): string => `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;

/** Calls a sandbox over real HTTP, as a client of the bank does, and looks at it from the inside. */
export function createBankCaller(sandbox: Sandbox) {
  const agent = new Agent();
  const { bankBaseUrl } = sandbox;

  const call = async (method: Method, url: string, { headers = {}, body, signal = AbortSignal.timeout(30_000) }: CallOptions = {}) => {
    const answer = await request(url, { dispatcher: agent, method, headers, signal, body: body ?? null });
    const text = await answer.body.text();
    return { httpStatus: answer.statusCode, headers: answer.headers, text, json: (): unknown => JSON.parse(text) };
  };
  const askForToken = (headers: Record<string, string> = {}, body = 'grant_type=client_credentials') =>
    call('POST', sandbox.bankTokenUrl, {
      headers: {
        authorization: basic(sandbox.clientId, sandbox.clientSecret),
        'content-type': 'application/x-www-form-urlencoded',
        institutionId: sandbox.institutionId,
        transactionid: randomUUID(),
        ...headers,
      },
      body,
    });
  /** A new token and ids for one good call. */
  const bankHeaders = async (): Promise<Record<string, string>> => {
    const { access_token: token } = tokenAnswer.parse((await askForToken()).json());
    const { institutionId } = sandbox;
    return { authorization: `Bearer ${token}`, correlationId: randomUUID(), institutionId, transactionId: randomUUID() };
  };
  const unlockUrl = (customerId: string): string => `${bankBaseUrl}/v1/customers/${customerId}:unlock-user`;
  const statusUrl = (customerId: string): string => `${bankBaseUrl}/v1/customers/${customerId}?userIdType=CUSTOMER_ID`;

  return {
    call,
    askForToken,
    bankHeaders,
    unlockUrl,
    statusUrl,
    unlock: async (customerId: string, options: CallOptions = {}) =>
      call('PUT', unlockUrl(customerId), { ...options, headers: { ...(await bankHeaders()), ...options.headers } }),
    readStatus: async (customerId: string) => call('GET', statusUrl(customerId), { headers: await bankHeaders() }),
    isLocked: (customerId: string): boolean | undefined => sandbox.customers.get(customerId)?.state.locked,
    newCustomer: (setup: CustomerSetup = {}): string => {
      const customerId = `c-${randomUUID()}`;
      sandbox.customers.set(customerId, setup);
      return customerId;
    },
    lastCallOf: (customerId: string): BankCall | undefined => sandbox.calls().findLast((entry) => entry.customerId === customerId),
    close: () => agent.destroy(),
  };
}

/** The code of the error that a call ends with. */
export async function codeOf(rejected: Promise<unknown>): Promise<string> {
  const error: unknown = await rejected.then(
    () => null,
    (reason: unknown) => reason,
  );
  const parsed = z.object({ code: z.string() }).safeParse(error);
  return parsed.success ? parsed.data.code : String(error);
}
