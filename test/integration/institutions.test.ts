import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { inShort, openLatchkey, type Latchkey } from '../support/latchkey.js';

const OTHER = 'another-bank';
let latchkey: Latchkey;
let usual: string;
/** Tokens of one who works for the other institution, and of one whose institution the front door serves and the worker does not. */
let others: string;
beforeAll(async () => {
  latchkey = await openLatchkey({
    others: [OTHER],
    settings: {
      unlockWaitMs: 20_000,
      institutions: new Map([
        ['sandbox-bank', { notLockedPolicy: 'reject', reasonRequired: false, sendQueue: null, relockWatchMs: null, repeatGuard: null }],
        [OTHER, { notLockedPolicy: 'accept', reasonRequired: true, sendQueue: null, relockWatchMs: null, repeatGuard: null }],
      ]),
    },
  });
  usual = await latchkey.sandbox.mintToken();
  others = await latchkey.sandbox.mintToken({ institutionId: OTHER, subject: 'oona' });
});
afterAll(() => latchkey.close());

const otherBank = () => {
  const [bank] = latchkey.otherSandboxes;
  if (bank === undefined) throw new Error('there is one bank only');
  return bank;
};

function put(customerId: string, token: string, correlationId: string = randomUUID()) {
  return latchkey.call(`/v1/customers/${customerId}:unlock-user`, { method: 'PUT', token, headers: { correlationId } });
}

describe('several institutions in one deployment', () => {
  it('each unlock goes to the bank of its own institution, with the credentials of that one', async () => {
    const [mine, theirs] = [randomUUID(), randomUUID()];
    latchkey.sandbox.customers.set('same-id', {});
    otherBank().customers.set('same-id', {});
    expect((await put('same-id', usual, mine)).status).toBe(204);
    expect(otherBank().calls()).toEqual([]);
    expect((await put('same-id', others, theirs)).status).toBe(204);
    // A bank takes no token but its own, from no client but its own.
    expect(latchkey.puts(mine)).toHaveLength(1);
    expect(latchkey.sandbox.calls().filter(({ correlationId }) => correlationId === theirs)).toEqual([]);
    const calls = otherBank().calls();
    expect(calls.filter(({ endpoint }) => endpoint === 'unlock')).toMatchObject([{ correlationId: theirs, wasLocked: true }]);
    expect(calls.filter(({ correlationId }) => correlationId === mine)).toEqual([]);
    const rows = await latchkey.sql(
      'select distinct correlation_id as id, institution_id as bank from audit_event where correlation_id = any($1)',
      [[mine, theirs]],
    );
    expect(rows).toHaveLength(2);
    expect(rows).toEqual(
      expect.arrayContaining([
        { id: mine, bank: 'sandbox-bank' },
        { id: theirs, bank: OTHER },
      ]),
    );
  });

  it('a look at a customer goes to the bank of whoever looks', async () => {
    latchkey.sandbox.customers.set('looked-at', {});
    otherBank().customers.set('looked-at', { state: { locked: false } });
    const look = async (token: string) => (await latchkey.call('/v1/customers/looked-at/lock-status', { token })).body;
    expect(await look(usual)).toMatchObject({ lockStatus: 'locked' });
    expect(await look(others)).toMatchObject({ lockStatus: 'not_locked' });
  });

  it('each has rules of its own', async () => {
    latchkey.sandbox.customers.set('not-locked', { state: { locked: false } });
    otherBank().customers.set('not-locked', { state: { locked: false } });
    expect((await put('not-locked', usual)).status).toBe(409);
    expect((await put('not-locked', others)).status).toBe(204);
    const post = (token: string) => latchkey.call('/v1/unlocks', { method: 'POST', token, body: { customerId: 'not-locked' } });
    expect((await post(usual)).status).toBe(202);
    expect(await post(others)).toMatchObject({ status: 400, body: { errors: [{ pointer: '/reason' }] } });
  });

  it('a bank that hangs holds up no other one', async () => {
    otherBank().customers.set('hangs', { script: [{ delayMs: 60_000, times: 'always' }] });
    const hanging = await Promise.all(
      Array.from({ length: 20 }, () =>
        latchkey.call('/v1/unlocks', { method: 'POST', token: others, body: { customerId: 'hangs', reason: 'a test' } }),
      ),
    );
    expect(hanging.map(({ status }) => status)).toEqual(hanging.map(() => 202));
    await eventually(() =>
      expect(
        otherBank()
          .calls()
          .filter(({ customerId }) => customerId === 'hangs').length,
      ).toBeGreaterThanOrEqual(20),
    );
    expect((await put('locked-1', usual)).status).toBe(204);
    const running = await latchkey.sql(
      `select 1 from unlock_request where institution_id = $1 and completed_at is null and customer_id = 'hangs'`,
      [OTHER],
    );
    expect(running).not.toEqual([]);
  });
});

describe('an unlock of an institution that this worker is not told of', () => {
  it('waits for one that is, and then goes on', async () => {
    const house = await openLatchkey({ others: [OTHER], withWorker: false });
    try {
      const stranger = await house.addWorker({ serves: ['sandbox-bank'] });
      const token = await house.sandbox.mintToken({ institutionId: OTHER });
      const correlationId = randomUUID();
      const started = await house.call('/v1/unlocks', {
        method: 'POST',
        token,
        body: { customerId: 'locked-1' },
        headers: { correlationId },
      });
      expect(started.status).toBe(202);
      const pending = async () => (await house.client.workflow.getHandle(`unlock-${correlationId}`).describe()).raw.pendingActivities?.[0];
      await eventually(async () => expect((await pending())?.lastFailure?.applicationFailureInfo?.type).toBe('UnknownInstitution'));
      await stranger.stop();
      await house.addWorker();
      await eventually(async () =>
        expect(inShort(await house.story(correlationId)).at(-1)).toBe('completed unlocked confirmed not_locked'),
      );
    } finally {
      await house.close();
    }
  });
});
