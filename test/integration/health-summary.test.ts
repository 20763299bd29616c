import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { healthSummarySchema, lockStatusSchema, unlockSchema } from '../../src/http/answer-schemas.js';
import { eventually } from '../support/eventually.js';
import { openLatchkey, type Latchkey } from '../support/latchkey.js';
import { createSealer } from '../../src/audit/seal.js';
import { connectAudit } from '../../src/audit/connection.js';

let latchkey: Latchkey;
beforeAll(async () => {
  latchkey = await openLatchkey({
    others: ['other-bank'],
    settings: { repeatGuard: { maxUnlocks: 1, windowMs: 86_400_000, approvalMs: 600_000 } },
    budget: { initialIntervalMs: 60_000, maxIntervalMs: 60_000, deadlineMs: 600_000 },
  });
}, 60_000);
afterAll(() => latchkey.close());

const summary = async (token?: string) =>
  healthSummarySchema.parse((await latchkey.call('/v1/health-summary', token === undefined ? {} : { token })).body);
const unlockOf = async (id: string) => unlockSchema.parse((await latchkey.call(`/v1/unlocks/${id}`)).body);

async function ask(customerId: string): Promise<string> {
  const correlationId = randomUUID();
  await latchkey.call('/v1/unlocks', { method: 'POST', body: { customerId }, headers: { correlationId } });
  return correlationId;
}

async function waitsForRetry(): Promise<string> {
  const correlationId = await ask('always-503');
  await eventually(async () => expect((await unlockOf(correlationId)).nextAttemptAt).not.toBeNull(), { limitMs: 60_000 });
  return correlationId;
}

describe('the summary of health', () => {
  it('is empty where nothing was asked for', async () => {
    const { running, lastHour, sealing, parts } = await summary();
    expect(running).toMatchObject({ count: 0, waitingForApproval: 0, paused: 0, waitingForRetry: 0, oldest: null, complete: true });
    expect(lastHour).toMatchObject({ bankErrorRate: null, complete: true, outcomes: { unlocked: 0, failed: 0 } });
    expect(sealing).toEqual({ checkpointAt: null, newestRowAt: null, behindMs: null });
    expect(parts).toEqual([
      { part: 'postgres', ready: true },
      { part: 'temporal', ready: true },
    ]);
  });

  it('counts what is under way by what it waits for, and what ended by how it did', async () => {
    const oldest = await waitsForRetry();
    const paused = await waitsForRetry();
    await latchkey.call(`/v1/unlocks/${paused}:pause`, { method: 'POST', body: { reason: 'Quiet' } });
    expect((await latchkey.unlock('locked-1')).status).toBe(204);
    expect((await latchkey.unlock('open-1')).status).toBe(409);
    await latchkey.unlock('forbidden-403');
    latchkey.sandbox.customers.set('locked-1', { state: { locked: true } });
    const second = await ask('locked-1');
    await eventually(async () => expect((await unlockOf(second)).approval?.state).toBe('waiting'), { limitMs: 60_000 });

    const { running, lastHour, sealing } = await summary();
    expect(running).toMatchObject({ count: 3, waitingForApproval: 1, paused: 1, waitingForRetry: 1, complete: true });
    expect(running.oldest?.correlationId).toBe(oldest);
    expect(lastHour.outcomes).toEqual({ unlocked: 1, not_locked: 1, rejected: 1, failed: 0, cancelled: 0 });
    expect(lastHour.attempts).toEqual({ succeeded: 1, rejected: 1, retryable: 2, unknown: 0 });
    expect(lastHour.bankErrorRate).toBe(0.5);
    expect(sealing).toEqual({ checkpointAt: null, newestRowAt: expect.any(String), behindMs: null });

    await latchkey.call(`/v1/unlocks/${paused}:resume`, { method: 'POST', body: { reason: 'On' } });
    await eventually(async () => expect((await summary()).running).toMatchObject({ paused: 0, waitingForRetry: 2 }), { limitMs: 60_000 });
    for (const id of [oldest, paused, second])
      await latchkey.call(`/v1/unlocks/${id}:cancel`, { method: 'POST', body: { reason: 'Done' } });
    await eventually(
      async () =>
        expect(await summary()).toMatchObject({
          running: { count: 0, waitingForApproval: 0, waitingForRetry: 0, oldest: null },
          lastHour: { outcomes: { cancelled: 3 } },
        }),
      { limitMs: 60_000 },
    );
  });

  it("is one institution's, and asks for the right to operate", async () => {
    await latchkey.unlock('locked-2');
    const other = latchkey.otherSandboxes[0]?.institutionId ?? '';
    const elsewhere = await latchkey.sandbox.mintToken({ institutionId: other });
    const { running, lastHour } = await summary(elsewhere);
    expect(running.count).toBe(0);
    expect(lastHour.outcomes).toEqual({ unlocked: 0, not_locked: 0, rejected: 0, failed: 0, cancelled: 0 });
    const reader = await latchkey.sandbox.mintToken({ scopes: ['institution-users:read', 'audit:read'] });
    const { status, body } = await latchkey.call('/v1/health-summary', { token: reader });
    expect([status, body]).toEqual([403, expect.objectContaining({ code: 'insufficient_scope' })]);
    expect((await latchkey.call('/v1/health-summary?customerId=x')).status).toBe(400);
  });

  it('tells how far the seal is behind', async () => {
    const sealing = connectAudit({ databaseUrl: latchkey.database.url, role: 'latchkey_sealer', poolSize: 2 });
    try {
      const sealer = createSealer({ prisma: sealing.prisma, origin: 'test.example/log' });
      while ((await sealer.sealNext())?.more === true);
      const head = await sealer.unsignedHead();
      if (head === null) throw new Error('nothing was sealed');
      await sealer.keepCheckpoint(head, 'a note');
    } finally {
      await sealing.close();
    }
    expect((await summary()).sealing).toMatchObject({ checkpointAt: expect.any(String), behindMs: 0 });
    await latchkey.unlock('open-1');
    const behind = (await summary()).sealing;
    expect(behind.behindMs).toBe(Date.parse(behind.newestRowAt ?? '') - Date.parse(behind.checkpointAt ?? ''));
    expect(behind.behindMs).toBeGreaterThan(0);
  });
});

describe('a look at the lock status', () => {
  it('tells beforehand that a second person would have to approve', async () => {
    const look = async (customerId: string) =>
      lockStatusSchema.parse((await latchkey.call(`/v1/customers/${customerId}/lock-status`)).body).approvalNeeded;
    expect(await look('locked-3')).toBe(false);
    await latchkey.unlock('locked-3');
    expect(await look('locked-3')).toBe(false);
    latchkey.sandbox.customers.set('locked-3', { state: { locked: true } });
    expect(await look('locked-3')).toBe(true);
  });
});
