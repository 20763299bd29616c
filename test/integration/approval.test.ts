import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { WorkflowHandle } from '@temporalio/client';
import { silentObserver } from '../../src/domain/observer.js';
import { unlockSchema } from '../../src/http/answer-schemas.js';
import { createDenials } from '../../src/http/denials.js';
import { eventually } from '../support/eventually.js';
import { inShort, openLatchkey, type Latchkey } from '../support/latchkey.js';

const GUARD = { maxUnlocks: 2, windowMs: 86_400_000, approvalMs: 600_000 };
const REASON = 'Called the customer back on the number on file';
const counted: string[] = [];
const nothing = (): void => undefined;
let latchkey: Latchkey;
let second: string;
let third: string;
let asker: string;
beforeAll(async () => {
  latchkey = await openLatchkey({
    settings: { repeatGuard: GUARD },
    reconciler: { afterMs: 1, openAfterMs: 900_000 },
    denials: (audit) => createDenials({ audit, observer: silentObserver, log: { info: nothing, warn: nothing, error: nothing } }),
    observer: { ...silentObserver, approvalChanged: (event) => void counted.push(event) },
  });
  asker = await latchkey.sandbox.mintToken({ subject: 'ann', name: 'Ann Agent' });
  second = await latchkey.sandbox.mintToken({ subject: 'lea', name: 'Lea Lead' });
  third = await latchkey.sandbox.mintToken({ subject: 'tom', name: 'Tom Third' });
});
afterAll(() => latchkey.close());

const lock = (customerId: string, house = latchkey): void => void house.sandbox.customers.set(customerId, { state: { locked: true } });

async function unlockedOften(customerId: string, times = GUARD.maxUnlocks, house = latchkey): Promise<void> {
  for (let time = 0; time < times; time += 1) {
    lock(customerId, house);
    const correlationId = randomUUID();
    await eventually(async () => expect((await house.unlock(customerId, correlationId)).status).toBe(204), { limitMs: 60_000 });
  }
  lock(customerId, house);
}

const read = async (correlationId: string, house = latchkey) => unlockSchema.parse((await house.call(`/v1/unlocks/${correlationId}`)).body);

async function ask(customerId: string, house = latchkey, token = asker): Promise<string> {
  const correlationId = randomUUID();
  const { status } = await house.call('/v1/unlocks', { method: 'POST', body: { customerId }, headers: { correlationId }, token });
  expect(status).toBe(202);
  return correlationId;
}

async function waits(customerId: string, house = latchkey): Promise<string> {
  await unlockedOften(customerId, GUARD.maxUnlocks, house);
  const correlationId = await ask(customerId, house);
  await eventually(async () => expect((await read(correlationId, house)).approval?.state).toBe('waiting'), { limitMs: 60_000 });
  return correlationId;
}

const decide = (correlationId: string, decision: string, token = second, body: object = { reason: REASON }) =>
  latchkey.call(`/v1/unlocks/${correlationId}:${decision}`, { method: 'POST', body, token });
const ended = (correlationId: string, house = latchkey) =>
  eventually(
    async () => {
      const unlock = await read(correlationId, house);
      expect(unlock.state).toBe('completed');
      return unlock;
    },
    { limitMs: 60_000 },
  );
const storyOf = async (correlationId: string) => inShort(await latchkey.story(correlationId));

