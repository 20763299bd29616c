import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { sendUnlock } from '../../activities/send-unlock.js';
import type { UnlockRequest } from '../../src/domain/unlock-request.js';
import type { CustomerSetup } from '../../src/sandbox/index.js';
import { execution, wishAt } from '../support/by-hand.js';
import { openLatchkey, type Latchkey } from '../support/latchkey.js';

let latchkey: Latchkey;
beforeAll(async () => {
  latchkey = await openLatchkey({ withWorker: false });
});
afterAll(() => latchkey.close());

const turn = { notBefore: null, because: null, mayPut: true };
const parts = () => ({
  upstream: latchkey.upstream,
  audit: latchkey.audit,
  executions: { lastFailureOf: async () => ({ kind: 'none' as const }) },
});

describe('a wait that the bank asked for', () => {
  const askedToWait: CustomerSetup = { script: [{ httpStatus: 503, headers: { 'Retry-After': '60' } }] };
  /** Sends the first PUT, whose failure nobody hears of. */
  async function losesItsWait(customerId: string): Promise<UnlockRequest> {
    const wish = wishAt(latchkey, customerId, askedToWait);
    const request = { ...wish, budget: { ...wish.budget, retryAfterMaxMs: 30_000 } };
    await expect(sendUnlock(parts(), request, turn, execution(request, { isLocal: true }))).rejects.toMatchObject({
      type: 'BankUnavailable',
    });
    return request;
  }
  async function operatorAct(request: UnlockRequest, action: 'customer.unlock.retried_now' | 'customer.unlock.resumed'): Promise<void> {
    const { correlationId, institutionId, customerId, actor } = request;
    const who = { actorType: actor.type, actorId: actor.id, reason: 'The bank is back' };
    const workflowId = `unlock-${correlationId}`;
    await latchkey.audit.append({
      id: randomUUID(),
      occurredAt: new Date(),
      action,
      correlationId,
      institutionId,
      customerId,
      workflowId,
      ...who,
    });
  }

  it.each([true, false])(
    'outlives the failure that told of it, up to the longest that is honoured (a local execution: %s)',
    async (isLocal) => {
      const request = await losesItsWait(`lost-wait-${isLocal}`);
      const finished = await latchkey.sql<{ at: Date }>(
        "select occurred_at as at from audit_event where correlation_id = $1 and action = 'customer.unlock.attempt_finished'",
        [request.correlationId],
      );
      const dueMs = (finished[0]?.at.getTime() ?? 0) + 30_000;
      const failure: unknown = await sendUnlock(parts(), request, turn, execution(request, { isLocal })).catch((error: unknown) => error);
      expect(failure).toMatchObject({ type: 'BankUnavailable', details: [{ notBefore: expect.any(Number) }] });
      const { details } = failure as { details: [{ notBefore: number }] };
      expect(details[0].notBefore).toBeGreaterThanOrEqual(dueMs);
      expect(details[0].notBefore).toBeLessThanOrEqual(dueMs + 15_000);
      expect(latchkey.puts(request.correlationId)).toHaveLength(1);
    },
  );

  it.each(['customer.unlock.retried_now', 'customer.unlock.resumed'] as const)('is cut short by an operator: %s', async (action) => {
    const request = await losesItsWait(`hurried-${action.slice(16)}`);
    await operatorAct(request, action);
    expect(await sendUnlock(parts(), request, turn, execution(request))).toEqual({ kind: 'succeeded' });
  });

  it("is cut short by whoever runs the activity before its time by Temporal's own means", async () => {
    const request = await losesItsWait('hurried-in-temporal');
    const hurried = { ...parts(), executions: { lastFailureOf: async () => ({ kind: 'taken_away' as const }) } };
    expect(await sendUnlock(hurried, request, turn, execution(request))).toEqual({ kind: 'succeeded' });
  });

  it.each([
    { failure: 'BankUnavailable', holds: true, name: 'holds where a busy Temporal server runs the activity before its time' },
    { failure: 'RateLimited', holds: false, name: 'is over for whoever had been hurried past it and then met the rate' },
  ])('$name', async ({ failure, holds }) => {
    const request = await losesItsWait(`early-after-${failure}`);
    const early = { ...parts(), executions: { lastFailureOf: async () => ({ kind: 'kept' as const, type: failure }) } };
    const sent = sendUnlock(early, request, turn, execution(request));
    await (holds ? expect(sent).rejects.toMatchObject({ type: 'BankUnavailable' }) : expect(sent).resolves.toEqual({ kind: 'succeeded' }));
    expect(latchkey.puts(request.correlationId)).toHaveLength(holds ? 1 : 2);
  });

  it('holds where Temporal cannot say whether anybody has hurried it', async () => {
    const request = await losesItsWait('not-told');
    const silent = { ...parts(), executions: { lastFailureOf: () => Promise.reject(new Error('away')) } };
    await expect(sendUnlock(silent, request, turn, execution(request))).rejects.toMatchObject({ type: 'BankUnavailable' });
    expect(latchkey.puts(request.correlationId)).toHaveLength(1);
  });
});
