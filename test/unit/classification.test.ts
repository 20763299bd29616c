import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  attemptResult,
  createClassifier,
  delayAfter,
  needsStatusRead,
  publishedRules,
  refusesReading,
} from '../../src/domain/classification.js';
import { meanings } from '../../src/domain/meaning.js';

const classify = createClassifier();
const anyStatus = fc.integer({ min: 100, max: 599 });
const publishedCodes = [
  ...['UXU_10000', 'UXU_10001', 'UXU_10002', 'UXU_10003', 'UXU_10006', 'UXU_10007', 'UXU_10011', 'UXU_10012', 'UXU_30001', 'UXU_30002'],
  ...['UXU_88890', 'UXU_99999', 'CMN_90002', 'CMN_90003', 'CMN_90005', 'CMN_90018', 'SYSTEM_ERROR'],
];
const anyCode = fc.oneof(
  fc.constant(null),
  fc.constantFrom(...publishedCodes),
  fc.string({ maxLength: 12 }),
  fc.constantFrom('*', '__proto__', 'constructor', '2xx'),
);

/** What the contract says comes of an answer, told in the attempt's own terms. */
const promises = {
  succeeded: { result: 'succeeded', delay: null },
  newTokenAtOnce: { result: 'retryable', delay: 'none' },
  rejected: { result: 'rejected', delay: null },
  slowDown: { result: 'retryable', delay: 'long_back_off' },
  tryAgain: { result: 'retryable', delay: 'back_off' },
} as const;
type Promised = keyof typeof promises;

function treatment(httpStatus: number, code: string | null) {
  const meaning = classify(httpStatus, code);
  return { result: attemptResult(meaning, undefined), delay: delayAfter(meaning) };
}