describe('a customer who was unlocked as often as is granted', () => {
  it('waits for a second person, and no PUT is sent meanwhile', async () => {
    const correlationId = await waits('often');
    const { state, approval, attempts } = await read(correlationId);
    expect([state, attempts]).toEqual(['running', []]);
    expect(approval).toMatchObject({ state: 'waiting', unlocks: 2, windowMs: GUARD.windowMs, decidedBy: null });
    expect(await storyOf(correlationId)).toEqual(['requested', 'status_checked locked', 'approval_required']);
    expect(latchkey.puts(correlationId)).toEqual([]);
    expect(counted).toContain('required');
  });

  it('is unlocked once a second person has approved, of whom the record tells', async () => {
    const correlationId = await waits('approved');
    const { status, body } = await decide(correlationId, 'approve', second, { reason: REASON, ticket: 'HD-1' });
    expect([200, 202]).toContain(status);
    expect(unlockSchema.parse(body).approval).toMatchObject({
      state: 'approved',
      decidedBy: { id: 'lea', name: 'Lea Lead' },
      reason: REASON,
    });
    expect((await ended(correlationId)).outcome).toBe('unlocked');
    expect(await storyOf(correlationId)).toEqual([
      'requested',
      'status_checked locked',
      'approval_required',
      'approved',
      'status_checked locked',
      'attempt_started 1',
      'attempt_finished 1 succeeded 204',
      'completed unlocked confirmed not_locked',
    ]);
    const [row] = await latchkey.sql(
      `select actor_type, actor_id, actor_name, reason, ticket from audit_event where correlation_id = $1 and action = 'customer.unlock.approved'`,
      [correlationId],
    );
    expect(row).toEqual({ actor_type: 'user', actor_id: 'lea', actor_name: 'Lea Lead', reason: REASON, ticket: 'HD-1' });
  });

  it('stays locked where a second person declines', async () => {
    const correlationId = await waits('declined');
    expect([200, 202]).toContain((await decide(correlationId, 'decline')).status);
    const { outcome, diagnosis, approval } = await ended(correlationId);
    expect([outcome, approval?.state]).toEqual(['cancelled', 'declined']);
    expect(diagnosis).toMatch(/second person declined/i);
    expect(latchkey.puts(correlationId)).toEqual([]);
    const again = await latchkey.unlock('declined', correlationId);
    expect([again.status, again.body]).toEqual([
      409,
      expect.objectContaining({ code: 'LATCHKEY_CANCELLED', message: expect.stringMatching(/declined/) }),
    ]);
  });

  it('is asked for anew after the approval: who is not locked any more gets no PUT', async () => {
    const correlationId = await waits('recovered');
    latchkey.sandbox.customers.set('recovered', { state: { locked: false } });
    await decide(correlationId, 'approve');
    expect((await ended(correlationId)).outcome).toBe('not_locked');
    expect(latchkey.puts(correlationId)).toEqual([]);
  });

  it('is told of by the drop-in, which does not say unlocked', async () => {
    const short = await openLatchkey({ settings: { repeatGuard: { ...GUARD, maxUnlocks: 1 }, unlockWaitMs: 500 } });
    try {
      await unlockedOften('often', 1, short);
      const { status, body } = await short.unlock('often');
      expect([status, body]).toEqual([504, expect.objectContaining({ message: expect.stringMatching(/second person/i) })]);
    } finally {
      await short.close();
    }
  });

  it('is found among those that wait, until somebody has decided', async () => {
    const correlationId = await waits('listed');
    const list = async () => {
      const { body } = await latchkey.call('/v1/unlocks?approval=waiting&limit=200');
      return JSON.stringify(body).includes(correlationId);
    };
    expect(await list()).toBe(true);
    await decide(correlationId, 'decline');
    expect(await list()).toBe(false);
  });

  it('would wait, as a dry run tells', async () => {
    await unlockedOften('tried');
    const { body } = await latchkey.call('/v1/unlocks', { method: 'POST', body: { customerId: 'tried', dryRun: true } });
    expect(body).toMatchObject({ approvalNeeded: true, because: expect.stringMatching(/second person/) });
  });
});

