import { createHmac, generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SignJWT } from 'jose';
import { problemSchema } from '../../src/http/problem.js';
import { eventually } from '../support/eventually.js';
import { INSTITUTION, openFrontDoor, startForeignIssuer, type ForeignIssuer, type FrontDoor, type Reply } from '../support/front-door.js';

let issuer: ForeignIssuer;
let door: FrontDoor;

beforeAll(async () => {
  issuer = await startForeignIssuer();
  door = await openFrontDoor({ issuerUrl: issuer.url });
});

afterAll(async () => {
  await door.close();
  await issuer.stop();
});

// A request that is let in stops at its own query, before anything is asked of the rooms behind the door.
const PATH = '/v1/unlocks?limit=0';
const READ = 'institution-users:read';

function expectCode(reply: Reply, httpStatus: number, code: string): void {
  expect([reply.httpStatus, problemSchema.parse(reply.body).code]).toEqual([httpStatus, code]);
}

const get = (token: string) => door.send({ path: PATH, token });
const expectLetIn = (reply: Reply): void => expectCode(reply, 400, 'validation_failed');

describe('a token', () => {
  it('lets in who bears one', async () => {
    expectLetIn(await get(await issuer.token()));
  });

  it('is asked for where there is none', async () => {
    const reply = await door.send({ path: PATH });
    expectCode(reply, 401, 'missing_token');
    expect(reply.headers['www-authenticate']).toBe('Bearer realm="latchkey"');
  });

  it.each([
    ['expired', { claims: { exp: Math.floor(Date.now() / 1000) - 60 } }],
    ['not valid yet', { claims: { nbf: Math.floor(Date.now() / 1000) + 60 } }],
    ['without an end', { without: ['exp'] }],
    ['for another audience', { claims: { aud: 'somebody-else' } }],
    ['of another issuer', { claims: { iss: 'http://127.0.0.1:1' } }],
    ['without a subject', { without: ['sub'] }],
    ['without a client', { without: ['client_id'] }],
    ['with an empty subject', { claims: { sub: '' } }],
    ['with a subject that is no text', { claims: { sub: 7 } }],
    ['with control characters in its subject', { claims: { sub: 'a\nb' } }],
    ['with an endless name', { claims: { name: 'x'.repeat(256) } }],
    ['of another type', { header: { typ: 'JWT' } }],
  ])('is refused when it is %s', async (_what, wish) => {
    const reply = await get(await issuer.token(wish));
    expectCode(reply, 401, 'invalid_token');
    expect(reply.headers['www-authenticate']).toContain('error="invalid_token"');
  });

  it('is refused when somebody else signed it', async () => {
    const token = await issuer.token();
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const [header = '', payload = ''] = token.split('.');
    const kid = JSON.parse(Buffer.from(header, 'base64url').toString()).kid;
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
    for (const keyId of [kid, 'x']) {
      const forged = await new SignJWT(claims).setProtectedHeader({ alg: 'RS256', typ: 'at+jwt', kid: keyId }).sign(privateKey);
      expectCode(await get(forged), 401, 'invalid_token');
    }
  });

  it('is refused without a signature or with a shared secret', async () => {
    const [, payload = ''] = (await issuer.token()).split('.');
    const encode = (header: object): string => Buffer.from(JSON.stringify(header)).toString('base64url');
    expectCode(await get(`${encode({ alg: 'none', typ: 'at+jwt' })}.${payload}.`), 401, 'invalid_token');
    const signed = `${encode({ alg: 'HS256', typ: 'at+jwt' })}.${payload}`;
    const [key] = issuer.keys.toJSON();
    const mac = createHmac('sha256', JSON.stringify(key)).update(signed).digest('base64url');
    expectCode(await get(`${signed}.${mac}`), 401, 'invalid_token');
  });

  it.each(['', 'Bearer', 'Bearer ', 'Bearer a b', 'Basic YTpi', 'Bearer x.y.z', 'Bearer ü'])('is refused as %j', async (authorization) => {
    expectCode(await door.send({ path: PATH, headers: { authorization: encodeURI(authorization) } }), 401, 'invalid_token');
  });

  it('counts in one Authorization header alone', async () => {
    const token = await issuer.token();
    expectCode(await door.send({ path: PATH, headers: { authorization: [`Bearer ${token}`, `Bearer ${token}`] } }), 401, 'invalid_token');
    expectCode(await door.send({ path: `/v1/unlocks?access_token=${token}` }), 401, 'missing_token');
  });

  it('is checked before anything else of the request is', async () => {
    const headers = { 'content-type': 'text/plain' };
    expectCode(await door.send({ method: 'POST', path: '/v1/unlocks?x=1', headers, body: 'x'.repeat(20_000) }), 401, 'missing_token');
  });
});

