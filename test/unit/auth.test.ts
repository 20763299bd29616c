import { createHmac } from 'node:crypto';
import { afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { createAuthenticator, ForbiddenProblem, type Authenticator } from '../../src/http/auth.js';
import { Problem } from '../../src/http/problem.js';
import { ISSUER, JWKS_URL, makeKey, now, publish, scriptedFetch, signToken } from '../support/local-issuer.js';

const READ = 'institution-users:read';
const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'];
const keys = algorithms.map((alg) => makeKey(alg));
const key = makeKey('ES256', 'main');
const nameless = makeKey('RS256', 'weak', 1024);
const stranger = makeKey('ES256', 'main');
const INVALID = 'Bearer realm="latchkey", error="invalid_token"';

async function authenticatorWith(published: readonly ReturnType<typeof makeKey>[]): Promise<Authenticator> {
  const { fetch } = scriptedFetch({ [JWKS_URL]: await publish(published) });
  return createAuthenticator({
    issuer: ISSUER,
    audience: 'latchkey',
    jwksUrl: JWKS_URL,
    tokenTyp: 'at+jwt',
    allowedInstitutions: ['bank-one', 'bank-two'],
    fetch,
  });
}

let authenticate: Authenticator;
beforeAll(async () => {
  authenticate = await authenticatorWith([...keys, key, nameless]);
});

afterEach(() => {
  jest.useRealTimers();
  jest.restoreAllMocks();
});

const enter = (token: string) => authenticate([`Bearer ${token}`], READ);

/** What a refusal tells the caller: its code, words and headers. */
async function refusal(
  attempt: Promise<unknown>,
): Promise<{ code: string; detail: string | undefined; headers: object; problem: Problem }> {
  const problem = await attempt.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(problem instanceof Problem)) throw new Error(`it was not refused: ${String(problem)}`);
  return { code: problem.code, detail: problem.message, headers: problem.headers, problem };
}

async function expectInvalid(attempt: Promise<unknown>, detail: string): Promise<void> {
  expect(await refusal(attempt)).toMatchObject({
    code: 'invalid_token',
    detail: `The token is refused. ${detail}`,
    headers: { 'www-authenticate': INVALID },
  });
}

describe('a good token', () => {
  it('tells who is calling', async () => {
    expect(await enter(await signToken(key, { name: 'Ann Agent' }))).toEqual({
      actor: { type: 'user', id: 'agent-7', name: 'Ann Agent', clientId: 'desk' },
      institutionId: 'bank-one',
      expiresAt: expect.any(Date),
    });
    expect(await enter(await signToken(key, { sub: 'desk', name: null, institution_id: 'bank-two' }))).toEqual({
      actor: { type: 'service', id: 'desk', name: null, clientId: 'desk' },
      institutionId: 'bank-two',
      expiresAt: expect.any(Date),
    });
  });

  it.each(keys.map((each) => [each.alg, each] as const))('may be signed with %s', async (_alg, each) => {
    await expect(enter(await signToken(each))).resolves.toMatchObject({ institutionId: 'bank-one' });
  });

  it.each([
    ['expired 3 s ago', { exp: -3 }],
    ['is valid in 3 s', { nbf: 3 }],
    ['was issued in 3 s', { iat: 3 }],
  ])('may have a clock that is a little off: it %s', async (_what, offset) => {
    const claims = Object.fromEntries(Object.entries(offset).map(([name, seconds]) => [name, now() + seconds]));
    await expect(enter(await signToken(key, claims))).resolves.toBeDefined();
  });

  it('may have been issued exactly five seconds from now, and not a moment later', async () => {
    const [claims, issued] = [{ iat: now() + 60 }, (now() + 60) * 1000];
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'], now: issued - 5000 });
    await expect(enter(await signToken(key, claims))).resolves.toBeDefined();
    jest.setSystemTime(issued - 5001);
    await expectInvalid(signToken(key, claims).then(enter), 'It was issued in the future.');
  });

  it.each(['bearer', 'BEARER', 'Bearer  '])('is taken behind %j', async (scheme) => {
    await expect(authenticate([`${scheme} ${await signToken(key)} `], READ)).resolves.toBeDefined();
  });

  it('may have names as long as 255 characters', async () => {
    await expect(enter(await signToken(key, { sub: 's'.repeat(255) }))).resolves.toBeDefined();
  });
});

