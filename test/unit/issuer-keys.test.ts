import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { createIssuerKeys, IssuerUnavailableError, metadataUrls } from '../../src/http/issuer-keys.js';
import { ISSUER, JWKS_URL, makeKey, publish, scriptedFetch } from '../support/local-issuer.js';

const openId = 'https://issuer.example/bank/.well-known/openid-configuration';
const oauth = 'https://issuer.example/.well-known/oauth-authorization-server/bank';
const onHttp = (url: string): string => url.replace('https:', 'http:');
const first = makeKey('ES256', 'first');
const second = makeKey('ES256', 'second');
const metadata = { issuer: ISSUER, jwks_uri: JWKS_URL };
const noToken = { payload: '', signature: '' };

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] });
});
afterEach(() => {
  jest.useRealTimers();
});

function issuerWith(answers: Record<string, unknown>, jwksUrl: string | null = null, issuer = ISSUER) {
  const { fetch, asked, manners } = scriptedFetch(answers);
  const keys = createIssuerKeys({ issuer, jwksUrl, fetch });
  return { asked, manners, find: async (kid: string) => keys({ alg: 'ES256', kid }, noToken) };
}

async function failureOf(attempt: Promise<unknown>): Promise<Error> {
  const error = await attempt.then(
    () => undefined,
    (failure: unknown) => failure,
  );
  if (error instanceof Error) return error;
  throw new Error('it was found');
}

describe('the keys of an issuer', () => {
  it('are where the settings say, and nothing else is asked', async () => {
    const { find, asked } = issuerWith({ [JWKS_URL]: await publish([first]) }, JWKS_URL);
    await expect(find('first')).resolves.toBeDefined();
    await find('first');
    expect(asked).toEqual([JWKS_URL]);
  });

  it('are else where its metadata say', async () => {
    const { find, asked } = issuerWith({ [openId]: metadata, [JWKS_URL]: await publish([first]) });
    await expect(find('first')).resolves.toBeDefined();
    await find('first');
    expect(asked).toEqual([openId, JWKS_URL]);
  });

  it('are asked for as JSON, and not for ever', async () => {
    const { find, manners } = issuerWith({ [openId]: metadata, [JWKS_URL]: await publish([first]) });
    await find('first');
    expect(new Headers(manners[0]?.headers).get('accept')).toBe('application/json');
    expect(manners.map((each) => each?.signal)).toEqual([expect.any(AbortSignal), expect.any(AbortSignal)]);
  });

  it('may be off https where the issuer itself is', async () => {
    const [issuer, keysUrl] = [onHttp(ISSUER), onHttp(JWKS_URL)];
    const answers = { [onHttp(openId)]: { issuer, jwks_uri: keysUrl }, [keysUrl]: await publish([first]) };
    await expect(issuerWith(answers, null, issuer).find('first')).resolves.toBeDefined();
  });

  it.each(['file:///keys', 'xhttp://issuer.example/keys', 'httpx://issuer.example/keys'])('are never at %s', async (place) => {
    const issuer = onHttp(ISSUER);
    const { find, asked } = issuerWith({ [onHttp(openId)]: { issuer, jwks_uri: place }, [place]: await publish([first]) }, null, issuer);
    expect(await failureOf(find('first'))).toBeInstanceOf(IssuerUnavailableError);
    expect(asked).toEqual([onHttp(openId), onHttp(oauth)]);
  });

  it.each([
    ['there are none', 404],
    ['they speak for another', { ...metadata, issuer: 'https://other.example' }],
    ['they name none', { issuer: ISSUER }],
    ['they name keys that anybody on the way could change', { ...metadata, jwks_uri: JWKS_URL.replace('https', 'http') }],
    ['they name what is no place', { ...metadata, jwks_uri: 'file:///keys' }],
  ])('are looked for in the other place of metadata where %s', async (_what, answer) => {
    const { find, asked } = issuerWith({ [openId]: answer, [oauth]: metadata, [JWKS_URL]: await publish([first]) });
    await expect(find('first')).resolves.toBeDefined();
    expect(asked).toEqual([openId, oauth, JWKS_URL]);
  });

  it('cannot be had where there is no metadata, and every reason is told', async () => {
    const { find } = issuerWith({ [openId]: { ...metadata, issuer: 'https://other.example' }, [oauth]: 500 });
    const failure = await failureOf(find('first'));
    expect(failure).toBeInstanceOf(IssuerUnavailableError);
    expect(failure).toMatchObject({ name: 'IssuerUnavailableError', message: `the keys of ${ISSUER} cannot be had` });
    expect(failure.cause).toMatchObject({
      message: `no metadata of ${ISSUER}`,
      errors: [{ message: `${openId} speaks for https://other.example, not for ${ISSUER}` }, { message: `${oauth} answers 500` }],
    });
  });

  it('are said to be off https where they are', async () => {
    const { find } = issuerWith({ [openId]: { ...metadata, jwks_uri: 'http://issuer.example/keys' } });
    const { cause } = await failureOf(find('first'));
    expect(cause).toMatchObject({ errors: [{ message: `${openId} names keys that are not on https` }, {}] });
  });

  it('may be 50 and no more', async () => {
    const many = (count: number) => ({ keys: Array.from({ length: count }, () => ({ kty: 'oct', k: 'AA' })) });
    const { keys } = await publish([first]);
    const enough = issuerWith({ [JWKS_URL]: { keys: [...many(49).keys, ...keys] } }, JWKS_URL);
    await expect(enough.find('first')).resolves.toBeDefined();
    const tooMany = issuerWith({ [JWKS_URL]: { keys: [...many(50).keys, ...keys] } }, JWKS_URL);
    expect(await failureOf(tooMany.find('first'))).toBeInstanceOf(IssuerUnavailableError);
  });
});

