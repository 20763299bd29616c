import type { IncomingMessage } from 'node:http';
import { parseCorrelationId } from '../domain/unlock-request.js';
import type { BankTokens } from './bank-tokens.js';
import { basicCredentials, header } from './exchange.js';
import { errorAnswer } from './script-player.js';
import type { BankAnswer } from './script-player.js';

/** The account that the bank knows its caller by. */
export interface BankAccount {
  readonly institutionId: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Still taken while it is being replaced. */
  readonly previousClientSecret?: string | undefined;
}

const isGuid = (text: string | null): boolean => text !== null && parseCorrelationId(text) !== null;

/** @returns the refusal of a token request; null where a token may be given */
export function refuseTokenRequest(request: IncomingMessage, form: string, account: BankAccount): BankAnswer | null {
  if (!/^application\/x-www-form-urlencoded\b/i.test(header(request, 'content-type') ?? '')) {
    return errorAnswer(415, 'CMN_90005', 'The token request must be application/x-www-form-urlencoded');
  }
  const credentials = basicCredentials(request);
  const secrets = [account.clientSecret, account.previousClientSecret];
  if (credentials?.id !== account.clientId || !secrets.includes(credentials.secret)) {
    return errorAnswer(401, 'CMN_90001', 'Client credentials are not valid');
  }
  if (new URLSearchParams(form).get('grant_type') !== 'client_credentials') {
    return errorAnswer(400, 'CMN_90005', 'grant_type must be client_credentials');
  }
  if (header(request, 'institutionid') !== account.institutionId) {
    return errorAnswer(400, 'CMN_90005', 'institutionId header is missing or unknown');
  }
  return refuseTransactionId(request);
}

/** @returns the refusal of a call without a good bearer token, or for another institution; null where it may go on */
export function refuseCaller(request: IncomingMessage, tokens: BankTokens, institutionId: string): BankAnswer | null {
  const token = /^Bearer +([A-Za-z0-9._~+/=-]+)$/i.exec(header(request, 'authorization') ?? '')?.[1];
  if (token === undefined) return errorAnswer(401, 'UXU_10001', 'Authorization header is missing or holds no bearer token');
  const verdict = tokens.check(token);
  if (verdict === 'unknown') return errorAnswer(401, 'UXU_10001', 'Invalid JWT');
  if (verdict === 'expired') return errorAnswer(401, 'UXU_10003', 'JWT expired');
  if (verdict === 'revoked') return errorAnswer(401, 'CMN_90018', 'Invalid token');
  const named = header(request, 'institutionid') ?? institutionId;
  return named === institutionId ? null : errorAnswer(403, 'UXU_10002', 'The token is for another institution');
}

export function refuseCorrelationId(request: IncomingMessage): BankAnswer | null {
  const correlationId = header(request, 'correlationid');
  if (correlationId === null || correlationId === '') return errorAnswer(400, 'UXU_10006', 'correlationId is missing');
  return isGuid(correlationId) ? null : errorAnswer(400, 'UXU_10007', 'correlationId is not a GUID');
}

export function refuseTransactionId(request: IncomingMessage): BankAnswer | null {
  return isGuid(header(request, 'transactionid')) ? null : errorAnswer(400, 'CMN_90005', 'transactionId header is missing or not a GUID');
}
