import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { registerSchema, unregisterSchema, validate, type SchemaObject } from '@hyperjump/json-schema/openapi-3-1';
import { BASIC } from '@hyperjump/json-schema/experimental';
import { defineSearchAttributeKey } from '@temporalio/common';
import { Webhook } from 'standardwebhooks';
import { z } from 'zod';
import { silentObserver } from '../../src/domain/observer.js';
import { CALLER_CLIENT_ID } from '../../src/sandbox/issuer.js';
import { createWebhooks } from '../../src/webhooks/index.js';
import { eventually } from '../support/eventually.js';
import { historyText } from '../support/history-text.js';
import { openLatchkey, type Latchkey } from '../support/latchkey.js';
import { startReceiver, webhookSecret, type Received, type Receiver } from '../support/receiver.js';

const INSTITUTION = 'sandbox-bank';
const OTHER = 'other-bank';
const refusals = new Map<string, number>();
const secret = webhookSecret();
const previous = webhookSecret();
const counted: string[] = [];
let receiver: Receiver;
let latchkey: Latchkey;
beforeAll(async () => {
  receiver = await startReceiver();
  latchkey = await openLatchkey({
    webhooks: [{ institutionId: INSTITUTION, clientId: CALLER_CLIENT_ID, url: receiver.url, secrets: [secret, previous] }],
    others: [OTHER],
    // Postgres refuses the row that tells what became of it, twice.
    bricks: ({ audit }) => ({
      audit: {
        ...audit,
        async append(event) {
          const left = refusals.get(event.correlationId ?? '') ?? 0;
          if (event.action !== 'customer.unlock.notified' || left === 0) return audit.append(event);
          refusals.set(event.correlationId ?? '', left - 1);
          throw new Error('the database is away');
        },
      },
    }),
    observer: {
      ...silentObserver,
      tellingCallerFailed: () => void counted.push('failed'),
      callerTold: (result) => void counted.push(result),
    },
  });
});
afterAll(async () => {
  await latchkey.close();
  await receiver.close();
});
beforeEach(() => {
  counted.length = 0;
});

const patient = { limitMs: 60_000 };
const handleOf = (correlationId: string, house = latchkey) => house.client.workflow.getHandle(`notify-${correlationId}`);
const notified = async (correlationId: string, house = latchkey) =>
  (await house.story(correlationId)).filter(({ action }) => action === 'notified').map(({ metadata }) => metadata);
const ended = (correlationId: string, metadata: object, house = latchkey): Promise<void> =>
  eventually(async () => expect(await notified(correlationId, house)).toEqual([expect.objectContaining(metadata)]), patient);
const always503 = Array.from({ length: 50 }, () => ({ httpStatus: 503 }));
const idsOf = (messages: readonly Received[]) => new Set(messages.map(({ headers }) => headers['webhook-id']));

async function unlock(customerId: string, correlationId: string = randomUUID()): Promise<string> {
  latchkey.sandbox.customers.set(customerId, {});
  expect((await latchkey.unlock(customerId, correlationId)).status).toBe(204);
  return correlationId;
}

/** Verifies as a receiver would, by a library that is not ours. */
function verified({ headers, body }: Received, by: string): unknown {
  const names = ['webhook-id', 'webhook-timestamp', 'webhook-signature'] as const;
  return new Webhook(by).verify(body, Object.fromEntries(names.map((name) => [name, String(headers[name])])));
}

