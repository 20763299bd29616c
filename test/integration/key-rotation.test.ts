import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { unlockWorkflowId } from '../../src/domain/unlock-request.js';
import { eventually } from '../support/eventually.js';
import { historyText } from '../support/history-text.js';
import { inShort, openLatchkey, PAYLOAD_KEYS, type Latchkey } from '../support/latchkey.js';

const NEXT_KEY = `next:${Buffer.alloc(32, 8).toString('base64')}`;
const OLD_SECRET = 'the secret before';
let latchkey: Latchkey;
beforeAll(async () => {
  // The API knows both already, as the first step of a rotation has it.
  latchkey = await openLatchkey({
    withWorker: false,
    payloadKeys: `${PAYLOAD_KEYS},${NEXT_KEY}`,
    previousClientSecret: OLD_SECRET,
    budget: { maxAttempts: 50 },
  });
});
afterAll(() => latchkey.close());

/** An unlock that has tried, and will again. */
async function acceptAndWait(customerId: string): Promise<string> {
  const correlationId = randomUUID();
  latchkey.sandbox.customers.set(customerId, { script: [{ httpStatus: 503, times: 'always' }] });
  const wish = { method: 'POST', body: { customerId }, headers: { correlationId } };
  expect((await latchkey.call('/v1/unlocks', wish)).status).toBe(202);
  await eventually(async () => expect(inShort(await latchkey.story(correlationId))).toContain('attempt_finished 2 retryable 503'));
  return correlationId;
}

const unlocked = (correlationId: string) =>
  eventually(
    async () =>
      expect(await latchkey.call(`/v1/unlocks/${correlationId}`)).toMatchObject({ body: { state: 'completed', outcome: 'unlocked' } }),
    { limitMs: 60_000 },
  );

describe('unlocks under way', () => {
  it('outlive a change of the payload keys, and what was encrypted before and after is read', async () => {
    const before = await latchkey.addWorker({ payloadKeys: PAYLOAD_KEYS });
    const correlationId = await acceptAndWait('waits');
    await before.stop();
    latchkey.sandbox.customers.set('waits', {});
    const after = await latchkey.addWorker({ payloadKeys: `${NEXT_KEY},${PAYLOAD_KEYS}` });
    await unlocked(correlationId);

    const handle = latchkey.client.workflow.getHandle(unlockWorkflowId(correlationId));
    expect(await handle.result()).toMatchObject({ outcome: 'unlocked' });
    const history = historyText(await handle.fetchHistory());
    const keyIds = [...history.matchAll(/"encryption-key-id":"[^ "]+ (\w+)"/g)].map(([, keyId]) => keyId);
    expect(new Set(keyIds)).toEqual(new Set(['test', 'next']));
    await after.stop();
  }, 120_000);

  it('outlive a change of our secret at the bank, which takes both for a while, and of the token that came with it', async () => {
    const before = await latchkey.addWorker({ clientSecret: OLD_SECRET });
    const correlationId = await acceptAndWait('waits-for-the-secret');
    await before.stop();
    latchkey.sandbox.customers.set('waits-for-the-secret', {});
    const after = await latchkey.addWorker();
    await unlocked(correlationId);
    await after.stop();
  }, 120_000);
});
