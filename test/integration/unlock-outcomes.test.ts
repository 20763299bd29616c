import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { inShort, openLatchkey, type Latchkey } from '../support/latchkey.js';

let latchkey: Latchkey;
beforeAll(async () => {
  latchkey = await openLatchkey();
});
afterAll(() => latchkey.close());

const clean = [
  'requested',
  'status_checked locked',
  'attempt_started 1',
  'attempt_finished 1 succeeded 204',
  'completed unlocked confirmed not_locked',
];

describe('an unlock request', () => {
  it('unlocks a locked customer with one PUT and tells the whole story in five rows', async () => {
    const correlationId = randomUUID();
    const answer = await latchkey.unlock('locked-1', correlationId);
    expect(answer.status).toBe(204);
    expect(answer.headers.get('correlationid')).toBe(correlationId);
    expect(inShort(await latchkey.story(correlationId))).toEqual(clean);
    expect(latchkey.puts(correlationId)).toMatchObject([{ customerId: 'locked-1', applied: true, wasLocked: true, answer: 204 }]);
  });

  it('costs one workflow task and nine history events when it is clean, with all that operators read', async () => {
    const correlationId = randomUUID();
    await latchkey.unlock('locked-2', correlationId);
    const handle = latchkey.client.workflow.getHandle(`unlock-${correlationId}`);
    const { events } = await handle.fetchHistory();
    expect(events?.length).toBeLessThanOrEqual(9);
    expect(events?.filter((event) => event.workflowTaskCompletedEventAttributes)).toHaveLength(1);
    const description = await handle.describe();
    const pairs = Object.fromEntries(description.typedSearchAttributes.getAll().map(({ key, value }) => [key.name, value]));
    expect(pairs).toMatchObject({
      CorrelationId: correlationId,
      InstitutionId: 'sandbox-bank',
      UnlockOutcome: 'unlocked',
      UnlockAttempts: 1,
    });
    expect(pairs.CustomerRef).toMatch(/^[\w-]{22}$/);
    expect(await description.staticSummary()).toContain(correlationId);
    expect(await description.staticDetails()).toContain('sandbox-bank');
    expect(JSON.stringify([pairs, await description.staticSummary(), await description.staticDetails()])).not.toContain('locked-2');
  });

  it('sends no PUT for a customer who is not locked', async () => {
    const correlationId = randomUUID();
    const answer = await latchkey.unlock('open-1', correlationId);
    expect(answer).toMatchObject({ status: 409, body: { status: 409, code: 'LATCHKEY_NOT_LOCKED' } });
    expect(inShort(await latchkey.story(correlationId))).toEqual(['requested', 'status_checked not_locked', 'completed not_locked']);
    expect(latchkey.puts(correlationId)).toEqual([]);
  });

  it('says what will help a customer on hold, and that an unlock will not', async () => {
    const correlationId = randomUUID();
    await latchkey.unlock('on-hold-1', correlationId);
    const { body } = await latchkey.call(`/v1/unlocks/${correlationId}`);
    expect(body).toMatchObject({ outcome: 'not_locked', diagnosis: expect.stringContaining('hold must be lifted') });
  });

  it('unlocks a customer who is also on hold, and warns that the hold remains', async () => {
    const correlationId = randomUUID();
    expect((await latchkey.unlock('locked-on-hold-1', correlationId)).status).toBe(204);
    const { body } = await latchkey.call(`/v1/unlocks/${correlationId}`);
    expect(body).toMatchObject({ outcome: 'unlocked', diagnosis: expect.stringContaining('cannot log in yet') });
  });

  it('is rejected without a PUT where the bank knows no such customer', async () => {
    const correlationId = randomUUID();
    const answer = await latchkey.unlock('nobody-at-all', correlationId);
    expect(answer).toMatchObject({ status: 404, body: { status: 404, code: 'UXU_10000' } });
    expect(inShort(await latchkey.story(correlationId))).toEqual(['requested', 'status_checked unknown', 'completed rejected']);
    expect(latchkey.puts(correlationId)).toEqual([]);
  });

  it('fails when its attempts are used up, and says so', async () => {
    const correlationId = randomUUID();
    const answer = await latchkey.unlock('always-503', correlationId);
    expect(answer).toMatchObject({ status: 503, body: { code: 'LATCHKEY_RETRIES_EXHAUSTED' } });
    expect(latchkey.puts(correlationId)).toHaveLength(6);
    const attempts = await latchkey.sql(
      'select attempt, result, http_status from unlock_attempt where correlation_id = $1 order by attempt',
      [correlationId],
    );
    expect(attempts).toEqual([1, 2, 3, 4, 5, 6].map((attempt) => ({ attempt, result: 'retryable', http_status: 503 })));
  });

  it('answers a repeat from the record, without another PUT', async () => {
    const correlationId = randomUUID();
    await latchkey.unlock('locked-3', correlationId);
    latchkey.sandbox.customers.lock('locked-3');
    expect((await latchkey.unlock('locked-3', correlationId.toUpperCase())).status).toBe(204);
    expect(latchkey.puts(correlationId)).toHaveLength(1);
    latchkey.sandbox.customers.unlock('locked-3');
  });

  it('answers from the record for ever, also when Temporal has forgotten the workflow', async () => {
    const correlationId = randomUUID();
    await latchkey.unlock('locked-4', correlationId);
    const { workflowService } = latchkey.client;
    await workflowService.deleteWorkflowExecution({ namespace: 'default', workflowExecution: { workflowId: `unlock-${correlationId}` } });
    expect((await latchkey.unlock('locked-4', correlationId)).status).toBe(204);
    expect(latchkey.puts(correlationId)).toHaveLength(1);
  });

  it('refuses its correlationId to another customer, and says no more', async () => {
    const correlationId = randomUUID();
    await latchkey.unlock('locked-5', correlationId);
    const answer = await latchkey.call('/v1/unlocks', { method: 'POST', body: { customerId: 'locked-6' }, headers: { correlationId } });
    expect(answer).toMatchObject({ status: 409, body: { code: 'correlation_id_in_use' } });
    expect(JSON.stringify(answer.body)).not.toMatch(/locked-5|agent/);
    expect(latchkey.puts(correlationId)).toHaveLength(1);
  });

  it('is one workflow with one PUT, however many ask for it at once', async () => {
    const correlationId = randomUUID();
    const answers = await Promise.all(Array.from({ length: 20 }, () => latchkey.unlock('locked-7', correlationId)));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 204));
    expect(latchkey.puts(correlationId)).toHaveLength(1);
    expect(inShort(await latchkey.story(correlationId))).toEqual(clean);
  });

  it('records who joined it, where that is somebody else', async () => {
    const correlationId = randomUUID();
    await latchkey.unlock('locked-8', correlationId);
    const token = await latchkey.sandbox.mintToken({ subject: 'agent-2', name: 'Olga Other' });
    await latchkey.call('/v1/unlocks', {
      method: 'POST',
      body: { customerId: 'locked-8', reason: 'another reason' },
      headers: { correlationId },
      token,
    });
    const joined = await latchkey.sql(`select actor_id from audit_event where correlation_id = $1 and action = 'customer.unlock.joined'`, [
      correlationId,
    ]);
    expect(joined).toEqual([{ actor_id: 'agent-2' }]);
  });

  it('is taken with 202 and found under its Location', async () => {
    const accepted = await latchkey.call('/v1/unlocks', {
      method: 'POST',
      body: { customerId: 'locked-9', reason: 'Customer called', reasonCode: 'CALL', ticket: 'T-1' },
    });
    expect(accepted).toMatchObject({ status: 202, body: { state: 'running', customerId: 'locked-9', outcome: null, attempts: [] } });
    const location = accepted.headers.get('location') ?? '';
    const answer = await latchkey.call('/v1/unlocks', {
      method: 'POST',
      body: { customerId: 'locked-9' },
      headers: { correlationId: location.split('/').at(-1) ?? '', prefer: 'wait=30' },
    });
    expect(answer).toMatchObject({
      status: 200,
      body: { state: 'completed', outcome: 'unlocked', reason: 'Customer called', ticket: 'T-1' },
    });
    expect((await latchkey.call(location)).body).toEqual(answer.body);
  });
});
