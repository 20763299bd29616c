import { describe, expect, it } from '@jest/globals';
import { createLogger } from '../../src/cli/logger.js';
import { CENSOR, createRedaction, secretsOf } from '../../src/cli/redaction.js';
import { loadConfig, type Config } from '../../src/config.js';
import { production, SECRET } from './config-samples.js';

const JWT = `${Buffer.from('{"alg":"RS256"}').toString('base64url')}.${Buffer.from('{"sub":"agent-1"}').toString('base64url')}.c2lnbmF0dXJl`;
const redact = createRedaction([]);

describe('what looks like a secret', () => {
  it('leaves a word that says that something was there', () => expect(CENSOR).toBe('[redacted]'));

  it.each([
    ['a token', `got ${JWT}`, `got ${CENSOR}`],
    ['a token that was cut off', `got ${JWT.slice(0, 25)}`, `got ${CENSOR}`],
    ['an Authorization header', 'authorization: Bearer abc.def-ghi', `authorization: Bearer ${CENSOR}`],
    ['Basic credentials', 'Basic bGF0Y2hrZXk6c2VjcmV0', `Basic ${CENSOR}`],
    ['a token behind more than one space', 'Bearer   abc.def-ghi', `Bearer   ${CENSOR}`],
    ['a connection string', 'cannot reach postgres://app:pa%40ss@db:5432/x', `cannot reach postgres://app:${CENSOR}@db:5432/x`],
    ['a connection string with a raw @', 'postgresql://app:p@ss@db/x', `postgresql://app:${CENSOR}@db/x`],
    ['a connection string without a login', 'redis://:hunter22@cache', `redis://:${CENSOR}@cache`],
    ['a password by its name', 'host=db password=hunter22 dbname=x', `host=db password=${CENSOR} dbname=x`],
    ['a key by its name, in one word or two', 'apikey=hunter22 api_key=hunter22', `apikey=${CENSOR} api_key=${CENSOR}`],
    ['a form', 'client_id=a&client_secret=hunter22&x=y', `client_id=a&client_secret=${CENSOR}&x=y`],
    ['JSON', '{"access_token":"hunter22","x":1}', `{"access_token":"${CENSOR}","x":1}`],
    ['JSON within JSON', String.raw`{"body":"{\"access_token\":\"hunter22\"}"}`, String.raw`{"body":"{\"access_token\":\"${CENSOR}\"}"}`],
    ['a private key', '-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY----- x', `${CENSOR} x`],
    ['a private key of a kind', '-----BEGIN EC PRIVATE KEY-----\nMIIE\n-----END EC PRIVATE KEY----- x', `${CENSOR} x`],
    ['a private key that was cut off', 'got -----BEGIN PRIVATE KEY-----\nMIIE', `got ${CENSOR}`],
    ['half a private key', '{"x":"-----BEGIN EC PRIVATE KEY-----\\nMIIE"}', `{"x":"${CENSOR}"}`],
    ["a customer's id in a path", 'PUT /v1/customers/cust-1:unlock-user', `PUT /v1/customers/${CENSOR}:unlock-user`],
    ["a customer's id before a query", '/v1/customers/cust-1?userIdType=CUSTOMER_ID', `/v1/customers/${CENSOR}?userIdType=CUSTOMER_ID`],
  ])('is taken out: %s', (_, text, left) => expect(redact(text)).toBe(left));

  it.each([
    'PUT /v1/customers/{customerId}:unlock-user',
    'http://127.0.0.1:4010/issuer',
    'the token is refused',
    'Bearer realm="latchkey", error="invalid_token"',
    '{"part":"postgres","msg":"not ready"}',
  ])('is nothing like it: %s', (text) => expect(redact(text)).toBe(text));
});

