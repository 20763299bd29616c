import { describe, expect, it } from '@jest/globals';
import { loadConfig } from '../../src/config.js';
import { errorOf, production } from './config-samples.js';

describe('the pages', () => {
  const client = { OIDC_CLIENT_ID: 'latchkey-desk' };

  it('in production need to know their own address, and that it is https', () => {
    const faultsWith = (settings: object): readonly string[] => errorOf({ ...production, ...client, ...settings }).faults;
    expect(faultsWith({})).toEqual(['PUBLIC_URL is required in production with OIDC_CLIENT_ID: the issuer leads people back to it']);
    expect(faultsWith({ PUBLIC_URL: 'http://desk.example' })).toEqual(['PUBLIC_URL must be https in production']);
    expect(faultsWith({ PUBLIC_URL: 'https://desk.example/latchkey' })).toEqual(['PUBLIC_URL: must be an origin, without a path']);
    expect(loadConfig({ ...production, ...client, PUBLIC_URL: 'https://desk.example' }, 'up', 1000).PUBLIC_URL).toBe(
      'https://desk.example',
    );
  });

  it('need none where they are off, or on a machine of their own', () => {
    expect(loadConfig(production, 'up', 1000).OIDC_CLIENT_ID).toBeUndefined();
    expect(loadConfig(client, 'up').OIDC_CLIENT_ID).toBe('latchkey-desk');
  });

  it('have no secret without a client', () => {
    expect(errorOf({ OIDC_CLIENT_SECRET: 'secret' }).faults).toEqual([
      'OIDC_CLIENT_SECRET is set, but OIDC_CLIENT_ID is not: set both or neither',
    ]);
  });
});
