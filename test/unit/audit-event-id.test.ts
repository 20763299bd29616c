import { describe, expect, test } from '@jest/globals';
import { auditEventId } from '../../src/audit/event-id.js';

describe('the id of an audit event', () => {
  test('is the same for the same fact, in this version and in every later one', () => {
    expect(auditEventId('unlock-1', 'customer.unlock.attempt_started', 1)).toBe('cdf62f76-2fba-5050-bc93-83b7c76e33a1');
    expect(auditEventId('unlock-1', 'customer.unlock.attempt_started', '1')).toBe('cdf62f76-2fba-5050-bc93-83b7c76e33a1');
  });

  test('is a UUID of version 5', () => {
    expect(auditEventId('unlock-1', 'customer.unlock.completed', 0)).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
  });

  test('differs by scope, action and key, wherever one ends and the next begins', () => {
    const ids = [
      auditEventId('a', 'audit.viewed', 'b'),
      auditEventId('a', 'audit.exported', 'b'),
      auditEventId('a', 'audit.viewed', 'c'),
      auditEventId('b', 'audit.viewed', 'b'),
      auditEventId('a","audit.viewed', 'audit.viewed', 'b'),
      auditEventId('a', 'audit.viewed', '","audit.viewed'),
    ];
    expect(new Set(ids).size).toBe(ids.length);
  });
});
