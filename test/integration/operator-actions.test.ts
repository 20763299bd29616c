import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { unlockSchema } from '../../src/http/answer-schemas.js';
import { eventually } from '../support/eventually.js';
import { inShort, openLatchkey, type Latchkey } from '../support/latchkey.js';
import { muchLater, nothing, REASON, steering } from '../support/steering.js';

const MAX_ATTEMPTS = 3;

let latchkey: Latchkey;
beforeAll(async () => {
  const budget = {
    maxAttempts: MAX_ATTEMPTS,
    retryAfterMaxMs: 600_000,
    initialIntervalMs: 2_000,
    maxIntervalMs: 30_000,
    deadlineMs: 900_000,
  };
  latchkey = await openLatchkey({ upstreamTimeoutMs: 4_000, budget });
});
afterAll(() => latchkey.close());

const { begin } = steering(() => latchkey);

const slow = { delayMs: 1_500 };

describe('an action', () => {
  it('is on record with who did it, why, for which ticket and from where', async () => {
    const { act, acts, waits, correlationId, handle } = await begin('recorded', [muchLater]);
    await waits();
    const reply = await act('cancel', { reason: REASON, ticket: 'INC-2042' });
    expect(unlockSchema.parse(reply.body).correlationId).toBe(correlationId);
    expect(reply.httpStatus).toBe(202);
    expect(await acts()).toMatchObject([
      {
        action: 'customer.unlock.cancel_requested',
        correlationId,
        customerId: 'recorded',
        institutionId: latchkey.sandbox.institutionId,
        actorType: 'user',
        actorId: 'olga',
        actorName: 'Olga Operator',
        onBehalfOf: null,
        reason: REASON,
        ticket: 'INC-2042',
        source: { component: 'api', clientAddress: '127.0.0.1' },
        workflowId: handle.workflowId,
        metadata: { clientId: expect.any(String) },
      },
    ]);
    await handle.result();
  });

  it('keeps its reason out of Temporal, whose records are not encrypted there', async () => {
    const { act, waits, handle } = await begin('unquoted', [muchLater]);
    await waits();
    await act('pause');
    await act('retry-now');
    await act('cancel');
    await handle.result();
    const { raw } = await handle.describe();
    const told = JSON.stringify([raw, await handle.fetchHistory()], (_, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value,
    );
    expect(told).not.toContain(REASON);
    expect(told).not.toContain('olga');
  });
});

describe(':cancel', () => {
  it('ends a request that waits', async () => {
    const { act, waits, handle, correlationId, puts } = await begin('cancel-waiting', [muchLater]);
    await waits();
    expect((await act('cancel')).httpStatus).toBe(202);
    expect(await handle.result()).toMatchObject({ outcome: 'cancelled', attempts: 1 });
    expect(inShort(await latchkey.story(correlationId)).slice(-2)).toEqual(['cancel_requested', 'completed cancelled']);
    expect(puts()).toHaveLength(1);
  });

  it('ends a request that is paused', async () => {
    const { act, waits, handle } = await begin('cancel-paused', [muchLater]);
    await waits();
    await act('pause');
    expect((await act('cancel')).httpStatus).toBe(202);
    expect(await handle.result()).toMatchObject({ outcome: 'cancelled', attempts: 1 });
  });

  it('during the first PUT waits for its answer: what the bank did is what the record says', async () => {
    const { act, hasSent, handle, acts } = await begin('cancel-fast', [slow]);
    await hasSent(1);
    expect((await act('cancel')).httpStatus).toBe(202);
    expect(await handle.result()).toMatchObject({ outcome: 'unlocked', attempts: 1 });
    expect(await acts()).toHaveLength(1);
  });

  it('during a later PUT waits for its answer too, and sends none after it', async () => {
    const { act, waits, hasSent, handle } = await begin('cancel-out', [muchLater, { ...slow, httpStatus: 503 }]);
    await waits();
    await act('retry-now');
    await hasSent(2);
    expect((await act('cancel')).httpStatus).toBe(202);
    expect(await handle.result()).toMatchObject({ outcome: 'cancelled', attempts: 2 });
  });

  it('reaches its end beside a pause at the same moment', async () => {
    await Promise.all(
      Array.from({ length: 8 }, async (_, index) => {
        const { act, waits, handle, correlationId, acts } = await begin(`cancel-and-pause-${index}`, [muchLater]);
        await waits();
        const [paused, cancelled] = await Promise.all([act('pause'), sleep(index * 2).then(() => act('cancel'))]);
        // One that comes after the end is answered as the other actions are.
        expect([202, 200, 409]).toContain(paused.httpStatus);
        expect([202, 200]).toContain(cancelled.httpStatus);
        expect(await handle.result()).toMatchObject({ outcome: 'cancelled', attempts: 1 });
        expect((await latchkey.story(correlationId)).filter(({ action }) => action === 'completed')).toHaveLength(1);
        expect((await acts()).map(({ action }) => action)).toContain('customer.unlock.cancel_requested');
      }),
    );
  });
});

describe(':pause and :resume', () => {
  it('keep the next attempt back, and let it go at once, whatever wait was left', async () => {
    const { act, waits, handle, correlationId, puts, acts } = await begin('paused', [muchLater]);
    await waits();
    expect(await act('pause')).toMatchObject({ httpStatus: 202, body: { state: 'running', paused: true, nextAttemptAt: null } });
    expect((await latchkey.call(`/v1/unlocks/${correlationId}`)).body).toMatchObject({ paused: true, nextAttemptAt: null });
    expect(puts()).toHaveLength(1);
    expect(await act('resume')).toMatchObject({ httpStatus: expect.any(Number), body: { paused: false } });
    expect(await handle.result()).toMatchObject({ outcome: 'unlocked', attempts: 2 });
    expect((await acts()).map(({ action, reason }) => [action, reason])).toEqual([
      ['customer.unlock.paused', REASON],
      ['customer.unlock.resumed', REASON],
    ]);
  });

  it('keep an attempt back whose time has come', async () => {
    const { act, waits, handle, puts } = await begin('paused-past', [{ httpStatus: 429, headers: { 'Retry-After': '2' } }]);
    await waits();
    expect((await act('pause')).httpStatus).toBe(202);
    await sleep(3_000);
    expect(puts()).toHaveLength(1);
    await act('resume');
    expect(await handle.result()).toMatchObject({ outcome: 'unlocked', attempts: 2 });
  });

  it('during a PUT let its answer be recorded, and keep back the one after it', async () => {
    const { act, waits, hasSent, handle, correlationId, pending, puts } = await begin('paused-out', [
      muchLater,
      { ...slow, httpStatus: 503 },
    ]);
    await waits();
    await act('retry-now');
    await hasSent(2);
    expect(await act('pause')).toMatchObject({ httpStatus: 202, body: { paused: true } });
    await eventually(async () => expect(inShort(await latchkey.story(correlationId)).at(-1)).toBe('attempt_finished 2 retryable 503'));
    await eventually(async () => expect(await pending()).toMatchObject({ state: 4, paused: true }));
    await sleep(3_000);
    expect(puts()).toHaveLength(2);
    await act('resume');
    expect(await handle.result()).toMatchObject({ outcome: 'unlocked', attempts: 3 });
  });

  it('are recorded again where they are asked for again: a second pause changes nothing', async () => {
    const { act, waits, acts, handle } = await begin('paused-twice', [muchLater]);
    await waits();
    await act('pause');
    expect(await act('pause', { reason: 'To be sure' })).toMatchObject({ httpStatus: 202, body: { paused: true } });
    expect((await acts()).map(({ reason }) => reason)).toEqual([REASON, 'To be sure']);
    await act('cancel');
    await handle.result();
  });

  it('have nothing to act on where nothing is paused', async () => {
    const { act, waits, acts, handle } = await begin('not-paused', [muchLater]);
    await waits();
    expect(await act('resume')).toMatchObject(nothing(/not paused/));
    expect(await acts()).toEqual([]);
    await act('cancel');
    await handle.result();
  });
});

describe(':retry-now', () => {
  it('sends the next attempt at once though the bank asked for a long wait, under the next number', async () => {
    const { act, waits, handle, correlationId, puts } = await begin('hurried', [muchLater]);
    await waits();
    expect((await act('retry-now')).httpStatus).toBe(202);
    expect(await handle.result()).toMatchObject({ outcome: 'unlocked', attempts: 2 });
    expect(puts()).toHaveLength(2);
    const told = inShort(await latchkey.story(correlationId));
    expect(told.slice(told.indexOf('retried_now'))).toEqual([
      'retried_now',
      'status_checked locked',
      'attempt_started 2',
      'attempt_finished 2 succeeded 204',
      'completed unlocked confirmed not_locked',
    ]);
  });

  it('never buys an attempt beyond those that the request has', async () => {
    const { act, waits, hasSent, handle, puts } = await begin('hurried-often', [{ ...muchLater, times: 'always' }]);
    for (let sent = 1; sent < MAX_ATTEMPTS; sent += 1) {
      await waits();
      expect((await act('retry-now')).httpStatus).toBe(202);
      await hasSent(sent + 1);
    }
    expect(await handle.result()).toMatchObject({ outcome: 'failed', attempts: MAX_ATTEMPTS });
    expect(puts()).toHaveLength(MAX_ATTEMPTS);
    expect(await act('retry-now')).toMatchObject({ httpStatus: 409, body: { code: 'request_has_ended' } });
  });

  it('has nothing to act on while a PUT is out, nor while the request is paused', async () => {
    const { act, waits, hasSent, handle, acts } = await begin('hurried-out', [muchLater, { ...slow, httpStatus: 503 }]);
    await waits();
    await act('pause');
    expect(await act('retry-now')).toMatchObject(nothing(/paused/));
    await act('resume');
    await hasSent(2);
    const reply = await act('retry-now');
    expect(reply).toMatchObject(nothing(/tried now/));
    expect(reply.headers.get('retry-after')).toBe('5');
    expect((await acts()).map(({ action }) => action)).toEqual(['customer.unlock.paused', 'customer.unlock.resumed']);
    await act('cancel');
    await handle.result();
  });

  it('that meets a PUT which has just left lets its answer count, and sends none beside it', async () => {
    const shortly = { httpStatus: 429, headers: { 'Retry-After': '1' } };
    const { correlationId, waits, hasSent, handle, puts } = await begin('hurried-late', [shortly, slow]);
    await waits();
    const seen = await latchkey.executions.find(correlationId);
    if (seen === null) throw new Error('Temporal does not know it');
    await hasSent(2);
    expect(await latchkey.executions.operate('retry-now', seen)).toBe('carried_out');
    expect(await handle.result()).toMatchObject({ outcome: 'unlocked', verification: 'confirmed', attempts: 2 });
    expect(puts()).toHaveLength(2);
  });

  it('never undoes a pause that it did not see', async () => {
    const { correlationId, waits, act, handle, puts, pending } = await begin('hurried-paused', [muchLater]);
    await waits();
    const seen = await latchkey.executions.find(correlationId);
    if (seen === null) throw new Error('Temporal does not know it');
    await act('pause');
    await latchkey.executions.operate('retry-now', seen);
    await sleep(1_000);
    expect(await pending()).toMatchObject({ paused: true });
    expect(puts()).toHaveLength(1);
    await act('resume');
    expect(await handle.result()).toMatchObject({ outcome: 'unlocked', attempts: 2 });
  });
});
