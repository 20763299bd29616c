import { randomUUID } from 'node:crypto';
import { expect } from '@jest/globals';
import type { CustomerSetup } from '../../src/sandbox/index.js';
import type { TokenWish } from '../../src/sandbox/issuer.js';
import { eventually } from './eventually.js';
import type { Latchkey } from './latchkey.js';

/** Answers of the bank after which the next attempt is far away. */
export const muchLater = { httpStatus: 429, headers: { 'Retry-After': '300' } };

export const REASON = 'The bank says that it is back';

/** The answer of an action that has nothing to act on. */
export const nothing = (because: RegExp) => ({
  httpStatus: 409,
  body: { code: 'nothing_to_act_on', detail: expect.stringMatching(because) },
});

type Action = 'cancel' | 'retry-now' | 'pause' | 'resume';

/** Unlock requests as an operator meets them. */
export function steering(latchkey: () => Latchkey) {
  const token = (wish: TokenWish): Promise<string> => latchkey().sandbox.mintToken({ subject: 'olga', name: 'Olga Operator', ...wish });

  async function begin(customerId: string, script: CustomerSetup['script'] = []) {
    const correlationId = randomUUID();
    latchkey().sandbox.customers.set(customerId, { ...(script === undefined ? {} : { script }) });
    const begun = await latchkey().call('/v1/unlocks', { method: 'POST', body: { customerId }, headers: { correlationId } });
    expect(begun.status).toBe(202);
    const handle = latchkey().client.workflow.getHandle(`unlock-${correlationId}`);
    const pending = async () => (await handle.describe()).raw.pendingActivities?.[0];
    const puts = () => latchkey().puts(correlationId);
    return {
      correlationId,
      handle,
      pending,
      puts,
      act: (action: Action, body: unknown = { reason: REASON }) => act(action, correlationId, body),
      /** Until Temporal waits for the next attempt. */
      waits: () => eventually(async () => expect((await pending())?.nextAttemptScheduleTime ?? null).not.toBeNull()),
      /** Until the bank has heard of so many PUTs. */
      hasSent: (count: number) => eventually(() => expect(puts()).toHaveLength(count)),
      /** The rows of operators' actions, in order. */
      acts: async () =>
        (await latchkey().audit.eventsOf(correlationId, latchkey().sandbox.institutionId)).events.filter(({ action }) =>
          /\.(cancel_requested|paused|resumed|retried_now)$/.test(action),
        ),
    };
  }

  async function act(action: Action, correlationId: string, body: unknown = { reason: REASON }, as: TokenWish = {}) {
    const reply = await latchkey().call(`/v1/unlocks/${correlationId}:${action}`, { method: 'POST', body, token: await token(as) });
    return { httpStatus: reply.status, headers: reply.headers, body: reply.body };
  }

  return { begin, act };
}
