import { execFileSync } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseRetryAfter, waitMs, type Wait } from '../../src/domain/retry-after.js';
import { peakWithin } from '../support/peak.js';

const now = Date.parse('2026-01-31T09:30:00.000Z');

describe('a Retry-After header', () => {
  it.each([
    ['0', 0],
    ['1', 1_000],
    ['120', 120_000],
    [' 120 ', 120_000],
    ['007', 7_000],
    ['36000', 36_000_000],
  ])('of %j seconds asks for %d ms', (header, ms) => {
    expect(parseRetryAfter(header, now)).toBe(ms);
  });

  it.each([
    ['Sat, 31 Jan 2026 09:30:05 GMT', 5_000],
    ['Saturday, 31-Jan-26 09:30:05 GMT', 5_000],
    ['Sat Jan 31 09:30:05 2026', 5_000],
    ['Sat, 31 Jan 2026 10:30:05 +0100', 5_000],
    ['Sun, 01 Feb 2026 09:30:00 GMT', 86_400_000],
    ['Sat, 31 Jan 2026 09:30:00 GMT', 0],
    ['Sat, 31 Jan 2026 09:29:59 GMT', 0],
    ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
  ])('of %j asks for %d ms at 09:30:00', (header, ms) => {
    expect(parseRetryAfter(header, now)).toBe(ms);
  });

  it('means GMT in the form without a zone, wherever the worker runs', () => {
    const source = new URL('../../src/domain/retry-after.ts', import.meta.url).href;
    const script = `import('${source}').then(({ parseRetryAfter }) => console.log(parseRetryAfter('Sat Jan 31 09:30:05 2026', ${now})))`;
    const env = { ...process.env, TZ: 'America/New_York', NODE_OPTIONS: '' };
    const printed = execFileSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], { env, encoding: 'utf8' });
    expect(printed.trim()).toBe('5000');
  });

  it.each([
    ...['', ' ', '-5', '1.5', '1e3', '0x10', '+5', '5s', '5, 10', '٣', 'NaN', 'Infinity'],
    ...['soon', 'soon, 5', 'about 120', 'Mon', 'Mon, soon', 'Sat, 99 Foo 2026 09:30:05 GMT', '2026-01-31T09:30:05Z'],
  ])('of %j cannot be read', (header) => {
    expect(parseRetryAfter(header, now)).toBeNull();
  });

  it('that is absent asks for nothing', () => {
    expect(parseRetryAfter(undefined, now)).toBeNull();
    expect(parseRetryAfter(null, now)).toBeNull();
  });

  it('is a finite number of milliseconds however many digits it has', () => {
    expect(Number.isSafeInteger(parseRetryAfter('9'.repeat(400), now))).toBe(true);
    fc.assert(fc.property(fc.stringMatching(/^\d{1,500}$/), (digits) => Number.isFinite(parseRetryAfter(digits, now))));
  });

  it('is never negative, never NaN and never thrown over, whatever it says', () => {
    const weekday = fc.constantFrom('Mon, ', 'Sunday, ', 'Fri ', '');
    fc.assert(
      fc.property(weekday, fc.string(), fc.integer(), (prefix, text, nowMs) => {
        const ms = parseRetryAfter(prefix + text, nowMs);
        expect(ms === null || (Number.isFinite(ms) && ms >= 0)).toBe(true);
      }),
    );
  });

  it('reads back every HTTP date that a server can write', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10 ** 9 }), (seconds) => {
        expect(parseRetryAfter(new Date(now + seconds * 1000).toUTCString(), now)).toBe(seconds * 1000);
      }),
    );
  });
});

const intervals = { initialIntervalMs: 1_000, maxIntervalMs: 60_000, retryAfterMaxMs: 300_000 };
const backOff = (failures: number, retryAfterMs: number | null = null): Wait => ({ kind: 'back_off', failures, retryAfterMs });
const longBackOff: Wait = { kind: 'long_back_off', failures: 0, retryAfterMs: null };
const almostOne = 1 - Number.EPSILON;

