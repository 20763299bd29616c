import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { auditEventId } from '../../src/audit/event-id.js';
import { silentObserver, type ReconcilerFinding } from '../../src/domain/observer.js';
import type { CustomerSetup } from '../../src/sandbox/index.js';
import type { reconcileAudit } from '../../workflows/index.js';
import { eventually } from '../support/eventually.js';
import { inShort, openLatchkey, type Latchkey } from '../support/latchkey.js';

const atOnce = { afterMs: 1, openAfterMs: 1, unavailableAfterMs: 3_600_000 };
const found: ReconcilerFinding[] = [];
const reconciler = { ...atOnce };
let latchkey: Latchkey;
beforeAll(async () => {
  latchkey = await openLatchkey({
    budget: { retryAfterMaxMs: 600_000, deadlineMs: 900_000 },
    observer: { ...silentObserver, reconcilerFound: (finding) => void found.push(finding) },
    bricks: () => ({ reconciler }),
  });
});
afterAll(() => latchkey.close());
beforeEach(() => {
  Object.assign(reconciler, atOnce);
  found.length = 0;
});

const muchLater = { httpStatus: 429, headers: { 'Retry-After': '300' } };

function reconcile() {
  return latchkey.client.workflow.execute<typeof reconcileAudit>('reconcileAudit', {
    taskQueue: latchkey.taskQueue,
    workflowId: `reconcile-audit-${randomUUID()}`,
  });
}

async function begin(customerId: string, setup: CustomerSetup) {
  const correlationId = randomUUID();
  latchkey.sandbox.customers.set(customerId, setup);
  await latchkey.call('/v1/unlocks', { method: 'POST', body: { customerId, reason: 'calls us' }, headers: { correlationId } });
  const handle = latchkey.client.workflow.getHandle(`unlock-${correlationId}`);
  return { correlationId, handle, story: async () => inShort(await latchkey.story(correlationId)) };
}

/** A request that waits for its next attempt, and whose workflow is then terminated. */
async function terminatedWhileWaiting(customerId: string, setup: CustomerSetup) {
  const begun = await begin(customerId, setup);
  await eventually(async () => expect((await begun.handle.describe()).raw.pendingActivities?.[0]?.attempt).toBe(2));
  await begun.handle.terminate('by an operator');
  return begun;
}

/** Visibility follows an execution's end by a moment. */
async function reconcileUntilEnded(correlationId: string): Promise<void> {
  await eventually(
    async () => {
      await reconcile();
      expect(inShort(await latchkey.story(correlationId)).at(-1)).toMatch(/^reconciled/);
    },
    { limitMs: 60_000, intervalMs: 250 },
  );
}

/** What the reconciler says that it found, as it stands on record. */
async function findings(correlationId: string): Promise<unknown[]> {
  const rows = await latchkey.story(correlationId);
  return rows.filter(({ action }) => action === 'reconciled').map(({ metadata }) => metadata.finding);
}

describe('a request whose workflow was terminated', () => {
  it('while it waited for its next attempt is ended as failed: nobody asked for it to be cancelled', async () => {
    const { correlationId, story } = await terminatedWhileWaiting('waiting', { script: [muchLater] });
    await reconcileUntilEnded(correlationId);
    expect((await story()).slice(2)).toEqual([
      'attempt_started 1',
      'attempt_finished 1 retryable 429',
      'operator.out_of_band',
      'completed failed',
      'reconciled',
    ]);
    expect(await latchkey.call(`/v1/unlocks/${correlationId}`)).toMatchObject({
      status: 200,
      body: { state: 'completed', outcome: 'failed', reason: 'calls us', attempts: [{ attempt: 1, result: 'retryable' }] },
    });
    expect((await latchkey.story(correlationId)).at(-1)?.metadata).toMatchObject({
      finding: 'missing_outcome',
      outcome: 'failed',
      temporal: { state: 'terminated' },
      recordedBy: 'reconciler',
    });
    expect(latchkey.puts(correlationId)).toHaveLength(1);
    expect(found).toEqual(['missing_outcome']);
  });

  it('is ended as cancelled where somebody had asked for that, by what the audit log says', async () => {
    const { correlationId, handle } = await terminatedWhileWaiting('asked', { script: [muchLater] });
    const action = 'customer.unlock.cancel_requested';
    await latchkey.audit.append({
      id: auditEventId(handle.workflowId, action, 'once'),
      occurredAt: new Date(),
      action,
      correlationId,
      institutionId: latchkey.sandbox.institutionId,
      customerId: 'asked',
      actorType: 'user',
      actorId: 'operator-1',
    });
    await reconcileUntilEnded(correlationId);
    expect(inShort(await latchkey.story(correlationId))).toContain('completed cancelled');
  });

  it('whose last attempt is unknown is ended by what the bank says now: unlocked, attributed', async () => {
    const { correlationId, story } = await terminatedWhileWaiting('applied', {
      script: [{ loseConnection: 'after_applying' }, { on: 'status' }, { on: 'status', ...muchLater, times: 2 }],
    });
    await reconcileUntilEnded(correlationId);
    expect(await story()).toContain('completed unlocked attributed not_locked');
    expect(latchkey.puts(correlationId)).toHaveLength(1);
  });

  it('whose attempt had succeeded is ended unlocked, and a lock that was put on since is left alone', async () => {
    const { correlationId, handle, story } = await begin('locked-again', { script: [{ httpStatus: 503 }, { answerDelayMs: 700 }] });
    await eventually(() => expect(latchkey.puts(correlationId)).toHaveLength(2));
    await handle.terminate();
    await eventually(async () => expect(await story()).toContain('attempt_finished 2 succeeded 204'));
    latchkey.sandbox.customers.lock('locked-again');
    await reconcileUntilEnded(correlationId);
    expect(await story()).toContain('completed unlocked still_locked locked');
    expect(latchkey.puts(correlationId)).toHaveLength(2);
  });

  it('is left alone while it is young', async () => {
    const { correlationId, story } = await terminatedWhileWaiting('young', { script: [muchLater] });
    reconciler.afterMs = 600_000;
    const before = await story();
    expect((await reconcile()).waiting).toContain(correlationId);
    expect(await story()).toEqual(before);
    reconciler.afterMs = atOnce.afterMs;
    await reconcileUntilEnded(correlationId);
  });

  it('is ended once, however many look into it at once', async () => {
    const begun = await Promise.all(
      Array.from({ length: 6 }, (_, index) => terminatedWhileWaiting(`at-once-${index}`, { script: [muchLater] })),
    );
    await eventually(async () => {
      await Promise.all([reconcile(), reconcile(), reconcile()]);
      for (const { correlationId } of begun) expect(await findings(correlationId)).toEqual(['missing_outcome']);
    });
    await Promise.all([reconcile(), reconcile()]);
    for (const { story } of begun) expect((await story()).slice(4)).toEqual(['operator.out_of_band', 'completed failed', 'reconciled']);
    expect(found).toHaveLength(begun.length);
  });
});