describe('who may decide', () => {
  it('is not who asked for the unlock', async () => {
    const correlationId = await waits('own');
    const { status, body } = await decide(correlationId, 'approve', asker);
    expect([status, body]).toEqual([403, expect.objectContaining({ code: 'approver_not_allowed' })]);
    expect((await read(correlationId)).approval?.state).toBe('waiting');
    await eventually(async () => {
      const rows = await latchkey.sql(`select actor_id, metadata->>'code' as code from audit_event where action = 'access.denied'`);
      expect(rows).toContainEqual({ actor_id: 'ann', code: 'approver_not_allowed' });
    });
  });

  it('is not whom a service has named as the one who asks, however it spells the name', async () => {
    await unlockedOften('named');
    const service = await latchkey.sandbox.mintToken({ subject: 'tool', clientId: 'tool' });
    const correlationId = randomUUID();
    const body = { customerId: 'named', onBehalfOf: 'LEA' };
    await latchkey.call('/v1/unlocks', { method: 'POST', body, headers: { correlationId }, token: service });
    await eventually(async () => expect((await read(correlationId)).approval?.state).toBe('waiting'), { limitMs: 60_000 });
    expect((await decide(correlationId, 'approve')).status).toBe(403);
    expect([200, 202]).toContain((await decide(correlationId, 'approve', third)).status);
  });

  it('is no service', async () => {
    const correlationId = await waits('by-service');
    const service = await latchkey.sandbox.mintToken({ subject: 'tool', clientId: 'tool' });
    expect((await decide(correlationId, 'approve', service)).status).toBe(403);
  });

  it('needs the scope, and the institution', async () => {
    const correlationId = await waits('scoped');
    const without = await latchkey.sandbox.mintToken({ subject: 'lea', scopes: ['unlocks:operate', 'institution-users:write'] });
    expect((await decide(correlationId, 'approve', without)).status).toBe(403);
    const elsewhere = await latchkey.sandbox.mintToken({ subject: 'lea', institutionId: 'elsewhere' });
    expect((await decide(correlationId, 'approve', elsewhere)).status).toBe(403);
  });

  it('says why', async () => {
    const correlationId = await waits('unexplained');
    expect((await decide(correlationId, 'approve', second, {})).status).toBe(400);
  });
});

describe('a decision', () => {
  it('stands: another one after it is refused, the same one again is the same', async () => {
    const correlationId = await waits('twice');
    latchkey.sandbox.customers.set('twice', { state: { locked: true }, script: [{ on: 'status', delayMs: 3_000 }] });
    expect((await decide(correlationId, 'approve')).status).toBe(202);
    expect([(await decide(correlationId, 'decline', third)).status, (await decide(correlationId, 'approve', third)).status]).toEqual([
      409, 409,
    ]);
    expect([200, 202]).toContain((await decide(correlationId, 'approve')).status);
    await ended(correlationId);
    const rows = (await latchkey.story(correlationId)).filter(({ action }) => action === 'approved' || action === 'declined');
    expect(rows).toHaveLength(1);
  });

  it('of two at once one stands', async () => {
    const correlationId = await waits('race');
    const replies = await Promise.all([decide(correlationId, 'approve'), decide(correlationId, 'decline', third)]);
    expect(replies.map(({ status }) => (status < 300 ? 'taken' : status)).sort()).toEqual([409, 'taken']);
    const { approval, outcome } = await ended(correlationId);
    expect(outcome).toBe(approval?.state === 'approved' ? 'unlocked' : 'cancelled');
  });

  it('that is only claimed in Temporal changes nothing', async () => {
    const correlationId = await waits('forged');
    const handle: WorkflowHandle = latchkey.client.workflow.getHandle(`unlock-${correlationId}`);
    expect(await handle.executeUpdate<string, [object]>('approvalDecided', { args: [{ decision: 'approve', actor: 'lea' }] })).toBe(
      'undecided',
    );
    expect((await read(correlationId)).approval?.state).toBe('waiting');
    expect(latchkey.puts(correlationId)).toEqual([]);
    await decide(correlationId, 'decline');
    await ended(correlationId);
    const outOfBand = () =>
      latchkey.sql(`select correlation_id, metadata->>'operation' as operation from audit_event where action = 'operator.out_of_band'`);
    await eventually(
      async () => {
        await latchkey.client.workflow.execute('reconcileAudit', {
          taskQueue: latchkey.taskQueue,
          workflowId: `reconcile-audit-${randomUUID()}`,
        });
        // The front door's own updates are none of it.
        expect(await outOfBand()).toEqual([{ correlation_id: correlationId, operation: 'update' }]);
      },
      { limitMs: 60_000, intervalMs: 500 },
    );
  });

  it('on a request that waits for none is refused', async () => {
    lock('plain');
    const correlationId = randomUUID();
    latchkey.sandbox.customers.set('plain', { state: { locked: true }, script: [{ httpStatus: 503, times: 'always' }] });
    await latchkey.call('/v1/unlocks', { method: 'POST', body: { customerId: 'plain' }, headers: { correlationId } });
    await eventually(async () => expect((await read(correlationId)).attempts.length).toBeGreaterThan(0), { limitMs: 60_000 });
    expect((await decide(correlationId, 'approve')).body).toMatchObject({ code: 'nothing_to_act_on' });
    expect((await decide(randomUUID(), 'approve')).status).toBe(404);
  });
});

