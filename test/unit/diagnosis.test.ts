import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { meanings } from '../../src/domain/meaning.js';
import { diagnose, diagnoseEnding } from '../../src/domain/diagnosis.js';
import { flagsAsJson, lockStatusOf, statusFlagNames, statusFlagsFrom, type StatusFlags } from '../../src/domain/lock-status.js';
import { outcomes, verifications } from '../../src/domain/outcome.js';

const anyFlags: fc.Arbitrary<StatusFlags> = fc.dictionary(fc.constantFrom(...statusFlagNames), fc.boolean());

describe('the lock status', () => {
  it('is locked only where the bank says so outright', () => {
    expect(lockStatusOf({ locked: true })).toBe('locked');
    expect(lockStatusOf({ locked: false })).toBe('not_locked');
    expect(lockStatusOf({ locked: undefined })).toBe('not_locked');
    expect(lockStatusOf({ onHold: true, reset: true })).toBe('not_locked');
  });
});

describe('the flags of a status answer', () => {
  it('come back from a row as they went in', () => {
    fc.assert(fc.property(anyFlags, (flags) => expect(statusFlagsFrom(flagsAsJson(flags))).toEqual(flags)));
  });

  it('are read back without anything that is no flag', () => {
    expect(statusFlagsFrom({ locked: true, onHold: 'yes', email: 'a@example.com', reset: null })).toEqual({ locked: true });
    for (const nothing of [null, undefined, 'locked', 1]) expect(statusFlagsFrom(nothing)).toBeNull();
  });

  it('leave out what the bank did not state', () => {
    expect(flagsAsJson({ locked: true, onHold: undefined })).toEqual({ locked: true });
  });
});

describe('the diagnosis', () => {
  it('has nothing to say of a customer who is locked and nothing else', () => {
    expect(diagnose({ locked: true })).toBeNull();
    expect(
      diagnose({ locked: true, active: true, onHold: false, reset: false, registered: true, approved: true, rejected: false }),
    ).toBeNull();
  });

  const obstacles: readonly (readonly [StatusFlags, RegExp])[] = [
    [{ onHold: true }, /on hold/],
    [{ reset: true }, /password reset is pending/],
    [{ rejected: true }, /registration was rejected/],
    [{ active: false }, /inactive/],
    [{ registered: false }, /not registered/],
    [{ approved: false }, /not approved yet/],
  ];

  it.each(obstacles)('names %j beside the lock, and that an unlock alone will not do', (flags, words) => {
    expect(diagnose({ ...flags, locked: true })).toMatch(/^An unlock alone will not let the customer in/);
    expect(diagnose({ ...flags, locked: true })).toMatch(words);
  });

  it.each(obstacles)('names %j as the reason where the customer is not locked', (flags, words) => {
    expect(diagnose(flags)).toMatch(/^The customer is not locked, so an unlock will not help/);
    expect(diagnose(flags)).toMatch(words);
  });

  it('names every obstacle there is', () => {
    const told = diagnose({ locked: true, onHold: true, reset: true, active: false });
    for (const words of [/on hold/, /reset/, /inactive/]) expect(told).toMatch(words);
  });

  it('does not take a rejected registration for one that waits', () => {
    expect(diagnose({ locked: true, approved: false, rejected: true })).not.toMatch(/not approved/);
  });

  it('says what to do for a customer who is neither locked nor anything else', () => {
    expect(diagnose({})).toMatch(/not locked.*check the user name or offer a password reset/);
  });

  it('always says something where the customer is not locked', () => {
    fc.assert(fc.property(anyFlags, (flags) => lockStatusOf(flags) === 'locked' || (diagnose(flags) ?? '') !== ''));
  });
});

describe('the diagnosis at the end', () => {
  const ending = { outcome: 'unlocked', verification: 'confirmed', flags: {}, meaning: null } as const;

  it('has nothing to say of a clean unlock, nor of a cancelled request', () => {
    expect(diagnoseEnding(ending)).toBeNull();
    expect(diagnoseEnding({ ...ending, flags: null })).toBeNull();
    expect(diagnoseEnding({ ...ending, outcome: 'cancelled', verification: null })).toBeNull();
  });

  it('tells of what still keeps an unlocked customer out', () => {
    expect(diagnoseEnding({ ...ending, flags: { onHold: true } })).toMatch(/is unlocked, but cannot log in yet.*on hold/);
  });

  it('warns of a lock that stands again after the unlock', () => {
    expect(diagnoseEnding({ ...ending, verification: 'still_locked', flags: { locked: true } })).toMatch(/still be guessing the password/);
  });

  it('says of a customer who is not locked what the status says', () => {
    expect(diagnoseEnding({ outcome: 'not_locked', verification: null, flags: { reset: true }, meaning: null })).toBe(
      diagnose({ reset: true }),
    );
    expect(diagnoseEnding({ outcome: 'not_locked', verification: null, flags: null, meaning: null })).toBeNull();
  });

  it('tells who must act on a refusal', () => {
    const refused = { outcome: 'rejected', verification: null, flags: { locked: true } } as const;
    expect(diagnoseEnding({ ...refused, meaning: 'no_such_customer' })).toMatch(/check the id/);
    expect(diagnoseEnding({ ...refused, meaning: 'forbidden' })).toMatch(/operators must mend/);
    expect(diagnoseEnding({ ...refused, meaning: 'stale_token' })).toMatch(/operators must mend/);
    expect(diagnoseEnding({ ...refused, meaning: 'bad_request' })).toMatch(/operators of Latchkey/);
    expect(diagnoseEnding({ ...refused, meaning: 'refused' })).toMatch(/ask the bank/);
    for (const meaning of [...meanings, null]) expect(diagnoseEnding({ ...refused, meaning })).toMatch(/\w/);
  });

  it('does not invite a second try where the first may have worked', () => {
    const failed = { outcome: 'failed', flags: null, meaning: null } as const;
    expect(diagnoseEnding({ ...failed, verification: 'unavailable' })).toMatch(/read the lock status before asking again/);
    expect(diagnoseEnding({ ...failed, verification: 'still_locked' })).toMatch(/ask again with a new correlationId/);
  });

  it('is one plain sentence or nothing, for every ending', () => {
    const anyEnding = fc.record({
      outcome: fc.constantFrom(...outcomes),
      verification: fc.constantFrom(...verifications, null),
      flags: fc.option(anyFlags),
      meaning: fc.constantFrom(...meanings, null),
    });
    fc.assert(fc.property(anyEnding, (one) => expect(diagnoseEnding(one) ?? 'A.').toMatch(/^[A-Z].*\.$/)));
  });
});