describe('a request whose workflow runs', () => {
  it('is left alone, however long it has been open', async () => {
    const { correlationId, handle, story } = await begin('running', { script: [muchLater] });
    await eventually(async () => expect((await handle.describe()).raw.pendingActivities?.[0]?.attempt).toBe(2));
    const before = await story();
    expect((await reconcile()).waiting).toContain(correlationId);
    expect(await story()).toEqual(before);
    await handle.cancel();
    expect(await handle.result()).toMatchObject({ outcome: 'cancelled' });
    expect((await reconcile()).waiting).not.toContain(correlationId);
    expect(await findings(correlationId)).toEqual([]);
  });
});

describe('with the bank away', () => {
  const lost: CustomerSetup = {
    script: [{ loseConnection: 'after_applying' }, { on: 'status' }, { on: 'status', httpStatus: 503, times: 'always' }],
  };

  it('a request that rests on the status waits, and is ended by what the bank says when it is back', async () => {
    const { correlationId, story } = await terminatedWhileWaiting('away', lost);
    await eventually(async () => {
      expect((await reconcile()).waiting).toContain(correlationId);
      expect(await story()).toContain('status_checked unknown');
    });
    const before = await story();
    await reconcile();
    expect(await story()).toEqual(before);
    latchkey.sandbox.customers.set('away', { state: { locked: false } });
    await reconcileUntilEnded(correlationId);
    expect((await story()).slice(before.length)).toEqual(['completed unlocked attributed not_locked', 'reconciled']);
  });

  it('for long, it is ended as what is known: failed, unavailable', async () => {
    const { correlationId, story } = await terminatedWhileWaiting('away-for-long', lost);
    reconciler.unavailableAfterMs = 1_000;
    await reconcileUntilEnded(correlationId);
    expect(await story()).toContain('completed failed unavailable unknown');
  });
});

describe('where audit log and Temporal differ', () => {
  /** As somebody with the owner's rights could. */
  async function tamper(statement: string, correlationId: string): Promise<void> {
    await latchkey.sql('ALTER TABLE audit_event DISABLE TRIGGER ALL');
    await latchkey.sql(statement, [correlationId]);
    for (const trigger of ['audit_event_stamp', 'audit_event_refuse_row_change', 'audit_event_refuse_change']) {
      await latchkey.sql(`ALTER TABLE audit_event ENABLE ALWAYS TRIGGER ${trigger}`);
    }
  }

  it('that is told and nothing is rewritten: an outcome that was changed by hand', async () => {
    const { correlationId, handle } = await begin('tampered', {});
    await handle.result();
    await tamper(
      `UPDATE audit_event SET outcome = 'failed', verification = null WHERE correlation_id = $1 AND outcome IS NOT NULL`,
      correlationId,
    );
    await reconcileUntilEnded(correlationId);
    const rows = await latchkey.story(correlationId);
    expect(inShort(rows).slice(-2)).toEqual(['completed failed not_locked', 'reconciled']);
    expect(rows.at(-1)?.metadata).toMatchObject({
      finding: 'disagreement',
      told: { outcome: 'unlocked', attempts: 1 },
      stands: { outcome: 'failed', attempts: 1 },
    });
    await reconcile();
    expect(await findings(correlationId)).toEqual(['disagreement']);
    expect(found.filter((finding) => finding === 'disagreement')).toHaveLength(1);
  });

  it('an outcome that the audit log has lost is recorded as Temporal tells it, and what else is missing is told', async () => {
    const { correlationId, handle } = await begin('restored', {});
    await handle.result();
    await tamper('DELETE FROM audit_event WHERE correlation_id = $1', correlationId);
    await reconcileUntilEnded(correlationId);
    expect(inShort(await latchkey.story(correlationId)).slice(0, 2)).toEqual(['requested', 'completed unlocked confirmed']);
    expect(await findings(correlationId)).toEqual(['missing_request', 'missing_outcome', 'disagreement']);
    expect(await latchkey.call(`/v1/unlocks/${correlationId}`)).toMatchObject({ body: { state: 'completed', outcome: 'unlocked' } });
  });
});

describe('a clean unlock', () => {
  it('is looked at and left as it is', async () => {
    const { correlationId, handle, story } = await begin('clean', {});
    await handle.result();
    const before = await story();
    await sleep(500);
    const { waiting } = await reconcile();
    expect(waiting).not.toContain(correlationId);
    expect(await story()).toEqual(before);
  });
});
