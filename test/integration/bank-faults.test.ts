import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { inShort, openLatchkey, type Latchkey } from '../support/latchkey.js';

let latchkey: Latchkey;
beforeAll(async () => {
  latchkey = await openLatchkey();
});
afterAll(() => latchkey.close());

async function unlock(customerId: string) {
  const correlationId = randomUUID();
  const answer = await latchkey.unlock(customerId, correlationId);
  return { answer, correlationId, story: inShort(await latchkey.story(correlationId)), puts: latchkey.puts(correlationId) };
}

const begun = ['requested', 'status_checked locked', 'attempt_started 1'];
const unlockedAtSecond = [
  'status_checked locked',
  'attempt_started 2',
  'attempt_finished 2 succeeded 204',
  'completed unlocked confirmed not_locked',
];

describe('a bank that', () => {
  it('answers 503 twice is asked a third time, its status read before every PUT but the first', async () => {
    const { answer, story } = await unlock('two-503');
    expect(answer.status).toBe(204);
    expect(story).toEqual([
      ...begun,
      'attempt_finished 1 retryable 503',
      'status_checked locked',
      'attempt_started 2',
      'attempt_finished 2 retryable 503',
      'status_checked locked',
      'attempt_started 3',
      'attempt_finished 3 succeeded 204',
      'completed unlocked confirmed not_locked',
    ]);
  });

  it('answers 429 is left alone for as long as its Retry-After says', async () => {
    const { answer, story, puts } = await unlock('retry-after-429');
    expect(answer.status).toBe(204);
    expect(story).toEqual([...begun, 'attempt_finished 1 retryable 429', ...unlockedAtSecond]);
    const [first, second] = puts.map(({ arrivedAt }) => Date.parse(arrivedAt));
    expect((second ?? 0) - (first ?? 0)).toBeGreaterThanOrEqual(1_990);
  });

  it.each(['quota-500', 'spike-500'])('is asked too fast (%s) is tried again', async (customerId) => {
    const { answer, story } = await unlock(customerId);
    expect(answer.status).toBe(204);
    expect(story).toEqual([...begun, 'attempt_finished 1 retryable 500', ...unlockedAtSecond]);
  });

  it('calls the token expired gets a new one at once', async () => {
    const tokensBefore = latchkey.sandbox.calls().filter(({ endpoint }) => endpoint === 'token').length;
    const { answer, story } = await unlock('expired-jwt-400');
    expect(answer.status).toBe(204);
    expect(story).toEqual([...begun, 'attempt_finished 1 retryable 400', ...unlockedAtSecond]);
    expect(latchkey.sandbox.calls().filter(({ endpoint }) => endpoint === 'token').length).toBe(tokensBefore + 1);
  });

  it('calls a new token expired too has rejected the unlock, and the fault is told as ours', async () => {
    const { answer, story } = await unlock('always-expired-jwt-400');
    expect(answer.status).toBe(502);
    expect(story).toEqual([
      ...begun,
      'attempt_finished 1 retryable 400',
      'status_checked locked',
      'attempt_started 2',
      'attempt_finished 2 rejected 400',
      'completed rejected',
    ]);
  });

  it('has dropped every token is asked with a new one', async () => {
    await unlock('locked-1');
    latchkey.sandbox.revokeTokens();
    const { answer, story } = await unlock('locked-2');
    expect(answer.status).toBe(204);
    expect(story).toHaveLength(5);
  });

  it.each([
    ['bad-request-400', 400, 'UXU_10012'],
    ['forbidden-403', 403, 'UXU_10002'],
    ['gone-404', 404, 'UXU_10000'],
  ])('refuses for good (%s) is not asked again, and its answer is passed on', async (customerId, httpStatus, code) => {
    const { answer, story, puts } = await unlock(customerId);
    expect(answer).toMatchObject({ status: httpStatus, body: { status: httpStatus, code } });
    expect(story).toEqual([...begun, `attempt_finished 1 rejected ${httpStatus}`, 'completed rejected']);
    expect(puts).toHaveLength(1);
  });

  it('refuses with 409 while the customer stays locked has rejected the unlock', async () => {
    const { answer, story } = await unlock('conflict-409');
    expect(answer.status).toBe(409);
    expect(story).toEqual([...begun, 'attempt_finished 1 rejected 409', 'completed rejected locked']);
  });

  it('refuses with 409 because the customer is unlocked by now ends the request as not locked', async () => {
    const { answer, story } = await unlock('unlocked-meanwhile-409');
    expect(answer).toMatchObject({ status: 409, body: { code: 'LATCHKEY_NOT_LOCKED' } });
    expect(story).toEqual([...begun, 'attempt_finished 1 rejected 409', 'completed not_locked not_locked']);
  });

  it.each([
    ['html-502', 502],
    ['wrong-content-type', 503],
    ['huge-body', 503],
  ])('answers what cannot be read (%s) is judged by its status alone', async (customerId, httpStatus) => {
    const { answer, story } = await unlock(customerId);
    expect(answer.status).toBe(204);
    expect(story).toEqual([...begun, `attempt_finished 1 retryable ${httpStatus}`, ...unlockedAtSecond]);
  });

  it.each(['null-200', 'slow-body'])('answers 200 (%s) has unlocked, whatever its body', async (customerId) => {
    const { answer, story } = await unlock(customerId);
    expect(answer.status).toBe(204);
    expect(story).toEqual([...begun, 'attempt_finished 1 succeeded 200', 'completed unlocked confirmed not_locked']);
  });

  it.each(['answer-lost', 'late-answer'])(
    'unlocks without telling (%s) is not asked twice: the unlock is attributed',
    async (customerId) => {
      const { answer, story, puts } = await unlock(customerId);
      expect(answer.status).toBe(204);
      expect(story).toEqual([
        ...begun,
        'attempt_finished 1 unknown',
        'status_checked not_locked',
        'completed unlocked attributed not_locked',
      ]);
      expect(puts).toHaveLength(1);
    },
  );

  it('breaks the connection before it unlocks is asked again once the status says locked', async () => {
    const { answer, story } = await unlock('reset-before');
    expect(answer.status).toBe(204);
    expect(story).toEqual([...begun, 'attempt_finished 1 unknown', ...unlockedAtSecond]);
  });

  it('locks the customer again right after the unlock has unlocked, with a warning', async () => {
    const { answer, story, correlationId } = await unlock('locked-again');
    expect(answer.status).toBe(204);
    expect(story.at(-1)).toBe('completed unlocked still_locked locked');
    const { body } = await latchkey.call(`/v1/unlocks/${correlationId}`);
    expect(body).toMatchObject({
      outcome: 'unlocked',
      verification: 'still_locked',
      diagnosis: expect.stringContaining('guessing the password'),
    });
  });

  it('cannot tell the status at first is asked again before any PUT', async () => {
    const { answer, story } = await unlock('status-two-503');
    expect(answer.status).toBe(204);
    expect(story).toEqual([
      'requested',
      'status_checked unknown',
      'status_checked unknown',
      'status_checked locked',
      'attempt_started 1',
      'attempt_finished 1 succeeded 204',
      'completed unlocked confirmed not_locked',
    ]);
  });
});

