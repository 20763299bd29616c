import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Observer } from '../domain/observer.js';
import { waitMs } from '../domain/retry-after.js';
import { exchange, parseJson, type Dispatcher } from '../outbound/index.js';
import { inCallSpan } from './call-span.js';
import { madeCall } from './made-call.js';

export interface TokenSettings {
  readonly tokenUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly institutionId: string;
  readonly timeoutMs: number;
  readonly tellsTrace?: boolean;
  readonly observer: Observer;
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
  /**
   * The current token, fetched if there is none or it is about to expire; one fetch at a time, however many ask. Where a fetch failed, nobody
   * fetches until the back-off is over: the token that is about to expire is given as long as it lives, else the failure is told again.
   */
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
/** Between fetches that fail; a `Retry-After` of the token endpoint is honoured up to a minute. */
const BACK_OFF = { initialIntervalMs: 500, maxIntervalMs: 15_000, retryAfterMaxMs: 60_000 };

/** How the client names itself (RFC 7617). */
export function basicCredentials({ clientId, clientSecret }: Pick<TokenSettings, 'clientId' | 'clientSecret'>): string {
  return Buffer.from(`${clientId}:${clientSecret}`).toString('base64');
}

type Unavailable = Extract<TokenResult, { kind: 'unavailable' }>;

export function createTokenSource(settings: TokenSettings, dispatcher: Dispatcher): TokenSource {
  let current: (BankToken & { readonly refreshAtMs: number; readonly expiresAtMs: number }) | undefined;
  let failed: { readonly result: Unavailable; readonly count: number; readonly untilMs: number } | undefined;
  let inFlight: Promise<TokenResult> | undefined;
  let generation = 0;

  const tokenUrl = new URL(settings.tokenUrl);
  const span = {
    endpoint: 'token',
    method: 'POST',
    url: tokenUrl,
    template: tokenUrl.pathname,
    tellsTrace: settings.tellsTrace ?? false,
  } as const;

  async function fetchToken(): Promise<TokenResult> {
    const askedMs = performance.now();
    const answer = await inCallSpan(span, async ({ headers, answered }) =>
      answered(
        await exchange({
          dispatcher,
          url: tokenUrl,
          method: 'POST',
          headers: {
            authorization: `Basic ${basicCredentials(settings)}`,
            'content-type': 'application/x-www-form-urlencoded',
            accept: 'application/json',
            institutionId: settings.institutionId,
            transactionid: randomUUID(),
            ...headers,
          },
          body: 'grant_type=client_credentials',
          timeoutMs: settings.timeoutMs,
        }),
      ),
    );
    settings.observer.bankCalled(madeCall('token', answer));
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
    current = { value: parsed.data.access_token, generation, refreshAtMs: askedMs + lifeMs - earlyMs, expiresAtMs: askedMs + lifeMs };
    return { kind: 'token', token: current };
  }

  async function fetchOrBackOff(): Promise<TokenResult> {
    const result = await fetchToken();
    if (result.kind === 'token') {
      failed = undefined;
      return result;
    }
    const count = (failed?.count ?? 0) + 1;
    const wait = { kind: 'back_off', failures: count - 1, retryAfterMs: result.retryAfterMs } as const;
    failed = { result, count, untilMs: performance.now() + waitMs(wait, BACK_OFF, Math.random()) };
    return result;
  }

  return {
    async get() {
      if (current !== undefined && performance.now() < current.refreshAtMs) return { kind: 'token', token: current };
      let result: TokenResult;
      if (failed !== undefined && performance.now() < failed.untilMs) {
        result = failed.result;
      } else {
        inFlight ??= fetchOrBackOff().finally(() => {
          inFlight = undefined;
        });
        result = await inFlight;
      }
      if (result.kind === 'token' || current === undefined || performance.now() >= current.expiresAtMs) return result;
      return { kind: 'token', token: current };
    },
    invalidate(stale) {
      if (current?.generation === stale) current = undefined;
    },
  };
}
