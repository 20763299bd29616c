import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { checkLockStatus } from '../../activities/check-lock-status.js';
import { PUT_LEAVES_WITHIN_MS } from '../../activities/in-flight.js';
import { recordOutcome } from '../../activities/record-outcome.js';
import { createRecorder, type Recorder } from '../../activities/recorder.js';
import { sendUnlock } from '../../activities/send-unlock.js';
import type { UnlockRequest } from '../../src/domain/unlock-request.js';
import type { CustomerSetup } from '../../src/sandbox/index.js';
import type { BankAnswer } from '../../src/upstream/index.js';
import { execution, wishAt } from '../support/by-hand.js';
import { inShort, openLatchkey, UPSTREAM_TIMEOUT_MS, type Latchkey } from '../support/latchkey.js';

let latchkey: Latchkey;
beforeAll(async () => {
  latchkey = await openLatchkey({ withWorker: false });
});
afterAll(() => latchkey.close());

const turn = { notBefore: null, because: null, mayPut: true };
const locked: CustomerSetup = {};
const open: CustomerSetup = { state: { locked: false } };
const unlockedAnswer: BankAnswer = {
  meaning: 'unlocked',
  httpStatus: 204,
  code: null,
  message: null,
  reason: null,
  retryAfterMs: null,
  durationMs: 1,
};

const wishFor = (customerId: string, setup: CustomerSetup): UnlockRequest => wishAt(latchkey, customerId, setup);
const executions = { lastFailureOf: async () => ({ kind: 'none' as const }) };
const parts = () => ({ upstream: latchkey.upstream, audit: latchkey.audit, executions });
const recorderOf = (request: UnlockRequest): Recorder => createRecorder(latchkey.audit, request, execution(request));
const storyOf = async (request: UnlockRequest) => inShort(await latchkey.story(request.correlationId));

async function claim(request: UnlockRequest, reviewedAttempt: number): Promise<void> {
  const { id, workflowId, runId, activityAttempt } = execution(request);
  const { correlationId, institutionId, customerId, budget } = request;
  const subject = { correlationId, institutionId, customerId, workflowId, runId, activityAttempt };
  await latchkey.audit.claimAttempt({
    ...subject,
    executionId: id,
    reviewedAttempt,
    maxAttempts: budget.maxAttempts,
    occurredAt: new Date(),
  });
}

describe('what was found before a crash', () => {
  it('stands: the check that found no lock finds none when it runs again, whoever has locked the customer since', async () => {
    const request = wishFor('check-again', open);
    expect(await checkLockStatus(parts(), request, execution(request))).toEqual({ kind: 'not_locked' });
    latchkey.sandbox.customers.lock('check-again');
    expect(await checkLockStatus(parts(), request, execution(request))).toEqual({ kind: 'not_locked' });
  });

  it('stands: a customer found unlocked after an unknown attempt is sent no other PUT, whoever has locked them since', async () => {
    const request = wishFor('review-again', { script: [{ loseConnection: 'after_applying' }] });
    await checkLockStatus(parts(), request, execution(request));
    await expect(sendUnlock(parts(), request, turn, execution(request))).rejects.toMatchObject({ type: 'BankUnavailable' });
    expect(await sendUnlock(parts(), request, turn, execution(request))).toEqual({ kind: 'found_not_locked' });
    latchkey.sandbox.customers.lock('review-again');
    expect(await sendUnlock(parts(), request, turn, execution(request))).toEqual({ kind: 'found_not_locked' });
    expect(latchkey.puts(request.correlationId)).toHaveLength(1);
    expect(await recordOutcome(parts(), request, 'not_locked', execution(request))).toMatchObject({
      outcome: 'unlocked',
      verification: 'attributed',
    });
  });

  it('stands against an execution that looked before: a worker that was taken for dead and its successor look at different times', async () => {
    const request = wishFor('two-looks', locked);
    expect(await checkLockStatus(parts(), request, execution(request))).toEqual({ kind: 'locked' });
    latchkey.sandbox.customers.set('two-looks', open);
    await recorderOf(request).statusChecked(await latchkey.upstream.readLockStatus(request), 0);
    latchkey.sandbox.customers.lock('two-looks');
    expect(await sendUnlock(parts(), request, turn, execution(request, { isLocal: true }))).toEqual({ kind: 'found_not_locked' });
    expect(latchkey.puts(request.correlationId)).toEqual([]);
    expect(await recordOutcome(parts(), request, 'not_locked', execution(request))).toEqual({
      outcome: 'not_locked',
      verification: null,
      attempts: 0,
    });
  });
});

