import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { attemptResults, type Attempt, type AttemptResult } from '../../src/domain/attempt.js';
import { meanings, type Meaning } from '../../src/domain/meaning.js';
import { outcomeNeedsStatusRead, outcomes, settle, type Outcome, type Verification } from '../../src/domain/outcome.js';

const moment = new Date('2026-01-31T09:30:00.000Z');

function attemptsOf(results: readonly AttemptResult[], lastMeaning: Meaning | null = null): Attempt[] {
  return results.map((result, index) => ({
    attempt: index + 1,
    executionId: null,
    startedAt: moment,
    claimedAt: moment,
    finishedAt: moment,
    result,
    httpStatus: null,
    upstreamCode: null,
    upstreamMessage: null,
    durationMs: null,
    meaning: index === results.length - 1 ? lastMeaning : null,
    lateResult: null,
  }));
}

const lockStatuses = ['locked', 'not_locked', 'unavailable', null] as const;
type Seen = (typeof lockStatuses)[number];

function settlementOf(proposal: Outcome, results: readonly AttemptResult[], lockStatus: Seen): readonly [Outcome, Verification | null] {
  const { outcome, verification } = settle({ proposal, attempts: attemptsOf(results), lockStatus });
  return [outcome, verification];
}

describe('an unlock request without an attempt', () => {
  it.each(['not_locked', 'rejected', 'failed', 'cancelled'] as const)(
    'that was seen to end %s ends so, with nothing to verify',
    (proposal) => {
      for (const lockStatus of lockStatuses) expect(settlementOf(proposal, [], lockStatus)).toEqual([proposal, null]);
    },
  );

  it('is not unlocked, whoever says so', () => {
    for (const lockStatus of lockStatuses) expect(settlementOf('unlocked', [], lockStatus)).toEqual(['failed', null]);
  });
});

describe('an unlock request with an attempt that succeeded', () => {
  const histories: readonly AttemptResult[][] = [
    ['succeeded'],
    ['retryable', 'succeeded'],
    ['unknown', 'succeeded'],
    ['succeeded', 'unknown'],
    ['succeeded', 'rejected'],
  ];

  it('is unlocked whatever was seen, and verified by the status read', () => {
    for (const history of histories) {
      for (const proposal of outcomes) {
        expect(settlementOf(proposal, history, 'not_locked')).toEqual(['unlocked', 'confirmed']);
        expect(settlementOf(proposal, history, 'locked')).toEqual(['unlocked', 'still_locked']);
        expect(settlementOf(proposal, history, 'unavailable')).toEqual(['unlocked', 'unavailable']);
      }
    }
  });
});

describe('an unlock request with an unknown attempt whose answer came late', () => {
  const settledWith = (lateResult: AttemptResult, lockStatus: Seen) =>
    settle({ proposal: 'cancelled', attempts: attemptsOf(['unknown']).map((attempt) => ({ ...attempt, lateResult })), lockStatus });

  it('is unlocked where that answer was a success, as if it had come in time', () => {
    expect(settledWith('succeeded', 'not_locked')).toEqual({ outcome: 'unlocked', verification: 'confirmed' });
    expect(settledWith('succeeded', 'locked')).toEqual({ outcome: 'unlocked', verification: 'still_locked' });
    expect(settledWith('succeeded', 'unavailable')).toEqual({ outcome: 'unlocked', verification: 'unavailable' });
  });

  it('ends as without it where that answer was none', () => {
    for (const lateResult of ['rejected', 'retryable', 'unknown'] as const) {
      expect(settledWith(lateResult, 'not_locked')).toEqual({ outcome: 'unlocked', verification: 'attributed' });
      expect(settledWith(lateResult, 'locked')).toEqual({ outcome: 'cancelled', verification: 'still_locked' });
    }
  });
});

describe('an unlock request with an unknown attempt and no success', () => {
  it('is unlocked, and attributed, where the customer reads as not locked', () => {
    for (const history of [['unknown'], ['retryable', 'unknown'], ['unknown', 'retryable'], ['unknown', 'rejected']] as const) {
      for (const proposal of outcomes)
        expect([history, settlementOf(proposal, history, 'not_locked')]).toEqual([history, ['unlocked', 'attributed']]);
    }
  });

  it.each([
    ['cancelled', 'cancelled'],
    ['failed', 'failed'],
    ['rejected', 'rejected'],
    ['unlocked', 'failed'],
    ['not_locked', 'failed'],
  ] as const)('that was seen to end %s and reads as locked ends %s', (proposal, outcome) => {
    expect(settlementOf(proposal, ['unknown'], 'locked')).toEqual([outcome, 'still_locked']);
    expect(settlementOf(proposal, ['unknown', 'retryable'], 'locked')).toEqual([outcome, 'still_locked']);
  });

  it('has failed where the status cannot be had: cancelled would claim that nothing happened', () => {
    for (const proposal of outcomes) {
      expect(settlementOf(proposal, ['unknown'], 'unavailable')).toEqual(['failed', 'unavailable']);
      expect(settlementOf(proposal, ['unknown', 'retryable'], 'unavailable')).toEqual(['failed', 'unavailable']);
      expect(settlementOf(proposal, ['unknown'], null)).toEqual(['failed', 'unavailable']);
    }
  });

  it('is rejected where the bank refused the last one, and the customer is not found unlocked', () => {
    for (const proposal of outcomes) {
      expect(settlementOf(proposal, ['unknown', 'rejected'], 'locked')).toEqual(['rejected', 'still_locked']);
      expect(settlementOf(proposal, ['unknown', 'rejected'], 'unavailable')).toEqual(['rejected', 'unavailable']);
    }
  });
});

