import { randomUUID } from 'node:crypto';
import type { Dispatcher } from 'undici';
import { z } from 'zod';
import { exchange, parseJson } from './exchange.js';

export interface TokenSettings {
  readonly tokenUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly institutionId: string;
  readonly timeoutMs: number;
}

/** A token for the bank; `generation` tells it from the ones before and after. */
export interface BankToken {
  readonly value: string;
  readonly generation: number;
}

export type TokenResult =
  | { readonly kind: 'token'; readonly token: BankToken }
  | { readonly kind: 'unavailable'; readonly httpStatus: number | null; readonly retryAfterMs: number | null; readonly reason: string };

/** The bank's token, cached; it never leaves the worker's memory. */
export interface TokenSource {
  /** The current token, fetched if there is none or it is about to expire; one fetch at a time, however many ask. */
  get(): Promise<TokenResult>;
  /** Drops the token if it still is of this generation: a newer one, fetched meanwhile, stays. */
  invalidate(generation: number): void;
}

// What the token endpoint answers (RFC 6749, 5.1); the value goes into a header, so only its characters are let through.
const tokenAnswer = z.object({
  access_token: z.string().regex(/^[\x21-\x7e]+$/),
  token_type: z
    .string()
    .regex(/^bearer$/i)
    .optional(),
  expires_in: z.coerce.number().positive().catch(300),
});

const EARLY_MS = 30_000;
const EARLY_JITTER_MS = 10_000;

export function createTokenSource(settings: TokenSettings, dispatcher: Dispatcher): TokenSource {
  let current: (BankToken & { readonly refreshAtMs: number }) | undefined;
  let inFlight: Promise<TokenResult> | undefined;
  let generation = 0;

  async function fetchToken(): Promise<TokenResult> {
    const answer = await exchange({
      dispatcher,
      url: new URL(settings.tokenUrl),
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from(`${settings.clientId}:${settings.clientSecret}`).toString('base64')}`,
        'content-type': 'application/x-www-form-urlencoded',
        accept: 'application/json',
        institutionId: settings.institutionId,
        transactionid: randomUUID(),
      },
      body: 'grant_type=client_credentials',
      timeoutMs: settings.timeoutMs,
    });
    if (answer.kind !== 'answered') {
      return { kind: 'unavailable', httpStatus: null, retryAfterMs: null, reason: `the bank's token endpoint: ${answer.reason}` };
    }
    const { httpStatus, retryAfterMs } = answer;
    const parsed = httpStatus === 200 ? tokenAnswer.safeParse(parseJson(answer.body)) : undefined;
    if (parsed?.success !== true) {
      const what = parsed === undefined ? `answered ${httpStatus}` : 'answered without a usable token';
      return { kind: 'unavailable', httpStatus, retryAfterMs, reason: `the bank's token endpoint ${what}` };
    }
    const lifeMs = parsed.data.expires_in * 1000;
    const earlyMs = Math.min(EARLY_MS + Math.random() * EARLY_JITTER_MS, lifeMs / 2);
    generation += 1;
    current = { value: parsed.data.access_token, generation, refreshAtMs: performance.now() + lifeMs - earlyMs };
    return { kind: 'token', token: current };
  }

  return {
    async get() {
      if (current !== undefined && performance.now() < current.refreshAtMs) return { kind: 'token', token: current };
      inFlight ??= fetchToken().finally(() => {
        inFlight = undefined;
      });
      return inFlight;
    },
    invalidate(stale) {
      if (current?.generation === stale) current = undefined;
    },
  };
}