describe('a success that is told late', () => {
  it.each([true, false])('ends the sending without another PUT, and the request as unlocked (a local execution: %s)', async (isLocal) => {
    const request = wishFor('late-success', locked);
    const recorder = recorderOf(request);
    await recorder.requested();
    await claim(request, 0);
    await recorder.attemptLost(1);
    expect(await recorder.attemptFinished(1, 'succeeded', unlockedAnswer)).toBe(false);
    expect(await sendUnlock(parts(), request, turn, execution(request, { isLocal }))).toEqual({ kind: 'succeeded' });
    expect(latchkey.puts(request.correlationId)).toEqual([]);
    expect(await recordOutcome(parts(), request, 'unlocked', execution(request))).toMatchObject({
      outcome: 'unlocked',
      verification: 'still_locked',
    });
  });

  it('leaves the next attempt no claim, also where the review did not see it yet', async () => {
    const request = wishFor('late-claim', locked);
    const recorder = recorderOf(request);
    await claim(request, 0);
    await recorder.attemptLost(1);
    await recorder.attemptFinished(1, 'succeeded', unlockedAnswer);
    await claim(request, 1);
    expect((await recorder.read()).record.attempts).toHaveLength(1);
  });
});

describe('a PUT', () => {
  it('does not leave where the claim was long in coming back: another execution may have begun by then', async () => {
    const request = wishFor('slow-claim', locked);
    const audit: typeof latchkey.audit = {
      ...latchkey.audit,
      async claimAttempt(wanted) {
        const attempt = await latchkey.audit.claimAttempt(wanted);
        await sleep(PUT_LEAVES_WITHIN_MS + 100);
        return attempt;
      },
    };
    await expect(sendUnlock({ ...parts(), audit }, request, turn, execution(request))).rejects.toMatchObject({ type: 'BankUnavailable' });
    expect(latchkey.puts(request.correlationId)).toEqual([]);
    expect(await storyOf(request)).toEqual(['attempt_started 1', 'attempt_finished 1 retryable']);
  });

  it('that another execution may still send is waited for, for as long as it may take to leave and to be answered', async () => {
    const request = wishFor('in-flight', locked);
    await claim(request, 0);
    const failure = await sendUnlock(parts(), request, turn, execution(request)).catch((error: unknown) => error);
    expect(failure).toMatchObject({ type: 'AttemptInFlight', nextRetryDelay: expect.any(Number) });
    const { nextRetryDelay } = failure as { nextRetryDelay: number };
    expect(nextRetryDelay).toBeGreaterThan(PUT_LEAVES_WITHIN_MS + UPSTREAM_TIMEOUT_MS);
  });

  it('does not leave where the execution was called off while it fetched the token', async () => {
    const request = wishFor('called-off', locked);
    let calledOff = false;
    const upstream: typeof latchkey.upstream = {
      ...latchkey.upstream,
      async token() {
        calledOff = true;
        return latchkey.upstream.token(latchkey.sandbox.institutionId);
      },
    };
    expect(await sendUnlock({ ...parts(), upstream }, request, turn, execution(request, { calledOff: () => calledOff }))).toEqual({
      kind: 'cancelled',
    });
    expect(await storyOf(request)).toEqual([]);
  });
});

describe('an outcome', () => {
  it('that rests on the status is given up after four reads in vain, however many tries were lost to Postgres', async () => {
    const request = wishFor('unreadable', { script: [{ loseConnection: 'after_applying' }, { on: 'status', times: 4, httpStatus: 503 }] });
    const lostTries = { activityAttempt: 40 };
    await expect(sendUnlock(parts(), request, turn, execution(request, { isLocal: true }))).rejects.toMatchObject({
      type: 'BankUnavailable',
    });
    for (const _ of [1, 2, 3])
      await expect(recordOutcome(parts(), request, 'failed', execution(request, lostTries))).rejects.toMatchObject({
        type: 'BankUnavailable',
      });
    expect(await recordOutcome(parts(), request, 'failed', execution(request, lostTries))).toMatchObject({
      outcome: 'failed',
      verification: 'unavailable',
    });
    expect(await storyOf(request)).toEqual([
      'attempt_started 1',
      'attempt_finished 1 unknown',
      'requested',
      ...Array<string>(3).fill('status_checked unknown'),
      'completed failed unavailable unknown',
    ]);
  });

  it('is not recorded past an attempt that another execution made meanwhile: it is worked out again', async () => {
    const request = wishFor('overtaken', locked);
    const recorder = recorderOf(request);
    await recorder.requested();
    await claim(request, 0);
    await recorder.attemptLost(1);
    const upstream: typeof latchkey.upstream = {
      ...latchkey.upstream,
      async readLockStatus(call) {
        const reading = await latchkey.upstream.readLockStatus(call);
        expect(await sendUnlock(parts(), request, turn, execution(request))).toEqual({ kind: 'succeeded' });
        return reading;
      },
    };
    await expect(recordOutcome({ ...parts(), upstream }, request, 'cancelled', execution(request))).rejects.toMatchObject({
      because: 'attempt_was_overlooked',
    });
    expect(await recordOutcome(parts(), request, 'cancelled', execution(request))).toEqual({
      outcome: 'unlocked',
      verification: 'confirmed',
      attempts: 2,
    });
  });
});
