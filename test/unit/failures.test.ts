import { describe, expect, it } from '@jest/globals';
import { tryAgain, waitYourTurn } from '../../activities/failures.js';

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
