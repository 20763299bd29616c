import { randomUUID } from 'node:crypto';
import { afterAll, describe, expect, it, jest } from '@jest/globals';
import { unlockEventSchema } from '../../src/http/answer-schemas.js';
import { createWaits } from '../../src/http/waits.js';
import { eventually } from '../support/eventually.js';
import { openEventStream } from '../support/event-stream.js';
import { openLatchkey } from '../support/latchkey.js';

jest.setTimeout(120_000);

const MOST_STREAMS = 3;
const streams = createWaits({ max: 100, maxPerCaller: MOST_STREAMS });
const house = await openLatchkey({
  streams,
  budget: { initialIntervalMs: 300, maxIntervalMs: 600, maxAttempts: 60 },
  others: ['other-bank'],
});
afterAll(() => house.close());

const token = await house.sandbox.mintToken();
const eventsOf = (correlationId: string): string => `${house.url}/v1/unlocks/${correlationId}/events`;
const follow = (correlationId: string, headers: Readonly<Record<string, string>> = {}, as = token) =>
  openEventStream(eventsOf(correlationId), as, headers);

async function ask(customerId: string): Promise<string> {
  const correlationId = randomUUID();
  const { status } = await house.call('/v1/unlocks', {
    method: 'POST',
    headers: { correlationId },
    body: { customerId, reason: 'Called' },
  });
  expect(status).toBe(202);
  return correlationId;
}

const recorded = (correlationId: string) =>
  house.sql<{ id: string; action: string }>('select id, action from audit_event where correlation_id = $1 order by position', [
    correlationId,
  ]);

describe('the events of an unlock request', () => {
  it('come one for each audit event, as they happen, and end with the outcome', async () => {
    const correlationId = await ask('two-503');
    const stream = await follow(correlationId);
    expect(stream.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(stream.headers.get('cache-control')).toBe('no-store');
    await stream.ended;
    const rows = await recorded(correlationId);
    expect(stream.events.map(({ id }) => id)).toEqual(rows.map(({ id }) => id));
    const told = stream.events.map(({ data }) => unlockEventSchema.parse(data));
    expect(told.map(({ action }) => action)).toEqual(rows.map(({ action }) => action));
    expect(told.at(0)).toMatchObject({
      action: 'customer.unlock.requested',
      reason: 'Called',
      actor: { id: 'agent-1', name: 'Sam Support' },
    });
    expect(told.at(-1)).toMatchObject({ action: 'customer.unlock.completed', outcome: 'unlocked', verification: 'confirmed' });
    expect(JSON.stringify(told)).not.toContain('two-503');
  });

  it('go on behind the last one that was read, and 204 says that there are no more', async () => {
    const correlationId = await ask('locked-1');
    const whole = await follow(correlationId);
    await whole.ended;
    const [first, ...others] = whole.events.map(({ id }) => id);
    const rest = await follow(correlationId, { 'last-event-id': first ?? '' });
    await rest.ended;
    expect(rest.events.map(({ id }) => id)).toEqual(others);
    expect((await follow(correlationId, { 'last-event-id': others.at(-1) ?? '' })).status).toBe(204);
    const lost = await follow(correlationId, { 'last-event-id': randomUUID() });
    await lost.ended;
    expect(lost.events).toEqual(whole.events);
  });

  it('are those of the own institution alone, and of a request that is known', async () => {
    const correlationId = await ask('locked-2');
    const foreign = await house.sandbox.mintToken({ institutionId: 'other-bank' });
    expect((await follow(correlationId, {}, foreign)).status).toBe(404);
    expect((await follow(randomUUID())).status).toBe(404);
    const blind = await house.sandbox.mintToken({ scopes: ['institution-users:write'] });
    expect((await follow(correlationId, {}, blind)).status).toBe(403);
    expect((await follow(correlationId, { 'last-event-id': 'the last one' })).status).toBe(400);
  });
});

describe('a stream of a request that goes on', () => {
  it('is kept open by comments, and there are so many of them for one caller and no more', async () => {
    const correlationId = await ask('always-503');
    const open = await Promise.all(Array.from({ length: MOST_STREAMS }, () => follow(correlationId)));
    const oneMore = await follow(correlationId);
    expect([oneMore.status, oneMore.headers.get('retry-after')]).toEqual([429, '30']);
    open[0]?.hangUp();
    await eventually(async () => {
      const another = await follow(correlationId);
      expect(another.status).toBe(200);
      another.hangUp();
    });
    for (const stream of open) stream.hangUp();
    const steady = await eventually(async () => {
      const paused = await house.call(`/v1/unlocks/${correlationId}:pause`, { method: 'POST', body: { reason: 'To have it quiet' } });
      expect(paused.status).toBe(202);
      const stream = await follow(correlationId);
      expect(stream.status).toBe(200);
      return stream;
    });
    await eventually(() => expect(steady.comments).toContain('still here'));
    steady.hangUp();
  });

  it('ends when the token does', async () => {
    const correlationId = await ask('status-always-503');
    const brief = await house.sandbox.mintToken({ expiresInSeconds: 2 });
    const stream = await eventually(async () => {
      const opened = await follow(correlationId, {}, brief);
      expect(opened.status).toBe(200);
      return opened;
    });
    await stream.ended;
    expect(stream.events.map(({ data }) => unlockEventSchema.parse(data).action)).not.toContain('customer.unlock.completed');
  });

  it('ends when the front door stops', async () => {
    const stream = await follow(await ask('status-always-503'));
    expect(stream.status).toBe(200);
    house.shutDown();
    await stream.ended;
  });
});
