import { setMaxListeners } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createBank } from './bank.js';
import { createBankTokens } from './bank-tokens.js';
import { createCallLog } from './call-log.js';
import type { BankCall } from './call-log.js';
import { createControl } from './control.js';
import { createCustomers } from './customers.js';
import type { Customers } from './customers.js';
import { defaultCustomers } from './default-customers.js';
import { exchangeOf, sendJson } from './exchange.js';
import type { Handler } from './exchange.js';
import { createIssuer } from './issuer.js';
import type { Issuer } from './issuer.js';
import { createLogin, DESK_CLIENT_ID } from './issuer-login.js';
import { createIssuerEndpoints } from './issuer-endpoints.js';
import { openJournal } from './journal.js';
import type { CustomerSetup } from './script.js';

export type { BankCall } from './call-log.js';
export type { Customers } from './customers.js';
export type { CustomerSetup } from './script.js';

const BANK_PATH = '/digitalbanking/ux-users';
const TOKEN_PATH = '/digitalbanking/oauth2/v1/token';

export interface SandboxOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** 0 (default): any free one. */
  readonly port?: number;
  /** Under which others reach it, without a slash at the end; by default where it listens. Tokens name their issuer by it. */
  readonly publicUrl?: string;
  /** Takes one line for each call of the bank that is over. */
  readonly log?: (line: string) => void;
  /** Added to the default customers, or replacing them by id. */
  readonly customers?: Readonly<Record<string, CustomerSetup>>;
  readonly institutionId?: string;
  /** The bank's client, as Latchkey logs in there. */
  readonly clientId?: string;
  readonly clientSecret?: string;
  /** Still taken while it is being replaced. */
  readonly previousClientSecret?: string;
  /** Audience of callers' tokens. */
  readonly audience?: string;
  /** How long a token of the bank is good (default 3600). */
  readonly tokenTtlSeconds?: number;
  /** How long an access token of somebody who signed in is good (default 300). */
  readonly deskTokenSeconds?: number;
  /** A file where customers and calls are kept beyond the end of the process, however it ends; tokens are not. */
  readonly journalFile?: string;
}

/** A running sandbox: a simulated bank and a token issuer on one port. Nothing but its journal outlives `close`. */
export interface Sandbox extends Pick<Issuer, 'mintToken' | 'rotateKey'> {
  readonly url: string;
  readonly port: number;
  readonly bankBaseUrl: string;
  readonly bankTokenUrl: string;
  readonly issuerUrl: string;
  readonly institutionId: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly audience: string;
  /** The client by which people sign in; it has no secret. */
  readonly deskClientId: string;
  /** The bank's customers: set a state and script, look at them, put them back. */
  readonly customers: Customers;
  /** The bank's log of every call, oldest first. */
  calls(): BankCall[];
  clearCalls(): void;
  /** Makes every bank token given out so far worthless; tells how many were good. */
  revokeTokens(): number;
  /** Ends at once: waiting answers are dropped and open sockets closed. May be called again. */
  close(): Promise<void>;
}

/** @throws where the port is taken (EADDRINUSE) or the journal cannot be used, or ZodError where a customer is malformed */
export async function createSandbox({
  host = '127.0.0.1',
  port = 0,
  publicUrl,
  log = () => undefined,
  customers: added = {},
  institutionId = 'sandbox-bank',
  clientId = 'latchkey',
  clientSecret = 'sandbox-secret',
  previousClientSecret,
  audience = 'latchkey',
  tokenTtlSeconds = 3600,
  deskTokenSeconds = 300,
  journalFile,
}: SandboxOptions = {}): Promise<Sandbox> {
  const closing = new AbortController();
  // One listener for each answer that waits: any number is fine.
  setMaxListeners(0, closing.signal);
  const memory = journalFile === undefined ? null : openJournal(journalFile);
  const customers = createCustomers(
    { ...defaultCustomers, ...added },
    memory === null ? {} : { kept: memory.kept.changes, noted: memory.journal.customer },
  );
  const tokens = createBankTokens({ ttlSeconds: tokenTtlSeconds });
  const calls = createCallLog(memory === null ? {} : { kept: memory.kept.calls, noted: memory.journal.call });
  let url = '';
  const issuerUrl = (): string => `${url}/issuer`;
  const issuer = await createIssuer({ issuerUrl, audience, institutionId });

  const account = { institutionId, clientId, clientSecret, previousClientSecret };
  const bank = createBank({ account, customers, tokens, calls, closing: closing.signal, log });
  const control = createControl({ customers, tokens, calls });
  const login = createLogin({ issuer, issuerUrl, tokenSeconds: deskTokenSeconds });
  const issuerEndpoints = createIssuerEndpoints({ issuer, issuerUrl, login });
  const welcome: Handler = async ({ response }) =>
    sendJson(response, 200, { bank: `${url}${BANK_PATH}`, issuer: issuerUrl(), control: `${url}/control` });
  const handlerOf = (path: string): Handler => {
    if (path === '/') return welcome;
    if (/^\/control(?:\/|$)/.test(path)) return control;
    return /^\/(?:issuer|\.well-known)(?:\/|$)/.test(path) ? issuerEndpoints : bank;
  };

  const server = createServer((request, response) => {
    const exchange = exchangeOf(request, response);
    handlerOf(exchange.path)(exchange).catch((error: unknown) => {
      const callerLeft = closing.signal.aborted || response.destroyed || response.headersSent;
      if (callerLeft) return response.destroy();
      log(`sandbox fault: ${String(error)}`);
      sendJson(response, 500, { status: 500, message: 'The sandbox itself failed' });
    });
  });
  // Longer than any client keeps an idle connection, so that a reset is always a scripted one.
  server.keepAliveTimeout = 120_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.once('listening', resolve);
    server.listen(port, host);
  });
  const bound = boundPort(server.address());
  const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  url = publicUrl ?? `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${bound}`;

  return {
    url,
    port: bound,
    bankBaseUrl: `${url}${BANK_PATH}`,
    bankTokenUrl: `${url}${TOKEN_PATH}`,
    issuerUrl: issuerUrl(),
    ...account,
    audience,
    deskClientId: DESK_CLIENT_ID,
    customers,
    calls: calls.list,
    clearCalls: calls.clear,
    revokeTokens: tokens.revoke,
    mintToken: issuer.mintToken,
    rotateKey: issuer.rotateKey,
    async close() {
      closing.abort();
      if (!server.listening) return;
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
      // The last calls are noted as their connections close.
      await new Promise((resolve) => setImmediate(resolve));
      memory?.journal.close();
    },
  };
}

function boundPort(address: AddressInfo | string | null): number {
  if (address === null || typeof address === 'string') throw new Error('the sandbox listens on no TCP port');
  return address.port;
}
