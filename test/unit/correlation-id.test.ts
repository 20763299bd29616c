import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseCorrelationId, unlockWorkflowId } from '../../src/domain/unlock-request.js';

describe('a correlationId', () => {
  it('is any GUID, whatever its version and variant bits', () => {
    for (const guid of [
      'f8187c63-678f-4f0c-9263-46723794661a',
      '00000000-0000-0000-0000-000000000000',
      'ffffffff-ffff-ffff-ffff-ffffffffffff',
      '12345678-1234-0234-0234-123456789abc',
    ]) {
      expect(parseCorrelationId(guid)).toBe(guid);
    }
    fc.assert(fc.property(fc.uuid(), (guid) => parseCorrelationId(guid) === guid));
  });

  it('is one and the same in every spelling of its letters', () => {
    fc.assert(fc.property(fc.uuid(), (guid) => parseCorrelationId(guid.toUpperCase()) === guid));
    expect(parseCorrelationId('F8187C63-678f-4f0C-9263-46723794661A')).toBe('f8187c63-678f-4f0c-9263-46723794661a');
  });

  it.each([
    '',
    ' ',
    'f8187c63-678f-4f0c-9263-46723794661',
    'f8187c63-678f-4f0c-9263-46723794661aa',
    'f8187c63678f4f0c926346723794661a',
    '{f8187c63-678f-4f0c-9263-46723794661a}',
    'urn:uuid:f8187c63-678f-4f0c-9263-46723794661a',
    ' f8187c63-678f-4f0c-9263-46723794661a',
    'f8187c63-678f-4f0c-9263-46723794661a\n',
    'f8187c63-678f-4f0c-9263-46723794661a, f8187c63-678f-4f0c-9263-46723794661b',
    'g8187c63-678f-4f0c-9263-46723794661a',
    'f8187c63_678f_4f0c_9263_46723794661a',
    'f8187c63-678f-4f0c-9263-46723794661\u0661',
    'ſ8187c63-678f-4f0c-9263-46723794661a',
  ])('is not %j', (text) => {
    expect(parseCorrelationId(text)).toBeNull();
  });

  it('has nothing in it that a header or a workflow id could not carry', () => {
    fc.assert(
      fc.property(fc.string(), (text) => parseCorrelationId(text) === null || /^[0-9a-f-]{36}$/.test(parseCorrelationId(text) ?? '')),
    );
  });

  it('names the workflow that carries its unlock request', () => {
    expect(unlockWorkflowId('f8187c63-678f-4f0c-9263-46723794661a')).toBe('unlock-f8187c63-678f-4f0c-9263-46723794661a');
  });
});