describe('an answer of the bank', () => {
  const table: readonly (readonly [number, string | null, Promised])[] = [
    [200, null, 'succeeded'],
    [201, null, 'succeeded'],
    [202, null, 'succeeded'],
    [204, null, 'succeeded'],
    [299, null, 'succeeded'],
    [200, 'UXU_10000', 'succeeded'],
    [401, null, 'newTokenAtOnce'],
    [401, 'CMN_90018', 'newTokenAtOnce'],
    [401, 'UXU_77777', 'newTokenAtOnce'],
    [400, 'UXU_10001', 'newTokenAtOnce'],
    [400, 'UXU_10003', 'newTokenAtOnce'],
    [400, 'CMN_90018', 'newTokenAtOnce'],
    [403, null, 'rejected'],
    [403, 'UXU_10002', 'rejected'],
    [400, 'UXU_10002', 'rejected'],
    [404, null, 'rejected'],
    [404, 'UXU_10000', 'rejected'],
    [400, 'UXU_10000', 'rejected'],
    [400, 'UXU_88890', 'rejected'],
    [400, null, 'rejected'],
    [400, 'UXU_10006', 'rejected'],
    [400, 'UXU_10007', 'rejected'],
    [400, 'UXU_10011', 'rejected'],
    [400, 'UXU_10012', 'rejected'],
    [400, 'CMN_90005', 'rejected'],
    [400, 'UXU_99999', 'rejected'],
    [400, 'UXU_77777', 'rejected'],
    [402, null, 'rejected'],
    [405, null, 'rejected'],
    [409, null, 'rejected'],
    [409, 'UXU_77777', 'rejected'],
    [410, null, 'rejected'],
    [415, null, 'rejected'],
    [422, null, 'rejected'],
    [423, null, 'rejected'],
    [451, null, 'rejected'],
    [499, null, 'rejected'],
    [429, null, 'slowDown'],
    [429, 'CMN_90002', 'slowDown'],
    [429, 'UXU_77777', 'slowDown'],
    [500, 'CMN_90002', 'slowDown'],
    [500, 'CMN_90003', 'slowDown'],
    [408, null, 'tryAgain'],
    [500, null, 'tryAgain'],
    [500, 'UXU_99999', 'tryAgain'],
    [500, 'UXU_77777', 'tryAgain'],
    [501, null, 'tryAgain'],
    [502, null, 'tryAgain'],
    [503, null, 'tryAgain'],
    [503, 'UXU_30001', 'tryAgain'],
    [503, 'UXU_30002', 'tryAgain'],
    [503, 'SYSTEM_ERROR', 'tryAgain'],
    [503, 'UXU_77777', 'tryAgain'],
    [504, null, 'tryAgain'],
    [599, null, 'tryAgain'],
    [302, null, 'tryAgain'],
  ];

  it.each(table)('with HTTP status %d and code %j is %s', (httpStatus, code, promised) => {
    expect(treatment(httpStatus, code)).toEqual(promises[promised]);
  });

  it('has its status decide before its code, since published versions disagree about codes', () => {
    for (const code of publishedCodes) {
      expect([code, treatment(204, code)]).toEqual([code, promises.succeeded]);
      expect([code, treatment(403, code)]).toEqual([code, promises.rejected]);
      expect([code, treatment(502, code)]).toEqual([code, promises.tryAgain]);
    }
  });

  it('asks for a look at the lock status where the bank refused for reasons of its own, and only there', () => {
    for (const httpStatus of [402, 405, 409, 410, 422, 423, 499])
      expect([httpStatus, needsStatusRead(classify(httpStatus, null))]).toEqual([httpStatus, true]);
    for (const httpStatus of [200, 204, 302, 400, 401, 403, 404, 408, 429, 500, 503]) {
      expect([httpStatus, needsStatusRead(classify(httpStatus, null))]).toEqual([httpStatus, false]);
    }
    expect(needsStatusRead(null)).toBe(false);
  });

  it('of a status that HTTP does not know is tried again', () => {
    for (const httpStatus of [0, 600, 999]) expect([httpStatus, classify(httpStatus, null)]).toEqual([httpStatus, 'unwell']);
  });

  it('has a line in the table for every family of statuses', () => {
    const families = publishedRules
      .filter(({ httpStatus }) => typeof httpStatus === 'string')
      .map(({ httpStatus, meaning }) => [httpStatus, meaning]);
    expect(Object.fromEntries(families)).toEqual({
      '1xx': 'unwell',
      '2xx': 'unlocked',
      '3xx': 'unwell',
      '4xx': 'refused',
      '5xx': 'unwell',
    });
  });

  it('has a meaning whatever its status and code', () => {
    fc.assert(
      fc.property(anyStatus, anyCode, (httpStatus, code) => {
        expect(meanings).toContain(classify(httpStatus, code));
      }),
    );
  });

  it('counts as succeeded exactly where its status is a 2xx', () => {
    fc.assert(
      fc.property(anyStatus, anyCode, (httpStatus, code) => {
        expect(treatment(httpStatus, code).result === 'succeeded').toBe(httpStatus >= 200 && httpStatus < 300);
      }),
    );
  });

  it('never counts as unknown: the bank did answer', () => {
    fc.assert(fc.property(anyStatus, anyCode, (httpStatus, code) => treatment(httpStatus, code).result !== 'unknown'));
  });

  it('with a code that nobody published means what its status alone means', () => {
    const unpublished = fc.string({ maxLength: 12 }).filter((code) => !publishedCodes.includes(code));
    fc.assert(
      fc.property(anyStatus, unpublished, (httpStatus, code) => {
        expect(classify(httpStatus, code)).toBe(classify(httpStatus, null));
      }),
    );
  });
});

describe('a call without an answer', () => {
  it('is tried again where surely nothing was sent', () => {
    expect([attemptResult('not_sent', undefined), delayAfter('not_sent')]).toEqual(['retryable', 'back_off']);
  });

  it('is unknown where it may have arrived', () => {
    expect([attemptResult('no_answer', undefined), delayAfter('no_answer')]).toEqual(['unknown', 'back_off']);
  });
});

describe('a stale token', () => {
  it('is permanent the second time in a row', () => {
    expect(attemptResult('stale_token', { meaning: 'stale_token' })).toBe('rejected');
  });

  it('is forgiven after any other answer, and after an attempt without one', () => {
    for (const meaning of [...meanings.filter((other) => other !== 'stale_token'), null]) {
      expect([meaning, attemptResult('stale_token', { meaning })]).toEqual([meaning, 'retryable']);
    }
  });

  it('changes nothing for the answer after it', () => {
    for (const meaning of meanings.filter((other) => other !== 'stale_token')) {
      expect(attemptResult(meaning, { meaning: 'stale_token' })).toBe(attemptResult(meaning, undefined));
    }
  });
});

