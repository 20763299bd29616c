import { createHash, randomBytes } from 'node:crypto';
import { afterAll, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { z } from 'zod';
import { createSandbox } from '../../src/sandbox/index.js';

const sandbox = await createSandbox();
afterAll(() => sandbox.close());

const verifier = randomBytes(32).toString('base64url');
const wish = {
  response_type: 'code',
  client_id: sandbox.deskClientId,
  redirect_uri: 'http://127.0.0.1:3000/sign-in/callback',
  scope: 'openid profile institution-users:read audit:read',
  state: 'a-state',
  nonce: 'a-nonce',
  code_challenge: createHash('sha256').update(verifier).digest('base64url'),
  code_challenge_method: 'S256',
};
const tokenAnswer = z.object({ access_token: z.string(), id_token: z.string(), refresh_token: z.string(), scope: z.string() });

function post(path: string, form: Record<string, string>): Promise<Response> {
  return fetch(`${sandbox.issuerUrl}${path}`, { method: 'POST', body: new URLSearchParams(form), redirect: 'manual' });
}

async function codeFor(person: string, change: Record<string, string> = {}): Promise<string> {
  const { headers } = await post('/authorize', { ...wish, ...change, person });
  return new URL(headers.get('location') ?? '').searchParams.get('code') ?? '';
}

const redeem = (code: string, change: Record<string, string> = {}): Promise<Response> =>
  post('/token', {
    grant_type: 'authorization_code',
    client_id: sandbox.deskClientId,
    redirect_uri: wish.redirect_uri,
    code,
    code_verifier: verifier,
    ...change,
  });
const renew = (token: string): Promise<Response> =>
  post('/token', { grant_type: 'refresh_token', client_id: sandbox.deskClientId, refresh_token: token });

describe('the login of people', () => {
  it('offers the people there are, and gives each what they may of what was asked for', async () => {
    const page = await fetch(`${sandbox.issuerUrl}/authorize?${new URLSearchParams(wish).toString()}`);
    expect(await page.text()).toContain('Carl Compliance');
    const answer = tokenAnswer.parse(await (await redeem(await codeFor('sam'))).json());
    expect(answer.scope).toBe('institution-users:read');
    expect(decodeJwt(answer.access_token)).toMatchObject({
      sub: 'sam',
      name: 'Sam Support',
      client_id: sandbox.deskClientId,
      institution_id: sandbox.institutionId,
      aud: 'latchkey',
    });
    expect(decodeJwt(answer.id_token)).toMatchObject({ sub: 'sam', aud: sandbox.deskClientId, nonce: 'a-nonce' });
  });

  it('takes a code once, from who can show the verifier, for the same address', async () => {
    const code = await codeFor('sam');
    expect((await redeem(code)).status).toBe(200);
    expect((await redeem(code)).status).toBe(400);
    expect((await redeem(await codeFor('sam'), { code_verifier: 'another' })).status).toBe(400);
    expect((await redeem(await codeFor('sam'), { redirect_uri: 'http://127.0.0.1:1/' })).status).toBe(400);
  });

  it('takes a refresh token once, and none that was revoked', async () => {
    const first = tokenAnswer.parse(await (await redeem(await codeFor('sam'))).json());
    const second = tokenAnswer.parse(await (await renew(first.refresh_token)).json());
    expect((await renew(first.refresh_token)).status).toBe(400);
    await post('/revoke', { token: second.refresh_token });
    expect((await renew(second.refresh_token)).status).toBe(400);
  });

  it.each([
    ['without PKCE', { code_challenge: '' }],
    ['with PKCE that tells the verifier', { code_challenge_method: 'plain' }],
    ['that leads to another machine', { redirect_uri: 'https://evil.example/' }],
    ['of another client', { client_id: 'other' }],
  ])('does not begin %s', async (_, change) => {
    const { status, headers } = await post('/authorize', { ...wish, ...change, person: 'sam' });
    expect([status, headers.get('location')]).toEqual([400, null]);
  });

  it('ends by leading back to this machine alone', async () => {
    const end = async (to: string): Promise<string | null> => {
      const search = new URLSearchParams({ post_logout_redirect_uri: to }).toString();
      return (await fetch(`${sandbox.issuerUrl}/end-session?${search}`, { redirect: 'manual' })).headers.get('location');
    };
    expect(await end('http://127.0.0.1:3000/signed-out')).toBe('http://127.0.0.1:3000/signed-out');
    expect(await end('https://evil.example/')).toBeNull();
  });
});
