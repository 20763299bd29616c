import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { hasSucceeded, openAttempts } from '../../src/domain/attempt.js';
import type { AuditEvent } from '../../src/domain/audit-event.js';
import { foundNotLocked, unlockRecord, waitLeftMs } from '../../src/domain/unlock-record.js';
import { auditEvent } from '../support/audit-event.js';

const at = (second: number) => new Date(Date.UTC(2026, 0, 31, 9, 30, second));
const started = (attempt: number, columns: Partial<AuditEvent> = {}) =>
  auditEvent({ action: 'customer.unlock.attempt_started', attempt, ...columns });
const finished = (attempt: number, columns: Partial<AuditEvent> = {}) =>
  auditEvent({ action: 'customer.unlock.attempt_finished', attempt, result: 'retryable', ...columns });

describe('the story of an unlock request', () => {
  it('is empty where nothing is on record', () => {
    expect(unlockRecord([])).toEqual({ requested: null, completed: null, attempts: [], statusChecks: [], askedWait: null, approval: null });
  });

  it('tells who asked, what was read, what was tried and how it ended', () => {
    const requested = auditEvent({ action: 'customer.unlock.requested' });
    const first = auditEvent({ action: 'customer.unlock.status_checked', lockStatus: 'locked' });
    const second = auditEvent({ action: 'customer.unlock.status_checked', lockStatus: 'not_locked' });
    const completed = auditEvent({ action: 'customer.unlock.completed', outcome: 'unlocked' });
    const record = unlockRecord([requested, first, started(1), finished(1), second, completed]);
    expect(record.requested).toBe(requested);
    expect(record.completed).toBe(completed);
    expect(record.statusChecks).toEqual([first, second]);
    expect(record.attempts.map(({ attempt, result }) => [attempt, result])).toEqual([[1, 'retryable']]);
  });

  it('has an attempt as its two rows tell it', () => {
    const executionId = '5d2b6f0e-7d52-4b0e-8b45-1b3c7d1f4a11';
    const rows = [
      started(1, { executionId, occurredAt: at(1), recordedAt: at(2) }),
      finished(1, {
        occurredAt: at(3),
        recordedAt: at(4),
        result: 'rejected',
        httpStatus: 404,
        upstreamCode: 'UXU_10000',
        upstreamMessage: 'no such user',
        durationMs: 12,
        metadata: { meaning: 'no_such_customer' },
      }),
    ];
    expect(unlockRecord(rows).attempts).toEqual([
      {
        attempt: 1,
        executionId,
        startedAt: at(1),
        claimedAt: at(2),
        finishedAt: at(3),
        result: 'rejected',
        httpStatus: 404,
        upstreamCode: 'UXU_10000',
        upstreamMessage: 'no such user',
        durationMs: 12,
        meaning: 'no_such_customer',
        lateResult: null,
      },
    ]);
  });

  it('has an attempt without a result row as one that is out', () => {
    const { attempts } = unlockRecord([started(1), finished(1), started(2)]);
    expect(attempts[1]).toMatchObject({ attempt: 2, result: null, finishedAt: null, httpStatus: null, meaning: null });
    expect(openAttempts(attempts).map(({ attempt }) => attempt)).toEqual([2]);
  });

  it('keeps what an attempt was closed with beside the answer that came late', () => {
    const late = auditEvent({ action: 'customer.unlock.late_answer', attempt: 1, result: 'succeeded', httpStatus: 204 });
    const [attempt] = unlockRecord([started(1), finished(1, { result: 'unknown' }), late]).attempts;
    expect(attempt).toMatchObject({ result: 'unknown', httpStatus: null, lateResult: 'succeeded' });
    expect(attempt && hasSucceeded(attempt)).toBe(true);
  });

  it('counts no attempt of which only the end is on record', () => {
    expect(unlockRecord([finished(1)]).attempts).toEqual([]);
  });

  it('does not take a meaning for one that this version does not know', () => {
    expect(unlockRecord([started(1), finished(1, { metadata: { meaning: 'a later invention' } })]).attempts[0]?.meaning).toBeNull();
  });

  it('has its attempts in order of their numbers, in whatever order their rows were committed', () => {
    const numbers = fc.shuffledSubarray([1, 2, 3, 4, 5, 9, 10, 11], { minLength: 1 });
    fc.assert(
      fc.property(numbers, (order) => {
        const rows = order.flatMap((attempt) => [finished(attempt, { httpStatus: 500 + attempt }), started(attempt)]);
        const told = unlockRecord(rows).attempts.map(({ attempt, httpStatus }) => [attempt, httpStatus]);
        expect(told).toEqual(order.toSorted((left, right) => left - right).map((attempt) => [attempt, 500 + attempt]));
      }),
    );
  });
});

