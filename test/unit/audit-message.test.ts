import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { recordableMessage } from '../../src/domain/audit-event.js';

/** Characters as Postgres counts them: code points, not UTF-16 units. */
const characters = (text: string) => [...text].length;
const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 700 }),
  fc.string({ maxLength: 700 }),
  fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 700 }).map((units) => String.fromCharCode(...units)),
);

describe('a message of the bank', () => {
  it('is recorded as it came where nothing in it could harm', () => {
    for (const text of [
      '',
      'The user is not found',
      "It's “on hold” – Grüße, 漢字 😀",
      '<html>',
      '\\u0000',
      "'; DROP TABLE audit_event; --",
    ]) {
      expect(recordableMessage(text)).toBe(text);
    }
    expect(recordableMessage(null)).toBeNull();
  });

  it.each([
    ['\u0000', '\\u0000'],
    ['a\nb\r\tc', 'a\\u000ab\\u000d\\u0009c'],
    ['\u001b[31m', '\\u001b[31m'],
    ['\u007f\u0085\u009f', '\\u007f\\u0085\\u009f'],
    ['\u2028\u2029', '\\u2028\\u2029'],
    ['\ud83d', '\\ud83d'],
    ['\ude00\ud83d', '\\ude00\\ud83d'],
    ['\ud83d😀', '\\ud83d😀'],
  ])('%j is recorded as %j', (text, recorded) => {
    expect(recordableMessage(text)).toBe(recorded);
  });

  it('is cut at 500 characters, not at 500 UTF-16 units', () => {
    expect(recordableMessage('a'.repeat(501))).toBe('a'.repeat(500));
    expect(recordableMessage('a'.repeat(500))).toBe('a'.repeat(500));
    expect(recordableMessage('😀'.repeat(501))).toBe('😀'.repeat(500));
    expect(recordableMessage(`${'a'.repeat(499)}😀b`)).toBe(`${'a'.repeat(499)}😀`);
  });

  it('is cut after it was escaped, so that the escapes cannot outgrow the column', () => {
    expect(recordableMessage('\u0000'.repeat(500))).toBe('\\u0000'.repeat(84).slice(0, 500));
  });

  it('can be cut shorter', () => {
    expect(recordableMessage('😀'.repeat(65), 64)).toBe('😀'.repeat(64));
  });

  it('always fits its column: at most 500 characters, well-formed, none of them a control character', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const recorded = recordableMessage(text) ?? '';
        expect(characters(recorded)).toBeLessThanOrEqual(500);
        expect(recorded).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
        expect(() => encodeURIComponent(recorded)).not.toThrow();
        expect(Buffer.from(recorded, 'utf8').toString('utf8')).toBe(recorded);
      }),
      { numRuns: 500 },
    );
  });

  it('is the same when recorded again', () => {
    fc.assert(fc.property(anyText, (text) => expect(recordableMessage(recordableMessage(text))).toBe(recordableMessage(text))));
  });
});
