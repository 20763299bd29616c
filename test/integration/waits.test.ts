import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createWaits } from '../../src/http/waits.js';
import { eventually } from '../support/eventually.js';
import { openLatchkey, type Latchkey } from '../support/latchkey.js';
import { muchLater, steering } from '../support/steering.js';

let latchkey: Latchkey;
beforeAll(async () => {
  latchkey = await openLatchkey({
    waits: createWaits({ max: 10, maxPerCaller: 1 }),
    budget: { retryAfterMaxMs: 600_000, deadlineMs: 900_000 },
  });
});
afterAll(() => latchkey.close());

const { begin } = steering(() => latchkey);

it('an answer beyond those that are held back comes at once, and its unlock goes on all the same', async () => {
  for (const customerId of ['posted', 'dropped-in', 'bobs', 'after']) latchkey.sandbox.customers.set(customerId, {});
  // Holds the one place that its caller has.
  const slow = await begin('slow', [muchLater]);
  const held = latchkey.unlock('slow', slow.correlationId);
  await slow.waits();

  const id = randomUUID();
  const post = await eventually(async () => {
    const correlationId = randomUUID();
    const reply = await latchkey.call('/v1/unlocks', {
      method: 'POST',
      body: { customerId: 'posted' },
      headers: { correlationId, prefer: 'wait=60' },
    });
    expect(reply.headers.get('preference-applied')).toBeNull();
    return reply;
  });
  expect([post.status, post.headers.get('location')]).toEqual([202, expect.stringContaining('/v1/unlocks/')]);

  const dropIn = await latchkey.unlock('dropped-in', id);
  expect([dropIn.status, dropIn.headers.get('location'), dropIn.headers.get('retry-after')]).toEqual([504, `/v1/unlocks/${id}`, '5']);
  expect(dropIn.body).toMatchObject({ code: 'LATCHKEY_STILL_RUNNING' });

  // Another caller has a place of their own, and what has ended needs none.
  const bob = await latchkey.sandbox.mintToken({ subject: 'bob', name: 'Bob' });
  const own = await latchkey.call('/v1/unlocks', {
    method: 'POST',
    body: { customerId: 'bobs' },
    headers: { prefer: 'wait=60' },
    token: bob,
  });
  expect([own.status, own.headers.get('preference-applied')]).toEqual([200, 'wait=60']);
  await eventually(async () => expect((await latchkey.unlock('dropped-in', id)).status).toBe(204));

  await slow.act('cancel');
  expect((await held).status).toBe(409);
  expect((await latchkey.unlock('after')).status).toBe(204);
});