describe('a scope', () => {
  it.each([
    ['in scope, as text', { claims: { scope: `openid ${READ}` } }],
    ['in scp, as text', { claims: { scp: `a ${READ}` }, without: ['scope'] }],
    ['in scp, as a list', { claims: { scp: [READ] }, without: ['scope'] }],
  ])('counts %s', async (_where, wish) => {
    expectLetIn(await get(await issuer.token(wish)));
  });

  it.each([
    ['absent', { without: ['scope'] }],
    ['another', { claims: { scope: 'institution-users:write audit:read' } }],
    ['only alike', { claims: { scope: `${READ}er x${READ}` } }],
    ['no text', { claims: { scope: { [READ]: true } } }],
  ])('is asked for by name where it is %s', async (_what, wish) => {
    const reply = await get(await issuer.token(wish));
    expectCode(reply, 403, 'insufficient_scope');
    expect(reply.headers['www-authenticate']).toContain(`error="insufficient_scope", scope="${READ}"`);
  });

  it('of its own guards the audit log', async () => {
    const token = await issuer.token({ claims: { scope: 'institution-users:write institution-users:read' } });
    expectCode(await door.send({ path: '/v1/audit/events?limit=0', token }), 403, 'insufficient_scope');
  });
});

describe('an institution', () => {
  it.each([
    ['absent', { without: ['institution_id'] }],
    ['another', { claims: { institution_id: 'bank-two' } }],
    ['a list', { claims: { institution_id: [INSTITUTION] } }],
  ])('that is %s is not served', async (_what, wish) => {
    expectCode(await get(await issuer.token(wish)), 403, 'institution_not_served');
  });
});

describe('the issuer', () => {
  it('being away is no fault of the caller, and is got over when it is back', async () => {
    const away = await startForeignIssuer();
    const early = await away.token();
    await away.stop();
    const lonely = await openFrontDoor({ issuerUrl: away.url });
    try {
      const reply = await lonely.send({ path: PATH, token: early });
      expectCode(reply, 503, 'temporarily_unavailable');
      expect(reply.headers['retry-after']).toBe('5');
      expect(reply.headers['www-authenticate']).toBeUndefined();
      const back = await startForeignIssuer(away.port);
      try {
        const token = await back.token();
        await eventually(async () => expectLetIn(await lonely.send({ path: PATH, token })));
      } finally {
        await back.stop();
      }
    } finally {
      await lonely.close();
    }
  });

  it('that speaks for another one is not believed', async () => {
    const wrong = await openFrontDoor({ issuerUrl: `${issuer.url}/` });
    try {
      expectCode(
        await wrong.send({ path: PATH, token: await issuer.token({ claims: { iss: `${issuer.url}/` } }) }),
        503,
        'temporarily_unavailable',
      );
    } finally {
      await wrong.close();
    }
  });

  it('may change its keys, and several may fit a token without a key id', async () => {
    const changing = await startForeignIssuer();
    const other = await openFrontDoor({ issuerUrl: changing.url });
    try {
      expectLetIn(await other.send({ path: PATH, token: await changing.token() }));
      await changing.keys.generate('RS256');
      const tokens = [await changing.token(), await changing.token()];
      for (const token of tokens) {
        await eventually(async () => expectLetIn(await other.send({ path: PATH, token })));
      }
      const nameless = [await changing.token({ header: { kid: undefined } }), await changing.token({ header: { kid: undefined } })];
      for (const token of nameless) expectLetIn(await other.send({ path: PATH, token }));
    } finally {
      await other.close();
      await changing.stop();
    }
  });
});