describe('an unlock request whose attempts were all refused or retryable', () => {
  it('found the customer not locked where a read says so', () => {
    for (const history of [['rejected'], ['retryable'], ['retryable', 'retryable'], ['retryable', 'rejected']] as const) {
      for (const proposal of outcomes) expect(settlementOf(proposal, history, 'not_locked')).toEqual(['not_locked', null]);
    }
  });

  it('is rejected where the bank refused the last one', () => {
    for (const proposal of outcomes) {
      for (const lockStatus of ['locked', 'unavailable', null] as const) {
        expect(settlementOf(proposal, ['rejected'], lockStatus)).toEqual(['rejected', null]);
        expect(settlementOf(proposal, ['retryable', 'rejected'], lockStatus)).toEqual(['rejected', null]);
      }
    }
  });

  it.each([
    ['cancelled', 'cancelled'],
    ['failed', 'failed'],
    ['rejected', 'rejected'],
    ['unlocked', 'failed'],
    ['not_locked', 'failed'],
  ] as const)('that was seen to end %s after a retryable one ends %s', (proposal, outcome) => {
    for (const lockStatus of ['locked', 'unavailable', null] as const) {
      expect(settlementOf(proposal, ['retryable'], lockStatus)).toEqual([outcome, null]);
      expect(settlementOf(proposal, ['retryable', 'retryable'], lockStatus)).toEqual([outcome, null]);
    }
  });
});

describe('every settlement', () => {
  const anyHistory = fc.array(fc.constantFrom(...attemptResults), { maxLength: 6 });
  const anyEvidence = [fc.constantFrom(...outcomes), anyHistory, fc.constantFrom(...lockStatuses)] as const;
  const law = (
    holds: (seen: {
      outcome: Outcome;
      verification: Verification | null;
      results: AttemptResult[];
      lockStatus: Seen;
      proposal: Outcome;
    }) => void,
  ) =>
    fc.assert(
      fc.property(...anyEvidence, (proposal, results, lockStatus) => {
        const [outcome, verification] = settlementOf(proposal, results, lockStatus);
        holds({ outcome, verification, results, lockStatus, proposal });
      }),
      { numRuns: 1_000 },
    );

  it('says unlocked exactly where an attempt succeeded, or one is unknown and the customer is not locked', () => {
    law(({ outcome, results, lockStatus }) => {
      expect(outcome === 'unlocked').toBe(results.includes('succeeded') || (results.includes('unknown') && lockStatus === 'not_locked'));
    });
  });

  it('says cancelled only on request, and never where an attempt succeeded or may have', () => {
    law(({ outcome, results, lockStatus, proposal }) => {
      if (outcome !== 'cancelled') return;
      expect(proposal).toBe('cancelled');
      expect(results).not.toContain('succeeded');
      if (results.includes('unknown')) expect(lockStatus).toBe('locked');
    });
  });

  it('verifies exactly where an attempt succeeded or is unknown', () => {
    law(({ verification, results }) => {
      expect(verification !== null).toBe(results.includes('succeeded') || results.includes('unknown'));
    });
  });

  it('attributes an unlock only where ours was unknown, and confirms it only where ours succeeded', () => {
    law(({ outcome, verification, results, lockStatus }) => {
      if (verification === 'attributed')
        expect([outcome, results.includes('succeeded'), lockStatus]).toEqual(['unlocked', false, 'not_locked']);
      if (verification === 'confirmed')
        expect([outcome, results.includes('succeeded'), lockStatus]).toEqual(['unlocked', true, 'not_locked']);
      if (verification === 'still_locked') expect(lockStatus).toBe('locked');
    });
  });

  it('says not locked only where a read or the first check found it', () => {
    law(({ outcome, results, lockStatus, proposal }) => {
      if (outcome === 'not_locked') expect(lockStatus === 'not_locked' || (results.length === 0 && proposal === 'not_locked')).toBe(true);
    });
  });

  it('does not depend on the order of the attempts before the last', () => {
    law(({ outcome, verification, results, lockStatus, proposal }) => {
      const last = results.at(-1);
      const reordered = last === undefined ? [] : [...results.slice(0, -1).reverse(), last];
      expect(settlementOf(proposal, reordered, lockStatus)).toEqual([outcome, verification]);
    });
  });
});

describe('an outcome rests on a status read', () => {
  it('after an attempt that succeeded or is unknown, wherever it stands', () => {
    for (const history of [['succeeded'], ['unknown'], ['unknown', 'retryable'], ['unknown', 'rejected']] as const) {
      expect(outcomeNeedsStatusRead(attemptsOf(history))).toBe(true);
    }
  });

  it('after a last refusal that only the lock status can explain', () => {
    for (const meaning of meanings)
      expect([meaning, outcomeNeedsStatusRead(attemptsOf(['rejected'], meaning))]).toEqual([meaning, meaning === 'refused']);
  });

  it('in no other case', () => {
    for (const history of [[], ['retryable'], ['rejected'], ['retryable', 'rejected']] as const) {
      expect(outcomeNeedsStatusRead(attemptsOf(history))).toBe(false);
    }
  });
});
