import { describe, expect, it } from '@jest/globals';
import type { Attempt } from '../../src/domain/attempt.js';
import type { AuditEvent } from '../../src/domain/audit-event.js';
import type { UnlockRecord } from '../../src/domain/unlock-record.js';
import { dropInAnswer } from '../../src/http/drop-in-answer.js';
import { auditEvent } from '../support/audit-event.js';

const correlationId = 'f8187c63-678f-4f0c-9263-46723794661a';
const policy = { notLockedPolicy: 'reject' } as const;

function ended(outcome: AuditEvent['outcome'], more: Partial<UnlockRecord> = {}): UnlockRecord {
  return {
    requested: null,
    completed: auditEvent({ action: 'customer.unlock.completed', outcome }),
    attempts: [],
    statusChecks: [],
    approval: null,
    askedWait: null,
    ...more,
  };
}

function attempt(answer: Partial<Attempt>): Attempt {
  const moment = new Date('2026-01-31T09:30:00Z');
  const blank = {
    executionId: null,
    claimedAt: moment,
    httpStatus: null,
    upstreamCode: null,
    upstreamMessage: null,
    durationMs: 5,
    meaning: null,
    lateResult: null,
  };
  return { attempt: 1, startedAt: moment, finishedAt: moment, result: 'rejected', ...blank, ...answer };
}

const statusCheck = (columns: Partial<AuditEvent>): AuditEvent => auditEvent({ action: 'customer.unlock.status_checked', ...columns });
const answerFor = (record: UnlockRecord) => dropInAnswer(correlationId, record, policy);

describe('the drop-in endpoint', () => {
  it('answers unlocked with 204 and no body', () => {
    expect(answerFor(ended('unlocked'))).toEqual({ httpStatus: 204 });
  });

  it('answers not locked with 409 and the diagnosis, or 204 where the policy accepts it', () => {
    const record = ended('not_locked', { statusChecks: [statusCheck({ metadata: { diagnosis: 'Lift the hold.' } })] });
    expect(answerFor(record)).toMatchObject({
      httpStatus: 409,
      body: { status: 409, message: 'Lift the hold.', code: 'LATCHKEY_NOT_LOCKED' },
    });
    expect(dropInAnswer(correlationId, record, { notLockedPolicy: 'accept' })).toEqual({ httpStatus: 204 });
  });

  it("hands the bank's rejection on as recorded", () => {
    const rejected = attempt({ httpStatus: 404, upstreamCode: 'UXU_10000', upstreamMessage: 'No such user', meaning: 'no_such_customer' });
    const body = { status: 404, message: 'No such user', code: 'UXU_10000' };
    expect(answerFor(ended('rejected', { attempts: [rejected] }))).toEqual({ httpStatus: 404, body });
  });

  it('takes the rejection from the status read where that settled it', () => {
    const read = statusCheck({
      httpStatus: 403,
      upstreamCode: 'UXU_10002',
      upstreamMessage: 'No role',
      metadata: { meaning: 'forbidden' },
    });
    const body = { status: 403, message: 'No role', code: 'UXU_10002' };
    expect(answerFor(ended('rejected', { statusChecks: [read] }))).toEqual({ httpStatus: 403, body });
    const unwell = attempt({ httpStatus: 503, result: 'retryable', meaning: 'unwell' });
    expect(answerFor(ended('rejected', { attempts: [unwell], statusChecks: [read] }))).toEqual({ httpStatus: 403, body });
  });

  it.each([
    ['401', attempt({ httpStatus: 401, meaning: 'stale_token' }), 'LATCHKEY_UPSTREAM_REFUSED'],
    ['400 for a stale token', attempt({ httpStatus: 400, upstreamCode: 'UXU_10003', meaning: 'stale_token' }), 'LATCHKEY_UPSTREAM_REFUSED'],
    ['answer that is no 4xx', attempt({ httpStatus: 500, upstreamMessage: 'odd' }), 'LATCHKEY_REJECTED'],
  ])("turns the bank's %s into 502, because the fault is not the caller's", (_what, rejected, code) => {
    expect(answerFor(ended('rejected', { attempts: [rejected] }))).toMatchObject({ httpStatus: 502, body: { status: 502, code } });
  });

  it('gives words of its own where the bank gave none', () => {
    const answer = answerFor(ended('rejected', { attempts: [attempt({ httpStatus: 422 })] }));
    expect(answer).toEqual({ httpStatus: 422, body: { status: 422, message: expect.any(String), code: 'LATCHKEY_REJECTED' } });
  });

  it('tells cancelled and failed apart', () => {
    expect(answerFor(ended('cancelled'))).toMatchObject({ httpStatus: 409, body: { code: 'LATCHKEY_CANCELLED' } });
    expect(answerFor(ended('failed'))).toMatchObject({ httpStatus: 503, body: { code: 'LATCHKEY_RETRIES_EXHAUSTED' } });
  });

  it('never answers a 2xx while the unlock is running', () => {
    expect(answerFor({ ...ended('unlocked'), completed: null })).toMatchObject({
      httpStatus: 504,
      headers: { 'retry-after': '5', location: `/v1/unlocks/${correlationId}` },
      body: { status: 504, code: 'LATCHKEY_STILL_RUNNING' },
    });
  });
});
