import { afterAll, describe, expect, test } from '@jest/globals';
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { createSandbox } from '../../src/sandbox/index.js';
import { createBankCaller, tokenAnswer } from './sandbox-caller.js';

const sandbox = await createSandbox();
const { call, close } = createBankCaller(sandbox);

afterAll(async () => {
  await close();
  await sandbox.close();
});

describe('the issuer', () => {
  const verify = (token: string) => {
    const keys = createRemoteJWKSet(new URL(`${sandbox.issuerUrl}/jwks`));
    const requiredClaims = ['exp', 'iat', 'jti', 'sub', 'client_id'];
    const { issuerUrl: issuer } = sandbox;
    return jwtVerify(token, keys, { issuer, audience: 'latchkey', typ: 'at+jwt', algorithms: ['ES256'], requiredClaims });
  };
  const ask = (form: Record<string, string>) =>
    call('POST', `${sandbox.issuerUrl}/token`, {
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: String(new URLSearchParams(form)),
    });
  const good = { grant_type: 'client_credentials', client_id: 'latchkey-sandbox' };

  test.each([
    '/issuer/.well-known/openid-configuration',
    '/issuer/.well-known/oauth-authorization-server',
    '/.well-known/oauth-authorization-server/issuer',
  ])('is discovered at %s', async (path) => {
    const { issuerUrl } = sandbox;
    const metadata = (await call('GET', `${sandbox.url}${path}`)).json();
    expect(metadata).toMatchObject({ issuer: issuerUrl, jwks_uri: `${issuerUrl}/jwks`, token_endpoint: `${issuerUrl}/token` });
  });

  test('gives the client a service token with every scope, or those asked for', async () => {
    const all = tokenAnswer.parse((await ask(good)).json());
    const { payload } = await verify(all.access_token);
    const client = { sub: 'latchkey-sandbox', client_id: 'latchkey-sandbox' };
    expect(payload).toMatchObject({ ...client, institution_id: 'sandbox-bank', scope: all.scope });
    expect(payload.name).toBeUndefined();
    expect(tokenAnswer.parse((await ask({ ...good, scope: 'audit:read' })).json()).scope).toBe('audit:read');
  });

  test('gives a person’s token where sub and name are given', async () => {
    const { access_token: token } = tokenAnswer.parse((await ask({ ...good, sub: 'ada', name: 'Ada L.' })).json());
    expect((await verify(token)).payload).toMatchObject({ sub: 'ada', name: 'Ada L.', client_id: 'latchkey-sandbox' });
  });

  test.each([
    ['another client', 401, 'invalid_client', { client_id: 'other' }],
    ['an unknown scope', 400, 'invalid_scope', { scope: 'everything' }],
    ['another grant', 400, 'unsupported_grant_type', { grant_type: 'password' }],
  ])('refuses %s', async (_, httpStatus, error, form) => {
    const answer = await ask({ ...good, ...form });
    expect(answer.httpStatus).toBe(httpStatus);
    expect(answer.json()).toMatchObject({ error });
  });

  test('mints what a test wishes, hostile tokens among it', async () => {
    const wish = { subject: 's', scopes: ['audit:read'], institutionId: 'other', claims: { scp: ['x'] }, without: ['jti'] };
    const wished = await sandbox.mintToken({ ...wish, audience: 'else' });
    const keys = createRemoteJWKSet(new URL(`${sandbox.issuerUrl}/jwks`));
    const { payload } = await jwtVerify(wished, keys);
    expect(payload).toMatchObject({ sub: 's', scope: 'audit:read', institution_id: 'other', aud: 'else', scp: ['x'] });
    expect(payload).not.toHaveProperty('jti');
    expect(decodeProtectedHeader(await sandbox.mintToken({ typ: 'JWT' })).typ).toBe('JWT');
    await expect(verify(await sandbox.mintToken({ expiresInSeconds: -60 }))).rejects.toMatchObject({ code: 'ERR_JWT_EXPIRED' });
    const forged = await sandbox.mintToken({ forged: true });
    await expect(verify(forged)).rejects.toMatchObject({ code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED' });
  });

  test('keeps old tokens good over a key rotation, unless the old key is withdrawn', async () => {
    const before = await sandbox.mintToken();
    await sandbox.rotateKey();
    await expect(verify(before)).resolves.toBeDefined();
    await sandbox.rotateKey({ keepPrevious: false });
    await expect(verify(before)).rejects.toMatchObject({ code: 'ERR_JWKS_NO_MATCHING_KEY' });
    await expect(verify(await sandbox.mintToken())).resolves.toBeDefined();
  });
});