describe('the wait before the next try', () => {
  it('is none where the next try is due at once, whatever else is said', () => {
    expect(waitMs({ kind: 'none', failures: 7, retryAfterMs: 5_000 }, intervals, 0.5)).toBe(0);
  });

  it('doubles with every failure until the maximum', () => {
    const waits = [0, 1, 2, 3, 4, 5, 6, 7, 1_000].map((failures) => waitMs(backOff(failures), intervals, almostOne));
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
  });

  it('is spread over the upper half of its interval', () => {
    expect(waitMs(backOff(3), intervals, 0)).toBe(4_000);
    expect(waitMs(backOff(3), intervals, 0.5)).toBe(6_000);
    expect(waitMs(backOff(3), intervals, almostOne)).toBe(8_000);
  });

  it('is spread over the upper half of the maximum for a long back-off, at the first failure already', () => {
    expect(waitMs(longBackOff, intervals, 0)).toBe(30_000);
    expect(waitMs(longBackOff, intervals, almostOne)).toBe(60_000);
  });

  it('is at least what the bank asked for, up to the cap, be it shorter or longer than the back-off', () => {
    expect(waitMs(backOff(10, 2_000), intervals, 0)).toBe(2_000);
    expect(waitMs(backOff(0, 250_000), intervals, 0)).toBe(250_000);
    expect(waitMs({ ...longBackOff, retryAfterMs: 7_000 }, intervals, 0)).toBe(7_000);
    expect(waitMs(backOff(0, 36_000_000), intervals, 0)).toBe(300_000);
    expect(waitMs(backOff(0, Number.MAX_SAFE_INTEGER), intervals, 0)).toBe(300_000);
  });

  it('is spread beyond what the bank asked for: by half as much, or by the back-off where that is longer', () => {
    expect(waitMs(backOff(0, 30_000), intervals, almostOne)).toBe(45_000);
    expect(waitMs(backOff(0, 1_000), intervals, almostOne)).toBe(2_000);
    expect(waitMs(backOff(5, 1_000), intervals, almostOne)).toBe(33_000);
    expect(waitMs({ ...longBackOff, retryAfterMs: 7_000 }, intervals, almostOne)).toBe(10_500);
  });

  it.each([
    ['a back-off', backOff(4)],
    ['a long back-off', longBackOff],
    ['a Retry-After', backOff(0, 30_000)],
  ])('brings three hundred who wait after %s back one by one, no tenth of the wait with more than two fifths of them', (_, wait) => {
    const moments = Array.from({ length: 300 }, (__, index) => waitMs(wait, intervals, index / 300));
    expect(peakWithin(Math.min(...moments) / 10, moments)).toBeLessThanOrEqual(120);
    expect(new Set(moments).size).toBeGreaterThan(290);
  });

  it('is the back-off where the bank asked for no wait at all', () => {
    expect(waitMs(backOff(3, 0), intervals, 0)).toBe(4_000);
    expect(waitMs({ ...longBackOff, retryAfterMs: 0 }, intervals, 0)).toBe(30_000);
  });

  const anyIntervals = fc.record({
    initialIntervalMs: fc.integer({ min: 1, max: 604_800_000 }),
    maxIntervalMs: fc.integer({ min: 1, max: 604_800_000 }),
    retryAfterMaxMs: fc.integer({ min: 1, max: 604_800_000 }),
  });
  const anyWait = fc.record({
    kind: fc.constantFrom('none', 'back_off', 'long_back_off'),
    failures: fc.nat(),
    retryAfterMs: fc.option(fc.oneof(fc.nat(), fc.constant(Number.MAX_SAFE_INTEGER))),
  });
  const anyRandom = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

  it('is a whole number of milliseconds between none and the longest that is allowed', () => {
    fc.assert(
      fc.property(anyWait, anyIntervals, anyRandom, (wait, allowed, random) => {
        const ms = waitMs(wait, allowed, random);
        expect(Number.isSafeInteger(ms)).toBe(true);
        expect(ms).toBeGreaterThanOrEqual(0);
        const { maxIntervalMs, retryAfterMaxMs } = allowed;
        expect(ms).toBeLessThanOrEqual(Math.max(maxIntervalMs, retryAfterMaxMs + Math.max(maxIntervalMs, retryAfterMaxMs / 2)));
      }),
    );
  });

  it('is not half a millisecond longer either, where half of what was asked for is no whole number', () => {
    const intervals = { initialIntervalMs: 1, maxIntervalMs: 1, retryAfterMaxMs: 37_179_985 };
    const wait = { kind: 'long_back_off', failures: 0, retryAfterMs: Number.MAX_SAFE_INTEGER } as const;
    expect(waitMs(wait, intervals, 0.9999999999999998)).toBe(55_769_977);
  });

  it('never shrinks with more failures', () => {
    fc.assert(
      fc.property(fc.nat(100), anyIntervals, anyRandom, (failures, allowed, random) => {
        expect(waitMs(backOff(failures + 1), allowed, random)).toBeGreaterThanOrEqual(waitMs(backOff(failures), allowed, random));
      }),
    );
  });
});
