import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { auditEventId } from '../../src/audit/event-id.js';
import { silentObserver, type ReconcilerFinding } from '../../src/domain/observer.js';
import type { CustomerSetup } from '../../src/sandbox/index.js';
import { scheduleReconciler } from '../../src/temporal/schedules.js';
import { unlockWorkflowId } from '../../src/domain/unlock-request.js';
import type { reconcileAudit } from '../../workflows/index.js';
import { eventually } from '../support/eventually.js';
import { inShort, openLatchkey, type Latchkey } from '../support/latchkey.js';

// What was accepted here no worker has seen: the first one begins when everything has been terminated or deleted.
const found: ReconcilerFinding[] = [];
const institutionId = 'sandbox-bank';
const neverThere = randomUUID();
const NOW_MS = 0;
const IN_TEN_MINUTES_MS = 600_000;
let latchkey: Latchkey;
beforeAll(async () => {
  latchkey = await openLatchkey({
    withWorker: false,
    reconciler: { afterMs: 1, openAfterMs: 1 },
    observer: { ...silentObserver, reconcilerFound: (finding) => void found.push(finding) },
  });
});
afterAll(() => latchkey.close());

const handleOf = (correlationId: string) => latchkey.client.workflow.getHandle(unlockWorkflowId(correlationId));
const storyOf = async (correlationId: string) => inShort(await latchkey.story(correlationId));

async function accept(customerId: string, setup: CustomerSetup = {}): Promise<string> {
  const correlationId = randomUUID();
  latchkey.sandbox.customers.set(customerId, setup);
  const answer = await latchkey.call('/v1/unlocks', {
    method: 'POST',
    body: { customerId, reason: 'never seen', ticket: 'T-1' },
    headers: { correlationId },
  });
  expect(answer.status).toBe(202);
  return correlationId;
}

/** The rows that a worker leaves that dies with its PUT out. */
async function leaveAttemptOpen(correlationId: string, customerId: string, deadlineInMs: number): Promise<void> {
  const workflowId = unlockWorkflowId(correlationId);
  const subject = { correlationId, institutionId, customerId, workflowId, runId: 'run-1' };
  const action = 'customer.unlock.requested';
  const deadlineAt = new Date(Date.now() + deadlineInMs).toISOString();
  const request = { ...subject, actorType: 'user', actorId: 'agent-1', metadata: { deadlineAt } } as const;
  await latchkey.audit.append({ ...request, id: auditEventId(workflowId, action, 'once'), action, occurredAt: new Date() });
  const claim = { activityAttempt: 1, executionId: randomUUID(), reviewedAttempt: 0, maxAttempts: 6, occurredAt: new Date() };
  expect(await latchkey.audit.claimAttempt({ ...subject, ...claim })).toBe(1);
}

async function forget(correlationId: string): Promise<void> {
  const { workflowId } = handleOf(correlationId);
  await latchkey.client.workflowService.deleteWorkflowExecution({ namespace: 'default', workflowExecution: { workflowId } });
  await eventually(async () => expect(await latchkey.executions.find(correlationId)).toBeNull(), { limitMs: 90_000 });
}

function reconcile() {
  return latchkey.client.workflow.execute<typeof reconcileAudit>('reconcileAudit', {
    taskQueue: latchkey.taskQueue,
    workflowId: `reconcile-audit-${randomUUID()}`,
  });
}

async function reconcileUntilEnded(...correlationIds: string[]): Promise<void> {
  await eventually(
    async () => {
      await reconcile();
      for (const correlationId of correlationIds) expect((await storyOf(correlationId)).at(-1)).toMatch(/^reconciled/);
    },
    { limitMs: 60_000, intervalMs: 500 },
  );
}