describe('a request that has no row yet', () => {
  it('is known, and does not wait for anybody', async () => {
    const idle = await openLatchkey({ settings: { repeatGuard: GUARD }, withWorker: false });
    try {
      const token = await idle.sandbox.mintToken({ subject: 'ann' });
      const correlationId = await ask('fresh', idle, token);
      const path = `/v1/unlocks/${correlationId}:approve`;
      const reply = await idle.call(path, { method: 'POST', body: { reason: REASON }, token });
      expect([reply.status, reply.body]).toEqual([409, expect.objectContaining({ code: 'nothing_to_act_on' })]);
    } finally {
      await idle.close();
    }
  });
});

describe('while it waits', () => {
  it('it can be cancelled, and nothing else can be done to it', async () => {
    const correlationId = await waits('steered');
    const act = (action: string) => latchkey.call(`/v1/unlocks/${correlationId}:${action}`, { method: 'POST', body: { reason: REASON } });
    for (const action of ['pause', 'resume', 'retry-now']) {
      expect((await act(action)).body).toMatchObject({ code: 'nothing_to_act_on', detail: expect.stringMatching(/second person/) });
    }
    expect((await act('cancel')).status).toBe(202);
    expect(await ended(correlationId)).toMatchObject({ outcome: 'cancelled', approval: { state: 'cancelled' } });
  });

  it('no worker need be there, and the decision that was made meanwhile is found when the time is over', async () => {
    const alone = await openLatchkey({ settings: { repeatGuard: { ...GUARD, maxUnlocks: 1, approvalMs: 12_000 } }, withWorker: false });
    try {
      const worker = await alone.addWorker();
      const approver = await alone.sandbox.mintToken({ subject: 'lea' });
      await unlockedOften('patient', 1, alone);
      const correlationId = await ask('patient', alone, await alone.sandbox.mintToken({ subject: 'ann' }));
      await eventually(async () => expect((await read(correlationId, alone)).approval?.state).toBe('waiting'), { limitMs: 60_000 });
      await worker.stop();
      const reply = await alone.call(`/v1/unlocks/${correlationId}:approve`, { method: 'POST', body: { reason: REASON }, token: approver });
      expect([reply.status, reply.body]).toEqual([503, expect.objectContaining({ detail: expect.stringMatching(/on record/) })]);
      await alone.addWorker();
      expect((await ended(correlationId, alone)).outcome).toBe('unlocked');
    } finally {
      await alone.close();
    }
  }, 120_000);
});

describe('without a decision', () => {
  it('the request ends failed, and says why', async () => {
    const hasty = await openLatchkey({ settings: { repeatGuard: { ...GUARD, maxUnlocks: 1, approvalMs: 500 } } });
    try {
      await unlockedOften('forgotten', 1, hasty);
      const correlationId = await ask('forgotten', hasty, await hasty.sandbox.mintToken({ subject: 'ann' }));
      const { outcome, diagnosis, approval } = await ended(correlationId, hasty);
      expect([outcome, approval?.state]).toEqual(['failed', 'expired']);
      expect(diagnosis).toMatch(/no second person approved/);
      const late = await hasty.call(`/v1/unlocks/${correlationId}:approve`, { method: 'POST', body: { reason: REASON } });
      expect([late.status, late.body]).toEqual([409, expect.objectContaining({ code: 'request_has_ended' })]);
    } finally {
      await hasty.close();
    }
  });
});

describe('an unlock', () => {
  it('that is the first in the window asks nobody', async () => {
    const narrow = await openLatchkey({ settings: { repeatGuard: { ...GUARD, maxUnlocks: 1, windowMs: 1 } } });
    try {
      await unlockedOften('rare', 3, narrow);
    } finally {
      await narrow.close();
    }
  });
});
