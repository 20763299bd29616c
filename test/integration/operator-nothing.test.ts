import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { inShort, openLatchkey, type Latchkey } from '../support/latchkey.js';
import { muchLater, nothing, steering } from '../support/steering.js';

let latchkey: Latchkey;
beforeAll(async () => {
  const budget = { retryAfterMaxMs: 600_000, initialIntervalMs: 2_000, maxIntervalMs: 30_000, deadlineMs: 900_000 };
  latchkey = await openLatchkey({ upstreamTimeoutMs: 4_000, budget });
});
afterAll(() => latchkey.close());

const { begin } = steering(() => latchkey);
const slow = { delayMs: 1_500 };

describe('while there is nothing to steer', () => {
  it('as in the first attempt, every action but :cancel says so, and when to ask again', async () => {
    const { act, hasSent, acts, handle } = await begin('fast', [slow]);
    await hasSent(1);
    for (const action of ['pause', 'resume', 'retry-now'] as const) {
      const reply = await act(action);
      expect(reply).toMatchObject(nothing(/first time/));
      expect(reply.headers.get('retry-after')).toBe('5');
    }
    expect(await handle.result()).toMatchObject({ outcome: 'unlocked' });
    expect(await acts()).toEqual([]);
  });

  it('as when only the outcome is to be recorded, :pause is refused and :retry-now still hurries', async () => {
    const statusAway = { on: 'status', httpStatus: 503, times: 'always' } as const;
    const { act, pending, handle } = await begin('settling', [{ loseConnection: 'before_applying' }, { on: 'status' }, statusAway]);
    await eventually(async () => expect((await pending())?.activityType?.name).toBe('sendUnlock'));
    await act('cancel');
    await eventually(async () => {
      const settling = await pending();
      expect([settling?.activityType?.name, settling?.nextAttemptScheduleTime ?? null]).toEqual(['recordOutcome', expect.anything()]);
    });
    expect(await act('pause')).toMatchObject(nothing(/No PUT follows/));
    expect((await act('retry-now')).httpStatus).toBe(202);
    expect(await handle.result()).toMatchObject({ outcome: 'failed', verification: 'unavailable' });
  });

  it('as in a request that has ended, every action says so and nothing is recorded', async () => {
    const { act, acts, handle, correlationId } = await begin('ended');
    await handle.result();
    for (const action of ['cancel', 'pause', 'resume', 'retry-now'] as const) {
      expect(await act(action)).toMatchObject({
        httpStatus: 409,
        body: { code: 'request_has_ended', detail: 'The request has ended: unlocked.' },
      });
    }
    expect(await acts()).toEqual([]);
    expect(inShort(await latchkey.story(correlationId)).at(-1)).toContain('completed unlocked');
  });

  it('as in a workflow that somebody has terminated, every action says so', async () => {
    const { act, acts, waits, handle } = await begin('terminated', [muchLater]);
    await waits();
    await handle.terminate();
    for (const action of ['cancel', 'pause', 'resume', 'retry-now'] as const) {
      expect(await act(action)).toMatchObject(nothing(/no longer carries/));
    }
    expect(await acts()).toEqual([]);
  });
});
