import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openLatchkey, type Latchkey } from '../support/latchkey.js';

let latchkey: Latchkey;
beforeAll(async () => {
  latchkey = await openLatchkey();
});
afterAll(() => latchkey.close());

async function tryDry(customerId: string, more: object = {}) {
  const correlationId = randomUUID();
  const reply = await latchkey.call('/v1/unlocks', {
    method: 'POST',
    body: { customerId, dryRun: true, reason: 'only asking', ...more },
    headers: { correlationId },
  });
  return { ...reply, correlationId };
}

const rowsOf = (correlationId: string) =>
  latchkey.sql('select action, lock_status, reason, customer_id, actor_id, metadata from audit_event where correlation_id = $1', [
    correlationId,
  ]);

describe('a dry run', () => {
  it('says that an unlock would be sent, sends none, and is on record as what it is', async () => {
    const { status, body, correlationId } = await tryDry('locked-1');
    expect([status, body]).toEqual([
      200,
      expect.objectContaining({ dryRun: true, lockStatus: 'locked', diagnosis: null, wouldSendPut: true, expectedOutcome: 'unlocked' }),
    ]);
    expect(await rowsOf(correlationId)).toEqual([
      expect.objectContaining({ action: 'customer.unlock_dry_run', lock_status: 'locked', reason: 'only asking', customer_id: 'locked-1' }),
    ]);
    expect(latchkey.puts(correlationId)).toEqual([]);
    expect(await latchkey.executions.find(correlationId)).toBeNull();
    expect((await latchkey.call(`/v1/unlocks/${correlationId}`)).status).toBe(404);
  });

  it('leaves its correlationId free for the unlock itself', async () => {
    const { correlationId } = await tryDry('locked-2');
    expect((await latchkey.unlock('locked-2', correlationId)).status).toBe(204);
  });

  it('says that nothing would be sent for a customer who is not locked', async () => {
    latchkey.sandbox.customers.set('dry-open', { state: { locked: false } });
    expect((await tryDry('dry-open')).body).toMatchObject({ wouldSendPut: false, expectedOutcome: 'not_locked' });
  });

  it('says where an unlock alone would not help', async () => {
    latchkey.sandbox.customers.set('dry-held', { state: { onHold: true } });
    expect((await tryDry('dry-held')).body).toMatchObject({
      wouldSendPut: true,
      diagnosis: expect.stringMatching(/hold/),
      because: expect.stringMatching(/does not let the customer in/),
    });
  });

  it('of a customer whom the bank does not know is answered as the look at a lock status is, and is on record', async () => {
    const { status, body, correlationId } = await tryDry('nobody-at-all');
    expect([status, body]).toEqual([404, expect.objectContaining({ code: 'customer_not_found' })]);
    expect(await rowsOf(correlationId)).toEqual([expect.objectContaining({ action: 'customer.unlock_dry_run', lock_status: 'unknown' })]);
  });

  it('is held to the same rules as the request would be', async () => {
    expect((await tryDry('locked-3', { onBehalfOf: 'somebody' })).body).toMatchObject({ code: 'validation_failed' });
    expect((await tryDry('locked-3', { dryRun: 'yes' })).body).toMatchObject({
      code: 'validation_failed',
      errors: [{ pointer: '/dryRun', detail: 'must be true or false' }],
    });
  });

  it('that is false is an unlock', async () => {
    expect((await tryDry('locked-4', { dryRun: false })).status).toBe(202);
  });
});
