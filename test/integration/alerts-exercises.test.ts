import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { CALLER_CLIENT_ID } from '../../src/sandbox/issuer.js';
import { taskQueue } from '../../src/temporal/settings.js';
import { eventually } from '../support/eventually.js';
import { startReceiver, webhookSecret, type Receiver } from '../support/receiver.js';
import { AT_LEISURE, startWatchedSystem, withPrometheus, type WatchedSystem } from '../support/watched-system.js';

let system: WatchedSystem;
let receiver: Receiver;
let folder: string;

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
    receiver = await startReceiver();
    folder = await mkdtemp(join(tmpdir(), 'latchkey-test-exercises-'));
    const webhook = { institutionId: 'sandbox-bank', clientId: CALLER_CLIENT_ID, url: receiver.url, secretVariable: 'RECEIVER_SECRET' };
    await writeFile(join(folder, 'webhooks.json'), JSON.stringify([webhook]));
    const telling = { WEBHOOKS_FILE: join(folder, 'webhooks.json'), RECEIVER_SECRET: webhookSecret() };
    // Longer than it may be cut off from Temporal.
    system = await startWatchedSystem({
      window: '16s',
      api: { RELOCK_WATCH_MS: '1000', UPSTREAM_TIMEOUT_MS: '10000', ...telling },
      worker: { UPSTREAM_TIMEOUT_MS: '10000', ...telling },
    });
    system.startSealer();
  }, 240_000);
  afterAll(async () => {
    await system.close();
    await receiver.close();
    await rm(folder, { recursive: true, force: true });
  });

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

  it('tells of a slow bank, of customers who are locked again, of denials that cannot be recorded, of callers who are not told, and of a request that nothing explains', async () => {
    const { client, sql } = system.latchkey;
    await sql("alter table audit_event add constraint exercise check (action <> 'access.denied') not valid");
    const knock = () => fetch(`${system.apiUrl}/v1/audit/events`, { headers: { authorization: 'Bearer nonsense' } });
    receiver.answerAlways({ httpStatus: 410 });
    const timer = setInterval(() => void knock().catch(() => undefined), 1_000);
    // What anybody can start who has the rights for it in Temporal, and ours cannot read.
    const workflowId = `unlock-${randomUUID()}`;
    await (await client.workflow.start('unlockCustomer', { workflowId, taskQueue, args: ['for nobody'] })).terminate();
    await system.askForMany(20, [{ on: 'status', delayMs: 6_500 }]);
    const unlocked = await system.askForMany(12, [{ lockAgain: true }]);
    try {
      await untilEnded(unlocked, 'unlocked');
      await system.fires('LatchkeyWebhooksNotDelivered');
      await system.fires('LatchkeyRelocked');
      await system.fires('LatchkeyDenialsLost');
      await system.fires('LatchkeyBankSlow');
    } finally {
      clearInterval(timer);
      receiver.answerAlways({ httpStatus: 204 });
      await sql('alter table audit_event drop constraint exercise');
    }
    await eventually(async () => {
      await client.workflow.execute('reconcileAudit', { taskQueue, workflowId: `reconcile-audit-${randomUUID()}` });
      expect(await system.firing()).toContain('LatchkeyNotMended');
    }, AT_LEISURE);
    const told = ['LatchkeyRelocked', 'LatchkeyDenialsLost', 'LatchkeyBankSlow', 'LatchkeyNotMended', 'LatchkeyWebhooksNotDelivered'];
    for (const alert of told) await system.isOver(alert);
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