describe('a customer was found not locked', () => {
  const read = (lockStatus: 'locked' | 'not_locked' | 'unknown', afterAttempt: number) =>
    auditEvent({ action: 'customer.unlock.status_checked', lockStatus, metadata: { afterAttempt } });
  const found = (...events: AuditEvent[]) => foundNotLocked(unlockRecord(events));

  it('where a read before any attempt, or after the last one, says so', () => {
    expect(found(read('not_locked', 0))).toBe(true);
    expect(found(started(1), read('not_locked', 1))).toBe(true);
  });

  it('even if the customer reads as locked again later: somebody else did that', () => {
    expect(found(started(1), read('not_locked', 1), read('locked', 1))).toBe(true);
  });

  it('but not where an attempt followed, nor where the read was of something else', () => {
    expect(found()).toBe(false);
    expect(found(read('not_locked', 0), started(1))).toBe(false);
    expect(found(started(1), read('not_locked', 1), started(2))).toBe(false);
    expect(found(read('locked', 0), read('unknown', 0))).toBe(false);
  });
});

describe('what is left of the wait that the bank asked for', () => {
  const asks = (seconds: number, meaning = 'unwell') => ({ occurredAt: at(10), metadata: { meaning, retryAfterMs: seconds * 1_000 } });
  const left = (events: AuditEvent[], second: number, maxMs = 60_000) => waitLeftMs(unlockRecord(events), maxMs, at(second).getTime());
  const asked = [started(1), finished(1, asks(30))];

  it('counts from its answer, and is over in time', () => {
    expect([11, 39, 40, 45].map((second) => left(asked, second))).toEqual([29_000, 1_000, 0, 0]);
    expect(left([started(1), finished(1)], 11)).toBe(0);
  });

  it('is no more than what is honoured, however many seconds were asked for', () => {
    expect(left([started(1), finished(1, asks(Number.MAX_SAFE_INTEGER / 1_000))], 11)).toBe(59_000);
  });

  it('is what the newest answer asked for, a read of the status and a late answer too; a read that asks for nothing takes nothing back', () => {
    const read = auditEvent({ action: 'customer.unlock.status_checked', lockStatus: 'locked' });
    const late = auditEvent({ action: 'customer.unlock.late_answer', attempt: 2, ...asks(20) });
    expect(left([...asked, read], 11)).toBe(29_000);
    expect(left([...asked, { ...read, ...asks(40) }], 11)).toBe(39_000);
    expect(left([...asked, started(2), finished(2)], 11)).toBe(0);
    expect(left([...asked, started(2), finished(2), late], 11)).toBe(19_000);
  });

  it('is nothing once an operator has hurried the request, until the bank asks again', () => {
    for (const action of ['customer.unlock.retried_now', 'customer.unlock.resumed'] as const) {
      expect(left([...asked, auditEvent({ action })], 11)).toBe(0);
      expect(left([...asked, auditEvent({ action }), started(2), finished(2, asks(30))], 11)).toBe(29_000);
      expect(left([auditEvent({ action }), ...asked], 11)).toBe(29_000);
    }
    expect(left([...asked, auditEvent({ action: 'customer.unlock.paused' })], 11)).toBe(29_000);
  });

  it('is nothing after a stale token, and after a meaning that this version does not know', () => {
    expect(left([started(1), finished(1, asks(30, 'stale_token'))], 11)).toBe(0);
    expect(left([started(1), finished(1, asks(30, 'a later invention'))], 11)).toBe(0);
  });
});
