import { describe, expect, it } from '@jest/globals';
import canonicalizeModule from 'canonicalize';
import fc from 'fast-check';
import { recordOf } from '../../src/proof/record.js';

const canonicalize = canonicalizeModule as unknown as (value: unknown) => string;

describe('the record of a row', () => {
  it('is in canonical order and form, without what is null at its top', () => {
    expect(recordOf('{"b": 1, "a": null, "metadata": {"z": null, "ä": "\\u20ac", "A": [1, 2.5, true]}}')).toBe(
      '{"b":1,"metadata":{"A":[1,2.5,true],"z":null,"ä":"€"}}',
    );
  });

  it('is the example of RFC 8785', () => {
    const row =
      '{"numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001], "string": "\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/", "literals": [null, true, false]}';
    // Numbers are the exception: Postgres keeps their digits, and so does the record.
    expect(JSON.parse(recordOf(row))).toEqual({
      literals: [null, true, false],
      numbers: ['\u0000333333333.33333329', '\u00001e30', '\u00004.50', '\u00002e-3', '\u00000.000000000000000000000000001'],
      string: '€$\u000f\nA\'B"\\\\"/',
    });
    expect(recordOf('{"numbers": [333333333.3333333, 4.5, 0.002], "literals": [null]}')).toBe(
      '{"literals":[null],"numbers":[333333333.3333333,4.5,0.002]}',
    );
  });

  it('is what the canonical form’s own library writes, whatever its names and values', () => {
    const names = fc.oneof(
      fc.string(),
      fc.string({ unit: 'grapheme' }),
      fc.constantFrom('10', '9', '_a', '__proto__', 'Z', 'a', 'ä', '\u{1F600}', '\uFB33'),
    );
    const value = fc.jsonValue({ stringUnit: 'grapheme' });
    fc.assert(
      fc.property(fc.dictionary(names, value, { noNullPrototype: true }), (columns) => {
        const filled = JSON.parse(JSON.stringify(columns), (_, each: unknown) => each) as Record<string, unknown>;
        const withoutNull = Object.fromEntries(Object.entries(filled).filter(([, each]) => each !== null));
        const exact = JSON.stringify(filled);
        fc.pre(!/[\d.]{16,}|[eE][+-]?\d/.test(exact));
        expect(recordOf(exact)).toBe(canonicalize(withoutNull));
      }),
      { numRuns: 500 },
    );
  });

  it('keeps a time as it is', () => {
    expect(recordOf('{"recorded_at": "2026-11-27T10:57:17.409984+00:00"}')).toBe('{"recorded_at":"2026-11-27T10:57:17.409984+00:00"}');
  });

  it.each([
    ['{"m": 9007199254740993}', '{"m": 9007199254740992}'],
    ['{"m": 0.1}', '{"m": 0.10000000000000000001}'],
    ['{"m": [1.0]}', '{"m": [1]}'],
    ['{"m": 1.0}', '{"m": "1.0"}'],
    ['{"m": 1e2}', '{"m": 100}'],
    ['{"m": "a, 1.0"}', '{"m": "a, 1.00"}'],
    ['{"m": {"a": null}}', '{"m": {}}'],
    ['{"m": "1"}', '{"m": 1}'],
  ])('of %s is not that of %s', (one, other) => {
    expect(recordOf(one)).not.toBe(recordOf(other));
  });
});