describe('a token is refused', () => {
  it.each([
    ['"aud"', { aud: 'another' }],
    ['"aud"', { aud: undefined }],
    ['"iss"', { iss: 'https://other.example' }],
    ['"nbf"', { nbf: now() + 60 }],
    ['"exp"', { exp: undefined }],
    ['"sub"', { sub: undefined }],
    ['"client_id"', { client_id: undefined }],
  ])('where its claim is missing or another: %s', async (claim, claims) => {
    await expectInvalid(signToken(key, claims).then(enter), `Its ${claim} is missing or not what this API expects.`);
  });

  it('where it is of another type', async () => {
    await expectInvalid(signToken(key, {}, { typ: 'JWT' }).then(enter), 'Its "typ" is missing or not what this API expects.');
  });

  it('once it has expired', async () => {
    await expectInvalid(signToken(key, { exp: now() - 8 }).then(enter), 'It has expired: get a new one.');
  });

  it('where it was issued in the future', async () => {
    await expectInvalid(signToken(key, { iat: now() + 8 }).then(enter), 'It was issued in the future.');
  });

  it.each([
    { sub: '' },
    { sub: 's'.repeat(256) },
    { sub: 'a\nb' },
    { sub: 'a\u2028' },
    { sub: '\u0085b' },
    { sub: 7 },
    { client_id: '' },
    { name: 7 },
    { iat: 'now' },
    { iat: -1 },
  ])('where a claim has another form: %j', async (claims) => {
    expect(await refusal(signToken(key, claims).then(enter))).toMatchObject({
      code: 'invalid_token',
      headers: { 'www-authenticate': INVALID },
    });
  });

  it('in words that say which claims must have which form', async () => {
    const detail = 'Its claims sub, client_id and name must be plain text of at most 255 characters, exp and iat finite numbers.';
    await expectInvalid(signToken(key, { sub: 'a\nb' }).then(enter), detail);
  });

  const notOurs = "It is not a JWT that one of the issuer's keys signed with an asymmetric algorithm.";

  it('where somebody else signed it', async () => {
    await expectInvalid(signToken(stranger).then(enter), notOurs);
  });

  it('without a signature, or with a shared secret', async () => {
    const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url');
    const [, payload = ''] = (await signToken(key)).split('.');
    await expectInvalid(enter(`${encode({ alg: 'none', typ: 'at+jwt' })}.${payload}.`), notOurs);
    const signed = `${encode({ alg: 'HS256', typ: 'at+jwt', kid: 'main' })}.${payload}`;
    const pem = key.publicKey.export({ type: 'spki', format: 'pem' });
    await expectInvalid(enter(`${signed}.${createHmac('sha256', pem).update(signed).digest('base64url')}`), notOurs);
  });

  it('where it is spelled in another way than it was issued', async () => {
    const token = await signToken(key);
    const last = token.at(-1) ?? '';
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    // 86 characters hold 64 bytes and four bits that count for nothing.
    await expectInvalid(enter(token.slice(0, -1) + (alphabet[alphabet.indexOf(last) + 1] ?? '')), notOurs);
    await expectInvalid(enter(`${token}=`), notOurs);
  });

  it('where the key under its name is too weak', async () => {
    const header = Buffer.from(JSON.stringify({ alg: 'RS256', typ: 'at+jwt', kid: 'weak' })).toString('base64url');
    const [, payload = '', signature = ''] = (await signToken(key)).split('.');
    await expectInvalid(enter(`${header}.${payload}.${signature}`), "It cannot be verified with the issuer's keys.");
  });

  it('never for a fault of our own: that one is told as it is', async () => {
    const token = await signToken(key);
    const fault = new RangeError('the clock stands still');
    jest.spyOn(Date.prototype, 'getTime').mockImplementation(() => {
      throw fault;
    });
    await expect(enter(token)).rejects.toBe(fault);
  });

  it.each(['', 'Bearer', 'Bearer ', 'Bearer a b', 'Basic YTpi', 'xBearer a.b.c', 'Bearer a.b.c,', 'Bearera.b.c', 'Bearer ü', 'Bearer a=b'])(
    'as %j',
    async (header) => {
      await expectInvalid(authenticate([header], READ), 'Send one Authorization header: Bearer <token>.');
    },
  );

  it('in two headers', async () => {
    const header = `Bearer ${await signToken(key)}`;
    await expectInvalid(authenticate([header, header], READ), 'Send one Authorization header: Bearer <token>.');
  });

  it('by its absence, in words of its own', async () => {
    expect(await refusal(authenticate([], READ))).toMatchObject({
      code: 'missing_token',
      detail: 'Send an access token in the Authorization header: Bearer <token>.',
      headers: { 'www-authenticate': 'Bearer realm="latchkey"' },
    });
  });
});

