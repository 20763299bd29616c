import { randomUUID } from 'node:crypto';
import { Client } from '@temporalio/client';
import proto from '@temporalio/proto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { silentObserver } from '../../src/domain/observer.js';
import { eventually } from '../support/eventually.js';
import { openLatchkey, type Latchkey } from '../support/latchkey.js';
import { muchLater, steering } from '../support/steering.js';

const { ResetWorkflowExecutionRequest } = proto.temporal.api.workflowservice.v1;
const counted: string[] = [];
let latchkey: Latchkey;
/** Whoever uses Temporal's UI or CLI. */
let temporal: Client;
beforeAll(async () => {
  latchkey = await openLatchkey({
    budget: { retryAfterMaxMs: 600_000, deadlineMs: 900_000 },
    reconciler: { afterMs: 1, openAfterMs: 900_000 },
    observer: { ...silentObserver, operatedOutOfBand: (operation) => void counted.push(operation) },
  });
  const { connection, options } = latchkey.client;
  temporal = new Client({ connection, namespace: options.namespace, dataConverter: options.dataConverter, identity: 'mallory@laptop' });
});
afterAll(() => latchkey.close());

const { begin } = steering(() => latchkey);

async function reconcile(): Promise<void> {
  await latchkey.client.workflow.execute('reconcileAudit', {
    taskQueue: latchkey.taskQueue,
    workflowId: `reconcile-audit-${randomUUID()}`,
  });
}

interface Told {
  readonly operation: unknown;
  readonly identity: unknown;
  readonly reason: unknown;
}

async function onRecord(correlationId: string): Promise<Told[]> {
  const rows = await latchkey.sql<{ metadata: Told }>(
    `select metadata from audit_event where correlation_id = $1 and action = 'operator.out_of_band' order by occurred_at`,
    [correlationId],
  );
  return rows.map(({ metadata: { operation, identity, reason } }) => ({ operation, identity, reason }));
}

/** Visibility follows by a moment. */
function recorded(correlationId: string, told: readonly Told[]): Promise<void> {
  return eventually(
    async () => {
      await reconcile();
      expect(await onRecord(correlationId)).toEqual(told);
    },
    { limitMs: 60_000, intervalMs: 500 },
  );
}

const handleOf = (correlationId: string) => temporal.workflow.getHandle(`unlock-${correlationId}`);
const activityOf = async (correlationId: string, pending: () => Promise<{ activityId?: string | null } | undefined>) => ({
  namespace: temporal.options.namespace,
  execution: { workflowId: `unlock-${correlationId}` },
  id: (await pending())?.activityId ?? '',
  identity: 'mallory@laptop',
});

async function waiting(customerId: string) {
  const request = await begin(customerId, [muchLater]);
  await request.waits();
  return request;
}

describe('what is done to an unlock directly in Temporal', () => {
  it('a termination is on record, with the name and the reason that were given', async () => {
    const { correlationId } = await waiting('terminated');
    await handleOf(correlationId).terminate('I know better');
    await recorded(correlationId, [{ operation: 'terminate', identity: 'mallory@laptop', reason: 'I know better' }]);
    const [row] = await latchkey.sql(
      `select customer_id, actor_id, run_id is not null as run, metadata->>'recordedBy' as by from audit_event
       where correlation_id = $1 and action = 'operator.out_of_band'`,
      [correlationId],
    );
    // Nobody has verified who it was.
    expect(row).toEqual({ customer_id: 'terminated', actor_id: null, run: true, by: 'reconciler' });
  });

  it('so are a request to cancel and a signal, once the request has ended', async () => {
    const { correlationId } = await waiting('cancelled');
    await handleOf(correlationId).signal('hurry');
    await handleOf(correlationId).cancel();
    await recorded(correlationId, [
      { operation: 'signal', identity: 'mallory@laptop', reason: 'hurry' },
      { operation: 'cancel', identity: 'mallory@laptop', reason: null },
    ]);
  });

  it('so is a reset, of a request that had ended or not', async () => {
    const { correlationId, handle } = await begin('reset');
    await handle.result();
    const { runId } = await handle.describe();
    await temporal.workflowService.resetWorkflowExecution(
      ResetWorkflowExecutionRequest.fromObject({
        namespace: temporal.options.namespace,
        workflowExecution: { workflowId: `unlock-${correlationId}`, runId },
        reason: 'once more',
        workflowTaskFinishEventId: 4,
        requestId: randomUUID(),
        identity: 'mallory@laptop',
      }),
    );
    await recorded(correlationId, [{ operation: 'reset', identity: expect.any(String), reason: expect.stringContaining('once more') }]);
  });

  it('so is a pause, while it lasts', async () => {
    const { correlationId, pending, act } = await waiting('paused');
    const activity = await activityOf(correlationId, pending);
    await temporal.workflowService.pauseActivity({ ...activity, reason: 'lunch' });
    await recorded(correlationId, [{ operation: 'pause_activity', identity: 'mallory@laptop', reason: 'lunch' }]);
    await reconcile();
    expect(await onRecord(correlationId)).toHaveLength(1);
    await act('resume');
  });

  it('and each is counted once', () => {
    expect(counted.toSorted()).toEqual(['cancel', 'pause_activity', 'reset', 'signal', 'terminate']);
  });
});

describe('what is done through the front door', () => {
  it('stands on record once, and is not taken for anything else', async () => {
    const paused = await begin('paused-by-us', [{ ...muchLater, times: 5 }]);
    await paused.waits();
    const cancelled = await waiting('cancelled-by-us');
    expect((await paused.act('pause')).httpStatus).toBe(202);
    expect((await cancelled.act('cancel')).httpStatus).toBeLessThan(300);
    await cancelled.handle.result();
    const foreign = await waiting('terminated-later');
    await handleOf(foreign.correlationId).terminate('later');
    // By the time that this one is told the others have been looked at.
    await recorded(foreign.correlationId, [{ operation: 'terminate', identity: 'mallory@laptop', reason: 'later' }]);
    await reconcile();
    expect(await onRecord(paused.correlationId)).toEqual([]);
    // What the front door did once hides nothing that somebody else does later.
    await paused.act('resume');
    await eventually(async () => expect((await paused.pending())?.paused ?? false).toBe(false));
    await paused.waits();
    await temporal.workflowService.pauseActivity(await activityOf(paused.correlationId, paused.pending));
    await recorded(paused.correlationId, [{ operation: 'pause_activity', identity: 'mallory@laptop', reason: null }]);
    expect(await onRecord(cancelled.correlationId)).toEqual([]);
    await paused.act('cancel');
  }, 120_000);
});
