import { describe, expect, it } from '@jest/globals';
import { loadConfig } from '../../src/config.js';

const trusted = (given: string) => loadConfig({ TRUST_PROXY: given }, 'up').TRUST_PROXY;

describe('TRUST_PROXY', () => {
  it('is nobody unless it is set', () => {
    expect(loadConfig({}, 'up').TRUST_PROXY).toBeUndefined();
    expect(trusted('')).toBeUndefined();
  });

  it.each([
    ['1', 1],
    ['10', 10],
    ['10.0.0.7', ['10.0.0.7']],
    ['10.0.0.0/8, fd00::/8 loopback', ['10.0.0.0/8', 'fd00::/8', 'loopback']],
  ])('may be %s', (given, expected) => {
    expect(trusted(given)).toEqual(expected);
  });

  it.each(['true', '*', '0', '11', '-1', '0.0.0.0/0', '::/0', '10.0.0.0/33', '10.0.0', 'proxy.example', '10.0.0.1,', '10.0.0.1,true'])(
    'may not be %s',
    (given) => {
      expect(() => trusted(given)).toThrow('TRUST_PROXY');
    },
  );
});
