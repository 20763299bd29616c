import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request } from 'undici';
import type { CallerAnswer } from './evidence.js';
import { isAcceptance, outcomeIn } from './checks/answers.js';
import type { Ask } from './plan.js';

interface CallerParts {
  /** The front doors; a caller who gets no answer at one tries the next. */
  readonly urls: readonly string[];
  readonly token: () => Promise<string>;
  /** Ends every pursuit: what has no end by then has none. */
  readonly signal: AbortSignal;
  /** How long one pursuit may take, so that what is stuck does not hold up the rest. */
  readonly limitMs: number;
  /** Asks Temporal to cancel the workflow. */
  readonly cancel: (correlationId: string) => Promise<void>;
  /** Locks the customer at the bank, deliberately. */
  readonly lock: (customerId: string) => Promise<void>;
}

export interface Caller {
  /** Asks, and asks again under the same correlationId until it has heard how the request ended. */
  pursue(ask: Ask): Promise<void>;
  /** Every answer, in the order in which they came. */
  readonly answers: readonly CallerAnswer[];
  close(): Promise<void>;
}

interface Wish {
  readonly door: CallerAnswer['door'];
  readonly customerId: string;
  readonly correlationId: string;
  readonly patienceMs: number;
}

const AGAIN_MS = 200;
const LONGEST_PAUSE_MS = 3_000;
const READ_PATIENCE_MS = 3_000;
const TOKEN_LIFE_MS = 600_000;

/** An honest caller: where there was no answer or a fault of the house, it repeats under the same correlationId; it notes all it hears. */
export function createCaller({ urls, token, signal, limitMs, cancel, lock }: CallerParts): Caller {
  const dispatcher = new Agent({ connections: 256, pipelining: 1 });
  const answers: CallerAnswer[] = [];
  let turn = 0;
  let bearer: { readonly value: string; readonly untilMs: number } | null = null;

  async function currentToken(): Promise<string> {
    if (bearer === null || Date.now() > bearer.untilMs) bearer = { value: await token(), untilMs: Date.now() + TOKEN_LIFE_MS };
    return bearer.value;
  }

  async function call({ door, customerId, correlationId, patienceMs }: Wish): Promise<CallerAnswer> {
    const headers = { authorization: `Bearer ${await currentToken()}`, correlationid: correlationId };
    const url = urls[(turn += 1) % urls.length] ?? '';
    const either = AbortSignal.any([AbortSignal.timeout(patienceMs), signal]);
    const sentAtMs = Date.now();
    let answer: Pick<CallerAnswer, 'httpStatus' | 'code' | 'told'> = { httpStatus: null, code: null, told: null };
    try {
      const response = await request(url + pathOf(door, customerId, correlationId), {
        dispatcher,
        signal: either,
        method: door === 'drop-in' ? 'PUT' : door === 'read' ? 'GET' : 'POST',
        headers: {
          ...headers,
          ...(door === 'post-wait' ? { prefer: 'wait=5' } : {}),
          ...(door === 'drop-in' || door === 'read' ? {} : { 'content-type': 'application/json' }),
        },
        ...(door === 'drop-in' || door === 'read' ? {} : { body: JSON.stringify({ customerId, reason: 'a chaos run' }) }),
      });
      answer = { httpStatus: response.statusCode, ...bodyOf(await response.body.text()) };
    } catch {
      // No answer: it may have been accepted.
    }
    const noted: CallerAnswer = { correlationId, customerId, door, sentAtMs, ...answer };
    answers.push(noted);
    return noted;
  }

  async function onAcceptance({ correlationId, customerId, withImpostor, cancelAfterMs }: Ask): Promise<void> {
    if (withImpostor) await call({ door: 'impostor', customerId: `not-${customerId}`, correlationId, patienceMs: READ_PATIENCE_MS });
    if (cancelAfterMs === null) return;
    await sleep(cancelAfterMs);
    // Noted before: nobody knows whether it arrives.
    answers.push({ correlationId, customerId, door: 'cancel', sentAtMs: Date.now(), httpStatus: null, code: null, told: null });
    await cancel(correlationId).catch(() => undefined);
  }

  return {
    answers,
    async pursue(ask) {
      const { correlationId, customerId, door, copies, patienceMs } = ask;
      let sideShow: Promise<void> | null = null;
      const untilMs = performance.now() + limitMs;
      for (let round = 0; !signal.aborted && performance.now() < untilMs; round += 1) {
        const reads = sideShow !== null && door !== 'drop-in';
        const wish = {
          door: reads ? ('read' as const) : door,
          customerId,
          correlationId,
          patienceMs: reads ? READ_PATIENCE_MS : patienceMs,
        };
        const heard = await Promise.all(Array.from({ length: round === 0 ? copies : 1 }, () => call(wish)));
        if (heard.some(isAcceptance)) sideShow ??= onAcceptance(ask);
        const outcome = heard.map(outcomeIn).find((told) => told !== null);
        if (outcome !== undefined) {
          if (outcome === 'unlocked' && ask.lockedAfterwards) await lock(customerId);
          break;
        }
        await sleep(Math.min(LONGEST_PAUSE_MS, AGAIN_MS * 2 ** round));
      }
      await sideShow;
    },
    close: () => dispatcher.destroy(),
  };
}

function pathOf(door: Wish['door'], customerId: string, correlationId: string): string {
  if (door === 'drop-in') return `/v1/customers/${customerId}:unlock-user`;
  return door === 'read' ? `/v1/unlocks/${correlationId}` : '/v1/unlocks';
}

interface Body {
  readonly code?: unknown;
  readonly state?: unknown;
  readonly outcome?: unknown;
  readonly attempts?: unknown;
}

/** @throws where the body is cut short: then there was no whole answer */
function bodyOf(text: string): Pick<CallerAnswer, 'code' | 'told'> {
  if (text === '') return { code: null, told: null };
  const { code, state, outcome, attempts } = JSON.parse(text) as Body;
  const told =
    typeof state === 'string' && Array.isArray(attempts)
      ? { state, outcome: typeof outcome === 'string' ? outcome : null, attempts: attempts.length }
      : null;
  return { code: typeof code === 'string' ? code : null, told };
}
