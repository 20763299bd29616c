import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { silentObserver, type RequestsRunning } from '../../src/domain/observer.js';
import type { reconcileAudit } from '../../workflows/index.js';
import { openLatchkey, type Latchkey } from '../support/latchkey.js';
import { muchLater, steering } from '../support/steering.js';

const told: RequestsRunning[] = [];
let countingFails = false;
let latchkey: Latchkey;
beforeAll(async () => {
  latchkey = await openLatchkey({
    others: ['other-bank'],
    budget: { retryAfterMaxMs: 600_000, deadlineMs: 900_000 },
    reconciler: { afterMs: 60_000, openAfterMs: 1 },
    observer: { ...silentObserver, requestsRunning: (running) => void told.push(running) },
    bricks: ({ audit }) => ({
      audit: {
        ...audit,
        runningAmong: (ids) => (countingFails ? Promise.reject(new Error('an exercise')) : audit.runningAmong(ids)),
      },
    }),
  });
});
afterAll(() => latchkey.close());
beforeEach(() => {
  countingFails = false;
  told.length = 0;
});

const { begin } = steering(() => latchkey);

function reconcile() {
  const workflowId = `reconcile-audit-${randomUUID()}`;
  return latchkey.client.workflow.execute<typeof reconcileAudit>('reconcileAudit', { taskQueue: latchkey.taskQueue, workflowId });
}

describe('how many requests are running', () => {
  it('is told at the end of each run of the reconciler, whether they wait to be looked into or have begun just now', async () => {
    const first = await begin('first', [muchLater]);
    const second = await begin('second', [muchLater]);
    const ended = await begin('ended', []);
    await Promise.all([first.waits(), second.waits(), ended.handle.result()]);
    const { waiting } = await reconcile();
    expect(waiting.toSorted()).toEqual([first.correlationId, second.correlationId].toSorted());
    expect(told).toEqual([{ count: 2, oldestMs: expect.any(Number), overdueMs: 0 }]);
    expect(told[0]?.oldestMs).toBeGreaterThan(0);

    await Promise.all([first.act('cancel'), second.act('cancel')]);
    await Promise.all([first.handle.result(), second.handle.result()]);
    await reconcile();
    expect(told.slice(1)).toEqual([{ count: 0, oldestMs: 0, overdueMs: 0 }]);
  });

  it('costs no run its result where it cannot be found out', async () => {
    const { correlationId, waits, act, handle } = await begin('uncounted', [muchLater]);
    await waits();
    countingFails = true;
    expect((await reconcile()).waiting).toContain(correlationId);
    expect(told).toEqual([]);
    await act('cancel');
    await handle.result();
  });
});