describe('a key that is not known', () => {
  it('is looked for again five seconds after the last look, and not before', async () => {
    const answers: Record<string, unknown> = { [JWKS_URL]: await publish([first]) };
    const { find, asked } = issuerWith(answers, JWKS_URL);
    await find('first');
    answers[JWKS_URL] = await publish([first, second]);
    jest.advanceTimersByTime(4_900);
    const failure = await failureOf(find('second'));
    expect(failure).toMatchObject({ code: 'ERR_JWKS_NO_MATCHING_KEY' });
    expect(failure).not.toBeInstanceOf(IssuerUnavailableError);
    expect(asked).toHaveLength(1);
    jest.advanceTimersByTime(200);
    await expect(find('second')).resolves.toBeDefined();
    expect(asked).toHaveLength(2);
  });
});

describe('a name that fits several keys, or an algorithm that no key has', () => {
  it('speaks of the token, not of the issuer', async () => {
    const { find } = issuerWith({ [JWKS_URL]: await publish([first, makeKey('ES256', 'first')]) }, JWKS_URL);
    expect(await failureOf(find('first'))).toMatchObject({ code: 'ERR_JWKS_MULTIPLE_MATCHING_KEYS' });
    const { fetch } = scriptedFetch({ [JWKS_URL]: await publish([first]) });
    const keys = createIssuerKeys({ issuer: ISSUER, jwksUrl: JWKS_URL, fetch });
    expect(await failureOf(keys({ alg: 'HS256' }, noToken) as Promise<unknown>)).toMatchObject({ code: 'ERR_JOSE_NOT_SUPPORTED' });
  });
});

describe('an issuer in trouble', () => {
  it.each([
    ['its metadata', null, openId],
    ['its keys', JWKS_URL, JWKS_URL],
  ])('is left alone for a second, and asked again for %s after it', async (_what, jwksUrl, place) => {
    const answers: Record<string, unknown> = { [place]: 500 };
    const { find, asked } = issuerWith(answers, jwksUrl);
    expect(await failureOf(find('first'))).toBeInstanceOf(IssuerUnavailableError);
    const askedAtFirst = asked.length;
    jest.advanceTimersByTime(900);
    expect(await failureOf(find('first'))).toBeInstanceOf(IssuerUnavailableError);
    expect(asked).toHaveLength(askedAtFirst);
    Object.assign(answers, { [openId]: metadata, [JWKS_URL]: await publish([first]) });
    jest.advanceTimersByTime(200);
    await expect(find('first')).resolves.toBeDefined();
  });
});

describe('the places of metadata', () => {
  it.each([
    ['https://i.example', 'https://i.example/.well-known/openid-configuration', 'https://i.example/.well-known/oauth-authorization-server'],
    [
      'https://i.example/a/',
      'https://i.example/a/.well-known/openid-configuration',
      'https://i.example/.well-known/oauth-authorization-server/a',
    ],
    [
      'https://i.example/a/b',
      'https://i.example/a/b/.well-known/openid-configuration',
      'https://i.example/.well-known/oauth-authorization-server/a/b',
    ],
  ])('of %s are those of OpenID Connect and of RFC 8414', (issuer, ...places) => {
    expect(metadataUrls(issuer).map(String)).toEqual(places);
  });
});