describe('what no worker has carried on', () => {
  it('is ended from what Temporal and the audit log still know', async () => {
    const [unseen, cancelled, applied, stillLocked, forgotten] = await Promise.all([
      accept('unseen'),
      accept('cancelled-unseen'),
      accept('applied', { state: { locked: false } }),
      accept('still-locked'),
      accept('forgotten', { state: { locked: false } }),
    ]);
    await Promise.all([
      leaveAttemptOpen(applied, 'applied', IN_TEN_MINUTES_MS),
      leaveAttemptOpen(stillLocked, 'still-locked', IN_TEN_MINUTES_MS),
      leaveAttemptOpen(forgotten, 'forgotten', NOW_MS),
      leaveAttemptOpen(neverThere, 'never-there', IN_TEN_MINUTES_MS),
    ]);
    await handleOf(cancelled).cancel();
    await Promise.all([unseen, cancelled, applied, stillLocked].map((correlationId) => handleOf(correlationId).terminate('gone wrong')));
    await forget(forgotten);
    await latchkey.addWorker();
    await reconcileUntilEnded(unseen, cancelled, applied, stillLocked, forgotten);
    expect(await storyOf(unseen)).toEqual(['operator.out_of_band', 'requested', 'completed failed', 'reconciled', 'reconciled']);
    expect(await storyOf(cancelled)).toEqual([
      'operator.out_of_band',
      'operator.out_of_band',
      'requested',
      'completed cancelled',
      'reconciled',
      'reconciled',
    ]);
    const mended = (ending: string, ...outOfBand: string[]) => [
      'requested',
      'attempt_started 1',
      ...outOfBand,
      'attempt_finished 1 unknown',
      `completed ${ending}`,
      'reconciled 1',
      'reconciled',
    ];
    expect(await storyOf(applied)).toEqual(mended('unlocked attributed not_locked', 'operator.out_of_band'));
    expect(await storyOf(stillLocked)).toEqual(mended('failed still_locked locked', 'operator.out_of_band'));
    expect(await storyOf(forgotten)).toEqual(mended('unlocked attributed not_locked'));
    expect((await latchkey.story(forgotten)).at(-1)?.metadata).toMatchObject({ temporal: { state: 'gone' } });

    const [requested] = await latchkey.sql(
      `select reason, ticket, workflow_id from audit_event where correlation_id = $1 and action = 'customer.unlock.requested'`,
      [unseen],
    );
    expect(requested).toMatchObject({ reason: 'never seen', ticket: 'T-1', workflow_id: unlockWorkflowId(unseen) });
    expect(await latchkey.call(`/v1/unlocks/${unseen}`)).toMatchObject({ body: { state: 'completed', outcome: 'failed', attempts: [] } });
    expect(latchkey.sandbox.calls().filter(({ endpoint }) => endpoint === 'unlock')).toEqual([]);
    expect(new Set(found)).toEqual(new Set(['missing_request', 'missing_outcome', 'dangling_attempt']));
  }, 180_000);

  it('is left alone before its deadline where Temporal knows nothing of it: whoever carries it on might do so still', async () => {
    found.length = 0;
    expect((await reconcile()).waiting).toEqual([neverThere]);
    expect(await storyOf(neverThere)).toEqual(['requested', 'attempt_started 1']);
    expect(found).toEqual([]);
  });
});

describe('the schedule', () => {
  it('is made once, runs the reconciler, and hands each run what the last one left', async () => {
    const scheduleId = `reconcile-audit-${randomUUID()}`;
    const wish = { scheduleId, taskQueue: latchkey.taskQueue, intervalMs: 1_000 };
    await scheduleReconciler(latchkey.client, { ...wish, intervalMs: 3_600_000 });
    const schedule = latchkey.client.schedule.getHandle(scheduleId);
    try {
      await schedule.pause('by an operator');
      await scheduleReconciler(latchkey.client, wish);
      expect(await schedule.describe()).toMatchObject({
        state: { paused: true, note: 'by an operator' },
        spec: { intervals: [{ every: 1_000 }] },
        policies: { overlap: 'SKIP', catchupWindow: 60_000 },
      });
      await schedule.unpause();
      const correlationId = await accept('scheduled', { script: [{ httpStatus: 503, times: 'always' }] });
      await eventually(async () => expect(await storyOf(correlationId)).toContain('attempt_started 2'));
      await handleOf(correlationId).terminate();
      await eventually(async () => expect((await storyOf(correlationId)).at(-1)).toMatch(/^reconciled/));

      const runs = await eventually(async () => {
        const { recentActions } = (await schedule.describe()).info;
        expect(recentActions.length).toBeGreaterThanOrEqual(3);
        return recentActions.map(({ action }) => action.workflow.workflowId);
      });
      const last = latchkey.client.workflow.getHandle<typeof reconcileAudit>(runs.at(-1) ?? '');
      const { scannedTo, comparison } = await last.result();
      expect(Number(scannedTo)).toBeGreaterThan(0);
      expect(comparison.comparedUntil).not.toBeNull();
      const { events } = await last.fetchHistory();
      expect(events?.[0]?.workflowExecutionStartedEventAttributes?.lastCompletionResult?.payloads).toHaveLength(1);
      expect(events?.length).toBeLessThan(40);
    } finally {
      await schedule.delete();
    }
  }, 120_000);
});