describe('the secrets of the settings', () => {
  const password = 'p@ss/word"1';
  const config = loadConfig({ ...production, DATABASE_URL: `postgres://app:${encodeURIComponent(password)}@db.example/latchkey` }, 'up');

  it('are the passwords of URLs, each key, and what is a secret as it stands', () => {
    const [one, two] = ['A', 'B'].map((letter) => `${letter.repeat(43)}=`);
    expect(secretsOf({ ...config, PAYLOAD_KEYS: `k1:${one}, k2:${two}`, UPSTREAM_CLIENT_SECRET: 'a:secret,of:parts' })).toEqual([
      encodeURIComponent(password),
      password,
      production.AUDIT_SIGNING_KEY,
      'a:secret,of:parts',
      production.CUSTOMER_REF_KEY,
      one,
      two,
    ]);
  });

  it('are those of each institution that has one', () => {
    const institutions = [SECRET, undefined].map((clientSecret) => ({ clientSecret })) as unknown as Config['institutions'];
    const shared = secretsOf({ ...config, institutions: null });
    expect(secretsOf({ ...config, institutions })).toEqual([...shared, SECRET]);
  });

  it('are a password as it stands where it only looks as if it were encoded', () => {
    const secrets = secretsOf({ ...config, DATABASE_URL: 'postgres://app:100%-secret@db.example/latchkey' });
    expect(secrets[0]).toBe('100%-secret');
    expect(secrets).toHaveLength(secretsOf(config).length - 1);
  });

  it('are taken out of any text, however they are written', () => {
    const known = createRedaction(secretsOf(config));
    for (const secret of [password, SECRET]) {
      const bytes = Buffer.from(secret);
      for (const form of [
        secret,
        JSON.stringify(secret).slice(1, -1),
        encodeURIComponent(secret),
        bytes.toString('base64'),
        bytes.toString('base64url'),
        bytes.toString('hex'),
      ]) {
        expect(known(`so ${form} it is`)).toBe(`so ${CENSOR} it is`);
      }
    }
  });

  it('that are part of one another leave nothing of the longer one', () => {
    expect(createRedaction(['secret-1', 'secret-1-and-more'])('secret-1-and-more')).toBe(CENSOR);
  });

  it('that are too short to be told from words leave words alone', () => {
    expect(createRedaction(['postgre', 'postgre'.slice(0, 4)])('postgres')).toBe('postgres');
    expect(createRedaction(['hunter22'])('so hunter22 it is')).toBe(`so ${CENSOR} it is`);
  });
});

describe('a line of the log', () => {
  function logged(work: (log: ReturnType<typeof createLogger>) => void): string {
    let written = '';
    const destination = { write: (line: string) => void (written += line) };
    work(createLogger({ level: 'trace', toStderr: false, redact: createRedaction([SECRET]), destination }));
    return written;
  }

  it('is JSON without secrets, wherever they stood', () => {
    const line = logged((log) =>
      log.warn(
        {
          authorization: 'x1',
          headers: { cookie: 'x2', authorization: 'x3' },
          request: { headers: { authorization: 'x4' } },
          customerId: 'x5',
          nested: [{ deep: { deeper: `Bearer ${SECRET}` } }],
        },
        `with ${SECRET} and ${JWT}`,
      ),
    );
    expect(line).toMatch(/\n$/);
    expect(JSON.parse(line)).toEqual({
      level: 40,
      time: expect.any(String),
      authorization: CENSOR,
      headers: { cookie: CENSOR, authorization: CENSOR },
      request: { headers: { authorization: CENSOR } },
      customerId: CENSOR,
      nested: [{ deep: { deeper: `Bearer ${CENSOR}` } }],
      msg: `with ${CENSOR} and ${CENSOR}`,
    });
  });

  it('tells of an error its names and codes, not its text', () => {
    const error = Object.assign(new Error(`refused ${SECRET}`, { cause: new TypeError('row (cust-1)') }), { code: 'ECONNREFUSED' });
    expect(JSON.parse(logged((log) => log.error({ err: error }, 'failed')))).toMatchObject({ err: 'Error (ECONNREFUSED) < TypeError' });
  });
});
