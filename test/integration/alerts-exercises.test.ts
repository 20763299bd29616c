import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { taskQueue } from '../../src/temporal/settings.js';
import { eventually } from '../support/eventually.js';
import { AT_LEISURE, startWatchedSystem, withPrometheus, type WatchedSystem } from '../support/watched-system.js';

let system: WatchedSystem;

/** Until each of them has ended with this outcome. */
async function untilEnded(correlationIds: readonly string[], outcome: string): Promise<void> {
  await eventually(async () => {
    const query = `select count(*)::int as count from audit_event
      where action = 'customer.unlock.completed' and outcome = $1 and correlation_id = any ($2::uuid[])`;
    expect(await system.latchkey.sql(query, [outcome, correlationIds])).toEqual([{ count: correlationIds.length }]);
  }, AT_LEISURE);
}

/** As the superuser whom the triggers do not stop. */
async function asSuperuser(statements: string): Promise<void> {
  await system.latchkey.sql(
    `begin; alter table audit_tree_head disable trigger all; ${statements}; alter table audit_tree_head enable always trigger audit_tree_head_refuse_change; commit`,
  );
}

withPrometheus('the running system, watched by Prometheus: exercises', () => {
  beforeAll(async () => {
    // Longer than it may be cut off from Temporal.
    system = await startWatchedSystem({
      window: '16s',
      api: { RELOCK_WATCH_MS: '1000', UPSTREAM_TIMEOUT_MS: '10000' },
      worker: { UPSTREAM_TIMEOUT_MS: '10000' },
    });
    system.startSealer();
  }, 240_000);
  afterAll(() => system.close());

  it('tells of steps that wait for a worker, while none reaches Temporal', async () => {
    const waiting = await system.askForMany(30, [{ httpStatus: 503, headers: { 'Retry-After': '2' } }]);
    const pending = async (correlationId: string) => {
      const { raw } = await system.latchkey.client.workflow.getHandle(`unlock-${correlationId}`).describe();
      return raw.pendingActivities?.[0]?.attempt;
    };
    await eventually(async () => expect(new Set(await Promise.all(waiting.map(pending)))).toEqual(new Set([2])), AT_LEISURE);
    system.wayToTemporal.cut();
    await new Promise((resolve) => setTimeout(resolve, 9_000));
    system.wayToTemporal.restore();
    await system.fires('LatchkeyTasksWait');
    await system.isOver('LatchkeyTasksWait');
  }, 200_000);

  it('tells of a slow bank, of customers who are locked again, of denials that cannot be recorded, and of a request that nothing explains', async () => {
    const { client, sql } = system.latchkey;
    await sql("alter table audit_event add constraint exercise check (action <> 'access.denied') not valid");
    const knock = () => fetch(`${system.apiUrl}/v1/audit/events`, { headers: { authorization: 'Bearer nonsense' } });
    const timer = setInterval(() => void knock().catch(() => undefined), 1_000);
    // What anybody can start who has the rights for it in Temporal, and ours cannot read.
    const workflowId = `unlock-${randomUUID()}`;
    await (await client.workflow.start('unlockCustomer', { workflowId, taskQueue, args: ['for nobody'] })).terminate();
    await system.askForMany(20, [{ on: 'status', delayMs: 6_500 }]);
    const unlocked = await system.askForMany(12, [{ lockAgain: true }]);
    try {
      await untilEnded(unlocked, 'unlocked');
      await system.fires('LatchkeyRelocked');
      await system.fires('LatchkeyDenialsLost');
      await system.fires('LatchkeyBankSlow');
    } finally {
      clearInterval(timer);
      await sql('alter table audit_event drop constraint exercise');
    }
    await eventually(async () => {
      await client.workflow.execute('reconcileAudit', { taskQueue, workflowId: `reconcile-audit-${randomUUID()}` });
      expect(await system.firing()).toContain('LatchkeyNotMended');
    }, AT_LEISURE);
    for (const alert of ['LatchkeyRelocked', 'LatchkeyDenialsLost', 'LatchkeyBankSlow', 'LatchkeyNotMended']) await system.isOver(alert);
  }, 200_000);

  it('tells of an audit log that somebody has tampered with, until it is put right', async () => {
    const { client, sql } = system.latchkey;
    const newest = '(tree_id, size) = (select tree_id, size from audit_tree_head order by tree_id desc, size desc limit 1)';
    const flip = `update audit_tree_head set root = set_byte(root, 0, get_byte(root, 0) # 255) where ${newest}`;
    const isSealed = async () =>
      expect(
        await sql('select count(*)::int as left from audit_event e where not exists (select from audit_leaf l where l.event_id = e.id)'),
      ).toEqual([{ left: 0 }]);
    await eventually(isSealed, AT_LEISURE);
    await asSuperuser(flip);
    await system.askForMany(1, []);
    await system.fires('LatchkeySealBroken');
    await asSuperuser(flip);
    await client.schedule.getHandle('seal-audit').trigger();
    await eventually(isSealed, AT_LEISURE);
    await system.isOver('LatchkeySealBroken');
  }, 200_000);
});