describe('what the bank writes', () => {
  it('is recorded with its code and message, control characters escaped and cut at 500', async () => {
    latchkey.sandbox.customers.set('talkative', {
      script: [{ httpStatus: 403, code: 'ODD_1', message: `line one\n${'x'.repeat(600)}` }],
    });
    const { correlationId } = await unlock('talkative');
    const [row] = await latchkey.sql('select upstream_code, upstream_message from unlock_attempt where correlation_id = $1', [
      correlationId,
    ]);
    expect(row).toMatchObject({ upstream_code: 'ODD_1', upstream_message: expect.stringMatching(/^line one\\u000ax{486}$/) });
  });

  it('of the customer beyond the flags goes nowhere', async () => {
    const { correlationId } = await unlock('locked-3');
    const rows = await latchkey.sql('select to_jsonb(audit_event) as row from audit_event where correlation_id = $1', [correlationId]);
    expect(rows).toHaveLength(5);
    expect(JSON.stringify(rows)).not.toMatch(/customer\.example|firstName|emailAddress/);
  });
});

describe('past its deadline', () => {
  it('a request ends failed, and no further PUT leaves', async () => {
    const impatient = await openLatchkey({ budget: { deadlineMs: 1_500, maxAttempts: 1_000 } });
    try {
      const correlationId = randomUUID();
      const answer = await impatient.unlock('always-503', correlationId);
      expect(answer).toMatchObject({ status: 503, body: { code: 'LATCHKEY_RETRIES_EXHAUSTED' } });
      const { body } = await impatient.call(`/v1/unlocks/${correlationId}`);
      expect(body).toMatchObject({ outcome: 'failed', state: 'completed' });
      const deadline = Date.parse((body as { requestedAt: string }).requestedAt) + 1_500;
      for (const put of impatient.puts(correlationId)) expect(Date.parse(put.arrivedAt)).toBeLessThanOrEqual(deadline);
    } finally {
      await impatient.close();
    }
  });
});