describe('a caller with a webhook', () => {
  it('is told of the outcome, signed after Standard Webhooks by the current secret and by the previous one', async () => {
    const correlationId = await unlock('told');
    await ended(correlationId, { delivered: true, result: 'delivered', tries: 1, httpStatus: 204, host: receiver.host });
    const [message, ...more] = receiver.about(correlationId);
    if (message === undefined) throw new Error('no message came');
    expect(more).toEqual([]);
    expect(message).toMatchObject({ method: 'POST', path: '/hooks/unlocks', headers: { 'content-type': 'application/json' } });
    const { completedAt } = (await latchkey.call(`/v1/unlocks/${correlationId}`)).body as { completedAt: string };
    const told = {
      type: 'unlock.completed',
      timestamp: completedAt,
      data: {
        ...{ correlationId, outcome: 'unlocked', verification: 'confirmed', attempts: 1, completedAt },
        links: { self: `/v1/unlocks/${correlationId}` },
      },
    };
    for (const each of [secret, previous]) expect(verified(message, each)).toEqual(told);
    expect(() => verified(message, webhookSecret())).toThrow('No matching signature');
    expect(() => verified({ ...message, body: message.body.replace('unlocked', 'rejected') }, secret)).toThrow('No matching signature');
    expect((await latchkey.call(told.data.links.self)).status).toBe(200);
    expect(counted).toEqual(['delivered']);
  });

  it('is told of every other outcome as well, and of no customer, name or reason', async () => {
    const correlationId = randomUUID();
    latchkey.sandbox.customers.set('secret-customer', { state: { locked: false } });
    const body = { customerId: 'secret-customer', reason: 'secret reason', ticket: 'secret ticket' };
    await latchkey.call('/v1/unlocks', { method: 'POST', body, headers: { correlationId } });
    await ended(correlationId, { delivered: true });
    const [message] = receiver.about(correlationId);
    expect(JSON.parse(message?.body ?? '')).toMatchObject({ data: { outcome: 'not_locked', verification: null, attempts: 0 } });
    expect(JSON.stringify(message)).not.toMatch(/secret|Sam|sandbox-bank/i);
  });

  it('is told in a message of the form that the description has', async () => {
    const AT = 'https://latchkey.example/webhooks.json';
    registerSchema((await latchkey.call('/openapi.json')).body as SchemaObject, AT, 'https://spec.openapis.org/oas/3.1/dialect/base');
    const schema = `${AT}#/components/schemas/UnlockCompleted`;
    const correlationId = await unlock('described');
    await ended(correlationId, { delivered: true });
    const message = z.json().parse(JSON.parse(receiver.about(correlationId)[0]?.body ?? ''));
    expect((await validate(schema, message, BASIC)).valid).toBe(true);
    expect((await validate(schema, { type: 'unlock.completed' }, BASIC)).valid).toBe(false);
    unregisterSchema(AT);
  });

  it('is told under the same id again until its receiver has taken the message', async () => {
    const correlationId = randomUUID();
    receiver.answer(correlationId, { httpStatus: 500 }, { httpStatus: 503, headers: { 'retry-after': '1' } });
    await unlock('told-again', correlationId);
    await ended(correlationId, { delivered: true, tries: 3, httpStatus: 204 });
    const messages = receiver.about(correlationId);
    expect(messages).toHaveLength(3);
    expect([...idsOf(messages)]).toEqual([(await notified(correlationId))[0]?.webhookId]);
    expect(new Set(messages.map(({ body }) => body)).size).toBe(1);
    for (const message of messages) expect(() => verified(message, secret)).not.toThrow();
    expect(counted).toEqual(['failed', 'failed', 'delivered']);
  }, 90_000);

  it.each([408, 425, 429, 302])(
    'is told again where its receiver answers %i, and a redirect is never followed',
    async (httpStatus) => {
      const elsewhere = await startReceiver();
      try {
        const correlationId = randomUUID();
        receiver.answer(correlationId, { httpStatus, headers: { location: elsewhere.url } });
        await unlock(`again-${httpStatus}`, correlationId);
        await ended(correlationId, { delivered: true, tries: 2 });
        expect(elsewhere.received).toEqual([]);
      } finally {
        await elsewhere.close();
      }
    },
    90_000,
  );

  it.each([410, 400, 404])('whose receiver answers %i is told no more, which is recorded', async (httpStatus) => {
    const correlationId = randomUUID();
    receiver.answer(correlationId, { httpStatus });
    await unlock(`refused-${httpStatus}`, correlationId);
    await ended(correlationId, { delivered: false, result: 'refused', tries: 1, httpStatus });
    expect(await handleOf(correlationId).result()).toMatchObject({ result: 'refused' });
    expect(receiver.about(correlationId)).toHaveLength(1);
    expect(counted).toEqual(['refused']);
  });

  it('is told once a request, however often it is asked for and whoever joins', async () => {
    const correlationId = await unlock('asked-again');
    await ended(correlationId, { delivered: true });
    const other = await latchkey.sandbox.mintToken({ subject: 'another', name: 'Another', clientId: 'another-client' });
    const again = { method: 'PUT', headers: { correlationId } };
    expect((await latchkey.call('/v1/customers/asked-again:unlock-user', again)).status).toBe(204);
    expect((await latchkey.call('/v1/customers/asked-again:unlock-user', { ...again, token: other })).status).toBe(204);
    // Also where the workflow that told it is started anew.
    const told = await latchkey.client.workflow.execute('notifyCaller', {
      workflowId: `again-${correlationId}`,
      taskQueue: latchkey.taskQueue,
      args: [{ correlationId, institutionId: INSTITUTION }],
    });
    expect(told).toBeNull();
    expect(receiver.about(correlationId)).toHaveLength(1);
    await ended(correlationId, { delivered: true });
  });

  it('whose receiver takes nothing is told no more after the time that is set, which is recorded with its last answer', async () => {
    const correlationId = randomUUID();
    receiver.answer(correlationId, ...always503);
    const first = await latchkey.client.workflow.start('notifyCaller', {
      workflowId: `notify-${correlationId}`,
      taskQueue: latchkey.taskQueue,
      args: [{ correlationId, institutionId: INSTITUTION, giveUpAfterMs: 8_000 }],
    });
    await unlock('given-up', correlationId);
    const end = { result: 'given_up', httpStatus: 503, host: receiver.host };
    expect(await first.result()).toMatchObject(end);
    await ended(correlationId, { delivered: false, ...end });
    expect(receiver.about(correlationId).length).toBeGreaterThan(1);
    expect(counted.at(-1)).toBe('given_up');
  }, 90_000);

  it('is told no more once somebody cancels that in Temporal, which is recorded', async () => {
    const correlationId = randomUUID();
    receiver.answer(correlationId, ...always503);
    await unlock('cancelled', correlationId);
    await eventually(() => expect(receiver.about(correlationId).length).toBeGreaterThan(1), patient);
    await handleOf(correlationId).cancel();
    await ended(correlationId, { delivered: false, result: 'stopped' });
  }, 90_000);

  it('is found in Temporal by its request, and told of in words', async () => {
    const correlationId = await unlock('found');
    await ended(correlationId, { delivered: true });
    await handleOf(correlationId).result();
    const { typedSearchAttributes } = await handleOf(correlationId).describe();
    expect(typedSearchAttributes.get(defineSearchAttributeKey('CorrelationId', 'KEYWORD'))).toBe(correlationId);
    expect(typedSearchAttributes.get(defineSearchAttributeKey('InstitutionId', 'KEYWORD'))).toBe(INSTITUTION);
    const history = historyText(await handleOf(correlationId).fetchHistory());
    const row = JSON.stringify(await latchkey.sql(`select * from audit_event where action = 'customer.unlock.notified'`));
    for (const each of [secret, previous]) {
      expect(history + row).not.toContain(each.slice('whsec_'.length));
      expect(history + row).not.toContain(Buffer.from(each.slice('whsec_'.length), 'base64').toString('utf8'));
    }
    expect(history).not.toMatch(/found|hooks\/unlocks/);
  });
});

