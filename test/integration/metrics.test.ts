import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import proto from '@temporalio/proto';
import { createMetrics } from '../../src/metrics/index.js';
import { eventually } from '../support/eventually.js';
import { openLatchkey, type Latchkey } from '../support/latchkey.js';
import { parseExposition } from '../support/prometheus.js';

const metrics = createMetrics({ ofProcess: false });
let latchkey: Latchkey;
const ended = randomUUID();

beforeAll(async () => {
  latchkey = await openLatchkey({ observer: metrics.observer });
  const { customers } = latchkey.sandbox;
  customers.set('lost', { script: [{ loseConnection: 'after_applying' }] });
  customers.set('slow', { script: [{ answerDelayMs: 200 }] });
  const unlocks = ['locked-1', 'locked-2', 'two-503', 'forbidden-403', 'open-1', 'lost', 'slow', 'nobody-knows-them'].map((id) =>
    latchkey.unlock(id),
  );
  await Promise.all([...unlocks, latchkey.unlock('locked-3', ended)]);
});
afterAll(() => latchkey.close());

/** Counts by the values of their labels, zeros left out. */
async function counted(name: string): Promise<Record<string, number>> {
  const samples = parseExposition(await metrics.text()).filter((sample) => sample.name === name && sample.value > 0);
  return Object.fromEntries(samples.map(({ labels, value }) => [Object.values(labels).join(' '), value]));
}

async function onRecord(what: string, where: string): Promise<Record<string, number>> {
  const rows = await latchkey.sql<{ name: string; count: number }>(
    `select ${what} as name, count(*)::int as count from audit_event where ${where} group by 1`,
  );
  return Object.fromEntries(rows.map(({ name, count }) => [name, count]));
}

describe('after real unlocks the metrics', () => {
  it('agree with the audit log on outcomes and on results of attempts', async () => {
    const outcomes = await onRecord('outcome', "action = 'customer.unlock.completed'");
    expect(Object.keys(outcomes).sort()).toEqual(['not_locked', 'rejected', 'unlocked']);
    expect(await counted('latchkey_unlock_requests_completed_total')).toEqual(outcomes);
    const results = await onRecord('result', "action = 'customer.unlock.attempt_finished'");
    expect(Object.keys(results).sort()).toEqual(['rejected', 'retryable', 'succeeded', 'unknown']);
    expect(await counted('latchkey_unlock_attempts_total')).toEqual(results);
  });

  it('agree with it on what was written', async () => {
    const written = Object.entries(await counted('latchkey_audit_write_duration_seconds_count')).filter(([name]) =>
      name.endsWith(' written'),
    );
    const rows = await onRecord("action || ' written'", "action like 'customer.unlock.%'");
    expect(Object.fromEntries(written)).toEqual(rows);
  });

  it('agree with the bank on what it was asked and what it answered', async () => {
    const answers: Record<string, number> = {};
    for (const { endpoint, answer } of latchkey.sandbox.calls()) {
      const name = `${endpoint} ${typeof answer === 'number' ? `${Math.floor(answer / 100)}xx` : 'no_answer'}`;
      answers[name] = (answers[name] ?? 0) + 1;
    }
    expect(answers).toMatchObject({ 'unlock no_answer': 1, 'unlock 5xx': 2, 'token 2xx': expect.any(Number) });
    expect(await counted('latchkey_bank_call_duration_seconds_count')).toEqual(answers);
    const calls = await counted('latchkey_bank_call_duration_seconds_sum');
    expect(calls['unlock 2xx']).toBeGreaterThanOrEqual(0.2);
  });

  it('count an outcome once, however often its workflow runs', async () => {
    const before = await counted('latchkey_unlock_requests_completed_total');
    const workflowId = `unlock-${ended}`;
    const { runId } = await latchkey.client.workflow.getHandle(workflowId).describe();
    const { ResetWorkflowExecutionRequest } = proto.temporal.api.workflowservice.v1;
    const wish = { workflowTaskFinishEventId: 4, requestId: randomUUID(), reason: 'tried by an operator' };
    const reset = { namespace: 'default', workflowExecution: { workflowId, runId }, ...wish };
    await latchkey.client.workflowService.resetWorkflowExecution(ResetWorkflowExecutionRequest.fromObject(reset));
    expect(await latchkey.client.workflow.getHandle(workflowId).result()).toMatchObject({ outcome: 'unlocked' });
    expect(await counted('latchkey_unlock_requests_completed_total')).toEqual(before);
  });
});

describe('a write that fails', () => {
  it('is counted as failed: nobody knows whether its row stands', async () => {
    const away = await openLatchkey({ observer: metrics.observer, workerDatabaseUrl: async (url) => url.replace(/:\d+\//, ':9/') });
    try {
      await away.call('/v1/unlocks', { method: 'POST', body: { customerId: 'locked-1' } });
      await eventually(async () =>
        expect(await counted('latchkey_audit_write_duration_seconds_count')).toHaveProperty(['customer.unlock.requested failed']),
      );
    } finally {
      await away.close();
    }
  });
});
