import { randomUUID } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { WorkflowNotFoundError } from '@temporalio/client';
import type { CrashHouse } from './house.js';
import { ways, type Component, type Way, type WayName } from './places.js';

/** One unlock on its way, and how its caller fares. */
export interface Unlock {
  readonly way: WayName;
  readonly correlationId: string;
  readonly customerId: string;
  /** What the caller was told at last: as a caller of the bank's own endpoint reads it. */
  readonly told: Promise<string>;
  /** False where it was over without having come by the place at which it was to be held. */
  readonly reached: Promise<boolean>;
  /** Resolves when everything has run that this way lets run beside. */
  readonly over: Promise<unknown>;
}

export interface Held {
  readonly component: Component;
  readonly before: string;
  /** Called while the request is held there; it goes on when this resolves. */
  readonly then: (unlock: Unlock) => Promise<void>;
}

const CONCLUSIVE_WITHIN_MS = 150_000;
const ANSWER_WITHIN_MS = 25_000;
const ASK_AGAIN_MS = 200;
const WAITS_BY_THEN_MS = 3_000;
/** After the caller was told: a message may still be on its way, and a straggler has the rest of its way before it. */
const PASSES_MS = 1_000;
const STRAGGLES_MS = 20_000;

/** Sends unlocks down their ways. */
export function createUnlocks(house: CrashHouse, tokens: { readonly first: string; readonly second: string }) {
  const { sandbox, ways: wires, parts, client } = house;

  /** As an honest caller: without a conclusive answer it asks again under the same correlationId. */
  async function ask(customerId: string, correlationId: string, token: string): Promise<string> {
    const untilMs = Date.now() + CONCLUSIVE_WITHIN_MS;
    for (;;) {
      const outcome = outcomeOf(
        await put(wires.api.port, `/v1/customers/${customerId}:unlock-user`, { correlationId, authorization: `Bearer ${token}` }),
      );
      if (outcome !== null) return outcome;
      if (Date.now() > untilMs) return 'no conclusive answer';
      await sleep(ASK_AGAIN_MS);
    }
  }

  /** Starts one unlock; with `held` it stops at that place for what is to happen there. */
  async function begin(way: WayName, held?: Held): Promise<Unlock> {
    const correlationId = randomUUID();
    const customerId = `c-${correlationId}`;
    const { customer, holdsAnswer, isCancelled, straggling }: Way = ways[way];
    sandbox.customers.set(customerId, customer);
    if (way === 'joined') await ask(customerId, correlationId, tokens.first);

    const beside: Promise<unknown>[] = [];
    const stops: (() => void)[] = [];
    if (holdsAnswer === true) {
      await parts.worker.hold(correlationId, 'after PUT');
      const { worker } = parts;
      stops.push(once(house, correlationId, 'worker report outcome', () => worker.go(correlationId)));
    }
    if (isCancelled === true) {
      stops.push(
        once(house, correlationId, 'worker report wait', () => beside.push(cancel(correlationId))),
        // A wait that is missed is no reason to go on for ever; the bank asked for a longer one.
        once(house, correlationId, 'worker report send', () => beside.push(sleep(WAITS_BY_THEN_MS).then(() => cancel(correlationId)))),
      );
    }
    const part = held === undefined ? undefined : parts[held.component];
    // The one who joined has been here before.
    const place = held === undefined ? '' : way === 'joined' ? seenAgain(held.before) : held.before;
    if (part !== undefined) await part.hold(correlationId, place);
    let reached = Promise.resolve(true);
    const told = ask(customerId, correlationId, way === 'joined' ? tokens.second : tokens.first);
    const unlock: Unlock = {
      way,
      correlationId,
      customerId,
      told,
      get reached() {
        return reached;
      },
      get over() {
        return Promise.all([told, ...beside]).finally(() => stops.forEach((stop) => stop()));
      },
    };
    if (part !== undefined && held !== undefined) {
      const isHeld = part.held(correlationId, place).then(() => true);
      const passedBy = told.then(() => sleep(straggling?.includes(held.before) === true ? STRAGGLES_MS : PASSES_MS, false));
      reached = Promise.race([isHeld, passedBy]);
      beside.push(
        reached.then(async (isThere) => {
          if (!isThere) return;
          await held.then(unlock);
          part.go(correlationId);
        }),
      );
    }
    return unlock;
  }

  async function cancel(correlationId: string): Promise<void> {
    for (;;) {
      try {
        await client.workflow.getHandle(`unlock-${correlationId}`).cancel();
        return;
      } catch (error) {
        // It has ended by itself.
        if (error instanceof WorkflowNotFoundError) return;
        await sleep(ASK_AGAIN_MS);
      }
    }
  }

  return { begin };
}

/** Before the second actor comes, the first has looked twice and was answered once. */
function seenAgain(before: string): string {
  return before === 'look' ? 'look #3' : before === 'answer' ? 'answer #2' : before;
}

function once(house: CrashHouse, correlationId: string, place: string, then: () => void): () => void {
  const stop = house.onPassing((id, passing) => {
    if (id !== correlationId || passing !== place) return;
    stop();
    then();
  });
  return stop;
}

interface Answer {
  readonly status: number;
  readonly code: string | null;
}

function put(port: number, path: string, headers: Readonly<Record<string, string>>): Promise<Answer | null> {
  return new Promise((resolve) => {
    const call = httpRequest(
      { host: '127.0.0.1', port, path, method: 'PUT', headers, agent: false, timeout: ANSWER_WITHIN_MS },
      (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('error', () => resolve(null));
        response.on('end', () => resolve(response.complete ? { status: response.statusCode ?? 0, code: codeIn(text) } : null));
      },
    );
    call.on('error', () => resolve(null));
    call.on('timeout', () => call.destroy());
    call.end();
  });
}

function codeIn(text: string): string | null {
  try {
    return (JSON.parse(text) as { code?: string }).code ?? null;
  } catch {
    return null;
  }
}

/** The outcome that an answer of the drop-in endpoint tells; null where it tells none. */
function outcomeOf(answer: Answer | null): string | null {
  if (answer === null) return null;
  const { status, code } = answer;
  if (status === 204) return 'unlocked';
  if (code === 'LATCHKEY_NOT_LOCKED') return 'not_locked';
  if (code === 'LATCHKEY_CANCELLED') return 'cancelled';
  if (code === 'LATCHKEY_RETRIES_EXHAUSTED') return 'failed';
  if (code === 'UXU_10000') return 'rejected';
  return code === 'LATCHKEY_STILL_RUNNING' || code === 'LATCHKEY_TEMPORARILY_UNAVAILABLE' ? null : `${status} ${code}`;
}
