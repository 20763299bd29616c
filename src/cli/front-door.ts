import { z } from 'zod';
import type { Config } from '../config.js';
import { parseRetryAfter } from '../domain/retry-after.js';
import type { Scope } from '../http/auth.js';
import { problemSchema } from '../http/problem.js';
import { CallFailure, noAnswer, noToken, refusal, strangeAnswer } from './call-failure.js';

interface OpenCall {
  /** With its query, from the root. */
  readonly path: string;
  /** What the token must allow. */
  readonly scope: Scope;
  readonly method?: 'GET' | 'POST';
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** A call of which the whole answer is wanted at once. */
export interface Call<Answer> extends OpenCall {
  readonly answer: z.ZodType<Answer>;
}

/** The front door, as the commands for people call it. */
export interface FrontDoor {
  readonly origin: string;
  /**
   * @throws CallFailure in words; whatever the signal's reason is where it was aborted
   */
  readonly ask: <Answer>(call: Call<Answer>) => Promise<Answer>;
  /**
   * Leaves the body of the answer, however long it is, to the caller.
   * @throws CallFailure in words
   */
  readonly open: (call: OpenCall) => Promise<Response>;
}

interface FrontDoorParts {
  readonly config: Pick<Config, 'LATCHKEY_URL' | 'LATCHKEY_TOKEN'>;
  /** What is shown on a terminal must not steer it; what a program reads stays as it came. */
  readonly forTerminal: boolean;
}

const DEFAULT_URL = 'http://127.0.0.1:3000';
const ANSWER_LIMIT_MS = 30_000;
const problem = z.object(problemSchema.shape);

export function createFrontDoor({ config: { LATCHKEY_URL, LATCHKEY_TOKEN = '' }, forTerminal }: FrontDoorParts): FrontDoor {
  const { origin } = new URL(LATCHKEY_URL ?? DEFAULT_URL);

  async function open({ path, scope, method = 'GET', body, headers = {}, signal }: OpenCall): Promise<Response> {
    // fetch would complain of it in words that quote it.
    if (!/^[\x21-\x7e]+$/.test(LATCHKEY_TOKEN)) throw noToken(scope);
    const json: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' };
    const response = await fetch(new URL(path, origin), {
      method,
      headers: { authorization: `Bearer ${LATCHKEY_TOKEN}`, ...json, ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
      // The token goes nowhere else.
      redirect: 'manual',
    }).catch((error: unknown) => {
      throw noAnswer(origin, error);
    });
    if (response.ok) return response;
    const retryAfterMs = parseRetryAfter(response.headers.get('retry-after'), Date.now());
    const told = problem.safeParse(parsed(await response.text().catch(() => ''), true));
    const { status: httpStatus } = response;
    throw told.success ? refusal({ httpStatus, problem: told.data, retryAfterMs, scope }) : strangeAnswer(origin, httpStatus, retryAfterMs);
  }

  return {
    origin,
    open,
    async ask({ answer, signal, ...call }) {
      const limit = AbortSignal.timeout(ANSWER_LIMIT_MS);
      try {
        const response = await open({ ...call, signal: signal === undefined ? limit : AbortSignal.any([signal, limit]) });
        const text = await response.text().catch((error: unknown) => {
          throw noAnswer(origin, error);
        });
        const read = answer.safeParse(parsed(text, forTerminal));
        if (read.success) return read.data;
        throw new CallFailure(`${origin} answers in a form that this command does not know`, {
          kind: 'not_understood',
          advice: ['Is it a front door of Latchkey, and of the same version as this command?'],
        });
      } catch (error) {
        signal?.throwIfAborted();
        throw error;
      }
    },
  };
}

// Escape sequences, and marks that turn the direction of writing round.
const STEERING = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

function parsed(text: string, forTerminal: boolean): unknown {
  const escaped = (character: string): string => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`;
  try {
    return JSON.parse(text, (_key, value: unknown) =>
      forTerminal && typeof value === 'string' ? value.replace(STEERING, escaped) : value,
    );
  } catch {
    return null;
  }
}