describe('every meaning', () => {
  it('refuses a read of the lock status for good exactly where it refuses an attempt, and where a new token did not help', () => {
    const refusing = ['stale_token', 'forbidden', 'no_such_customer', 'bad_request', 'refused'];
    expect(meanings.filter(refusesReading).toSorted()).toEqual(refusing.toSorted());
  });

  it('waits exactly where it is not final', () => {
    for (const meaning of meanings) {
      const isFinal = ['succeeded', 'rejected'].includes(attemptResult(meaning, undefined));
      expect([meaning, delayAfter(meaning) === null]).toEqual([meaning, isFinal]);
    }
  });
});

describe('overrides from configuration', () => {
  it('of a whole status leave each code that is published for it its meaning', () => {
    const exact = publishedRules.filter(({ code }) => code !== undefined);
    expect(exact.length).toBeGreaterThan(15);
    for (const { httpStatus, code = '', meaning } of exact) {
      expect(typeof httpStatus).toBe('number');
      const overridden = createClassifier([{ httpStatus, meaning: meaning === 'refused' ? 'unwell' : 'refused' }]);
      expect([httpStatus, code, overridden(Number(httpStatus), code)]).toEqual([httpStatus, code, meaning]);
    }
    const published = (code: string) => exact.filter((rule) => rule.code === code).map(({ httpStatus, meaning }) => [httpStatus, meaning]);
    expect(publishedCodes.filter((code) => published(code).length === 0)).toEqual(['UXU_99999']);
    expect(published('UXU_10002')).toEqual([
      [400, 'forbidden'],
      [403, 'forbidden'],
    ]);
    expect(published('UXU_10000')).toEqual([
      [400, 'no_such_customer'],
      [404, 'no_such_customer'],
    ]);
  });

  it('come before the published rule for the same status and code', () => {
    const overridden = createClassifier([{ httpStatus: 400, code: 'UXU_10003', meaning: 'forbidden' }]);
    expect(overridden(400, 'UXU_10003')).toBe('forbidden');
    expect(overridden(400, 'UXU_10001')).toBe('stale_token');
  });

  it('change what a status means without touching the codes that are published for it', () => {
    const overridden = createClassifier([{ httpStatus: 500, meaning: 'refused' }]);
    expect(overridden(500, null)).toBe('refused');
    expect(overridden(500, 'UXU_77777')).toBe('refused');
    expect(overridden(500, 'CMN_90002')).toBe('too_fast');
    expect(overridden(503, null)).toBe('unwell');
  });

  it('refine a whole family by code, where no rule names status and code', () => {
    const overridden = createClassifier([{ httpStatus: '5xx', code: 'UXU_99999', meaning: 'bad_request' }]);
    expect(overridden(500, 'UXU_99999')).toBe('bad_request');
    expect(overridden(599, 'UXU_99999')).toBe('bad_request');
    expect(overridden(500, null)).toBe('unwell');
    expect(overridden(400, 'UXU_99999')).toBe('bad_request');
    expect(createClassifier([{ httpStatus: '4xx', code: 'NEW_1', meaning: 'unwell' }])(404, 'NEW_1')).toBe('unwell');
  });

  it('take no code for the lack of one, whatever it is called', () => {
    for (const code of ['null', '*', 'undefined', '']) {
      const overridden = createClassifier([{ httpStatus: 400, code, meaning: 'unwell' }]);
      expect([code, overridden(400, code), overridden(400, null)]).toEqual([code, 'unwell', 'bad_request']);
    }
  });

  it('have the last of two that contradict each other win', () => {
    const overridden = createClassifier([
      { httpStatus: 409, meaning: 'unwell' },
      { httpStatus: 409, meaning: 'no_such_customer' },
    ]);
    expect(overridden(409, null)).toBe('no_such_customer');
  });

  it('leave other classifiers alone', () => {
    createClassifier([{ httpStatus: '2xx', meaning: 'unwell' }]);
    expect(createClassifier()(204, null)).toBe('unlocked');
  });
});