describe('a token that names no key', () => {
  const [one, two] = [makeKey('ES256', null), makeKey('ES256', null)];
  let several: Authenticator;
  beforeAll(async () => {
    several = await authenticatorWith([one, two]);
  });
  const enterWith = async (token: Promise<string>) => several([`Bearer ${await token}`], READ);

  it('is tried with each that fits', async () => {
    for (const each of [one, two]) await expect(enterWith(signToken(each))).resolves.toMatchObject({ institutionId: 'bank-one' });
  });

  it('is refused where none of them signed it, or where it has another fault', async () => {
    await expectInvalid(
      enterWith(signToken(makeKey('ES256', null))),
      "It is not a JWT that one of the issuer's keys signed with an asymmetric algorithm.",
    );
    for (const each of [one, two]) await expectInvalid(enterWith(signToken(each, { exp: now() - 60 })), 'It has expired: get a new one.');
  });
});

describe('a scope', () => {
  it.each([{ scope: `openid ${READ}` }, { scope: undefined, scp: `a ${READ}` }, { scope: 'x', scp: [READ] }])(
    'counts as %j',
    async (claims) => {
      await expect(enter(await signToken(key, claims))).resolves.toBeDefined();
    },
  );

  it.each([
    { scope: undefined },
    { scope: '' },
    { scope: 'audit:read' },
    { scope: `${READ}er x${READ}` },
    { scope: { [READ]: true } },
    { scp: [7, READ], scope: undefined },
  ])('is asked for by name where there is %j', async (claims) => {
    const { code, detail, headers, problem } = await refusal(signToken(key, claims).then(enter));
    expect({ code, detail, headers }).toEqual({
      code: 'insufficient_scope',
      detail: `The token needs the scope ${READ}.`,
      headers: { 'www-authenticate': `Bearer realm="latchkey", error="insufficient_scope", scope="${READ}"` },
    });
    expect(problem instanceof ForbiddenProblem && problem.bearer).toEqual({
      actor: { type: 'user', id: 'agent-7', name: null, clientId: 'desk' },
      institutionId: 'bank-one',
    });
  });
});

describe('an institution', () => {
  it.each([{ institution_id: undefined }, { institution_id: 'bank-three' }, { institution_id: ['bank-one'] }, { institution_id: '' }])(
    'is not served as %j',
    async (claims) => {
      const { code, detail, problem } = await refusal(signToken(key, claims).then(enter));
      expect([code, detail]).toEqual([
        'institution_not_served',
        'The claim institution_id must name an institution that this deployment serves.',
      ]);
      expect(problem instanceof ForbiddenProblem && problem.bearer).toMatchObject({ actor: { id: 'agent-7' }, institutionId: null });
    },
  );
});

describe('an issuer that does not give its keys', () => {
  it('is no fault of the token', async () => {
    const { fetch } = scriptedFetch({ [JWKS_URL]: 500 });
    const lonely = createAuthenticator({
      issuer: ISSUER,
      audience: 'latchkey',
      jwksUrl: JWKS_URL,
      tokenTyp: 'at+jwt',
      allowedInstitutions: [],
      fetch,
    });
    const { code, detail, headers, problem } = await refusal(lonely([`Bearer ${await signToken(key)}`], READ));
    expect([code, detail]).toEqual([
      'temporarily_unavailable',
      'The token cannot be checked, because the issuer does not give its keys. Try again later.',
    ]);
    expect(headers).toEqual({ 'retry-after': '5' });
    expect(problem.cause).toMatchObject({ message: `the keys of ${ISSUER} cannot be had` });
  });
});
