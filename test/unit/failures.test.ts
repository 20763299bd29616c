import { describe, expect, it } from '@jest/globals';
import { asFailure, tryAgain, waitYourTurn } from '../../activities/failures.js';
import { errorInShort } from '../../src/cli/logger.js';

describe('a failure that is to be tried again', () => {
  it('says when, where that is a second off or more', () => {
    expect(tryAgain({ type: 'BankUnavailable', message: 'attempt 1: the bank answered 429', delayMs: 5_000 }).message).toMatch(
      /^attempt 1: the bank answered 429; next try at \d\d:\d\d:\d\d UTC$/,
    );
    expect(tryAgain({ type: 'BankUnavailable', message: 'attempt 1', delayMs: 999 }).message).toBe('attempt 1');
  });

  it('says it once, also where the wait is handed over from the fast try', () => {
    const { message } = tryAgain({ type: 'BankUnavailable', message: 'attempt 1: the bank answered 429', delayMs: 5_000 });
    expect(waitYourTurn({ notBefore: Date.now() + 5_000, because: message }, 5_000)).toMatchObject({ message, nextRetryDelay: 5_000 });
  });
});

describe('a failure of the audit log', () => {
  const budget = {
    maxAttempts: 6,
    initialIntervalMs: 50,
    maxIntervalMs: 400,
    retryAfterMaxMs: 2_000,
    activityTimeoutMs: 8_000,
    deadlineAt: '2026-01-31T09:30:00.000Z',
  };
  const execution = { activityAttempt: 1, unrecorded: () => null };
  const database = (code: string) => Object.assign(new Error('the row of agent-1 is refused'), { code });

  it('that passes by itself raises no alarm in the log', () => {
    expect(asFailure(database('57P01'), execution, budget)).toMatchObject({ type: 'AuditUnavailable', category: 'BENIGN' });
  });

  it.each([
    [database('42501'), 'AuditRefused'],
    [new TypeError('agent-1 is not a function'), 'LatchkeyFault'],
  ])('that somebody must mend does, by its name and without what it quotes: %#', (error, type) => {
    const failure = asFailure(error, execution, budget);
    expect(failure).toMatchObject({ type, nonRetryable: false, message: expect.not.stringContaining('agent-1') });
    expect(failure).not.toMatchObject({ category: 'BENIGN' });
    expect(errorInShort(failure)).toBe(`ApplicationFailure (${type})`);
  });

  it('hands on the answer that is still to be recorded', () => {
    const answer = {
      meaning: 'unlocked',
      httpStatus: 204,
      code: null,
      message: null,
      reason: null,
      retryAfterMs: null,
      durationMs: 1,
    } as const;
    const unrecorded = { attempt: 1, result: 'succeeded', answer, answeredAt: '2026-01-31T09:30:00.000Z' } as const;
    const failure = asFailure(database('57P01'), { ...execution, unrecorded: () => unrecorded }, budget);
    expect(failure).toMatchObject({ details: [{ notBefore: expect.any(Number), unrecorded }] });
  });
});