describe('what became of a message', () => {
  it('is recorded once the database is there again, and the message is not sent again for that', async () => {
    const correlationId = randomUUID();
    refusals.set(correlationId, 2);
    await unlock('recorded-late', correlationId);
    await ended(correlationId, { delivered: true, tries: 1 });
    expect(refusals.get(correlationId)).toBe(0);
    expect(receiver.about(correlationId)).toHaveLength(1);
  }, 90_000);
});

describe('a caller without a webhook', () => {
  it('is not told for being named as another institution’s caller is', async () => {
    const correlationId = randomUUID();
    latchkey.otherSandboxes[0]?.customers.set('elsewhere', {});
    const token = await latchkey.sandbox.mintToken({ institutionId: OTHER });
    const reply = await latchkey.call('/v1/customers/elsewhere:unlock-user', { method: 'PUT', headers: { correlationId }, token });
    expect(reply.status).toBe(204);
    await expect(handleOf(correlationId).describe()).rejects.toThrow(/not found/i);
  });

  it('is not told, and no workflow is started for it', async () => {
    const correlationId = randomUUID();
    const token = await latchkey.sandbox.mintToken({ clientId: 'another-client' });
    latchkey.sandbox.customers.set('untold', {});
    const reply = await latchkey.call('/v1/customers/untold:unlock-user', { method: 'PUT', headers: { correlationId }, token });
    expect(reply.status).toBe(204);
    const { events } = await latchkey.client.workflow.getHandle(`unlock-${correlationId}`).fetchHistory();
    expect(events).toHaveLength(9);
    await expect(handleOf(correlationId).describe()).rejects.toThrow(/not found/i);
  });
});

describe('a receiver at a private address', () => {
  it.each(['127.0.0.1', 'localhost'])('is never connected to where private addresses are refused: %s', async (host) => {
    const { port } = new URL(receiver.url);
    const webhooks = createWebhooks({
      webhooks: [{ institutionId: 'one', clientId: 'c', url: `http://${host}:${port}/`, secrets: [secret] }],
      policy: { privateHosts: [], ca: null, clientCertificate: null },
      timeoutMs: 2_000,
    });
    const before = receiver.received.length;
    const sent = await webhooks.of('one', 'c')?.send({ id: randomUUID(), body: '{}' });
    expect(sent).toEqual({ kind: 'unanswered', reason: 'an address that is not public' });
    expect(receiver.received).toHaveLength(before);
    await webhooks.close();
  });
});
