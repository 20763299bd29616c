import { describe, expect, it } from '@jest/globals';
import { loadConfig } from '../../src/config.js';
import { faulty, production } from './config-samples.js';

describe('plain http', () => {
  const outbound = ['UPSTREAM_BASE_URL', 'UPSTREAM_TOKEN_URL', 'AUTH_ISSUER', 'AUTH_JWKS_URL'] as const;
  const { NODE_ENV, ...elsewhere } = { ...production, AUTH_JWKS_URL: 'https://id.example/keys' };

  it('is for loopback outside production', () => {
    for (const host of ['localhost', '127.0.0.1', '127.1.2.3', '[::1]', '127.0.0.1:8080']) {
      for (const name of outbound) expect(() => loadConfig({ ...elsewhere, [name]: `http://${host}/x` }, 'up')).not.toThrow();
    }
  });

  it('is refused for any other host, also one that looks like loopback', () => {
    for (const host of [
      'bank.example',
      '127.0.0.1.bank.example',
      'localhost.bank.example',
      '10.0.0.1',
      '0.0.0.0',
      '[::]',
      '[::2]',
      '128.0.0.1',
      'notlocalhost',
    ]) {
      for (const name of outbound) expect([host, faulty({ ...elsewhere, [name]: `http://${host}/x` })]).toEqual([host, [name]]);
    }
  });

  it('is refused for loopback too in production', () => {
    for (const name of outbound) expect(faulty({ ...elsewhere, NODE_ENV, [name]: 'http://127.0.0.1:8080' })).toEqual([name]);
  });

  it('is for the hosts that ALLOW_HTTP_HOSTS names, in production too, and for no others', () => {
    const allowing = { ...elsewhere, NODE_ENV, ALLOW_HTTP_HOSTS: 'Mock.example,  other.example' };
    for (const name of outbound) {
      expect(() => loadConfig({ ...allowing, [name]: 'http://mock.example:8080/x' }, 'up')).not.toThrow();
      expect(() => loadConfig({ ...allowing, [name]: 'http://OTHER.example' }, 'up')).not.toThrow();
      expect(faulty({ ...allowing, [name]: 'http://sub.mock.example' })).toEqual([name]);
    }
  });

  it('is told from https whatever the case of its letters', () => {
    expect(() => loadConfig({ ...production, AUTH_ISSUER: 'HTTPS://id.example' }, 'up')).not.toThrow();
  });
});

describe('an address within the house', () => {
  const outbound = ['UPSTREAM_BASE_URL', 'UPSTREAM_TOKEN_URL', 'AUTH_ISSUER', 'AUTH_JWKS_URL'] as const;
  const { NODE_ENV, ...elsewhere } = { ...production, AUTH_JWKS_URL: 'https://id.example/keys' };

  it.each(['10.0.0.1', '169.254.169.254', '127.0.0.1:8443', '[::1]', '[fd00::1]', '0x7f000001'])('is refused in production: %s', (host) => {
    for (const name of outbound) {
      expect(faulty({ ...elsewhere, NODE_ENV, [name]: `https://${host}/x` })).toEqual([name]);
      expect(() => loadConfig({ ...elsewhere, [name]: `https://${host}/x` }, 'up')).not.toThrow();
    }
  });

  it('is taken where ALLOW_HTTP_HOSTS names it, and so is an address of the internet', () => {
    const allowing = { ...elsewhere, NODE_ENV, ALLOW_HTTP_HOSTS: '10.0.0.1,[fd00::1]' };
    for (const host of ['10.0.0.1', '[fd00::1]', '93.184.215.14']) {
      for (const name of outbound) expect(() => loadConfig({ ...allowing, [name]: `https://${host}/x` }, 'up')).not.toThrow();
    }
  });
});
