import { createHmac, createPublicKey, generateKeyPairSync, randomUUID, sign, type JsonWebKey, type KeyObject } from 'node:crypto';
import { AUDIENCE, INSTITUTION, type ForeignIssuer } from './front-door.js';
import { literalClaims, wrongClaims, wrongInstitutions, wrongScopes } from './token-claim-faults.js';

/** What an attacker sends in place of a good token, and the one answer that is right. */
export interface TokenFault {
  readonly name: string;
  readonly httpStatus: 401 | 403 | 431;
  readonly headers: Readonly<Record<string, string | string[]>>;
  /** What follows the path; a token in a query is no token. */
  readonly search?: string;
}

interface Parts {
  readonly issuer: ForeignIssuer;
  /** The scope that the route asks for, and all that there are. */
  readonly scope: string;
  readonly scopes: readonly string[];
  /** A server of the attacker's: nothing may be fetched from it. */
  readonly attackerUrl: string;
}

type Json = Readonly<Record<string, unknown>>;

/** Every fault of the table, made for one route. */
export function tokenFaults({ issuer, scope, scopes, attackerUrl }: Parts): TokenFault[] {
  const [published] = issuer.keys.toJSON();
  const [own] = issuer.keys.toJSON(true);
  if (published === undefined || own === undefined) throw new Error('the issuer has no key');
  const good = createForge(own, { alg: 'RS256', typ: 'at+jwt', kid: own.kid }, goodClaims(issuer.url, scope));
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const forged = (header: Json): string => good.token({ header, key: rsa.privateKey });
  const token = good.token();
  const bearer = (name: string, forgery: string, httpStatus: 401 | 403 = 401): TokenFault => ({
    name,
    httpStatus,
    headers: { authorization: `Bearer ${forgery}` },
  });
  const attackers: JsonWebKey = { ...rsa.publicKey.export({ format: 'jwk' }), kid: own.kid, alg: 'RS256', use: 'sig' };

  return [
    ...wrongHeaders(token),
    ...wrongForms(token, good).map(([name, text]) => bearer(name, text)),
    ...wrongAlgorithms(good, published, ec.privateKey).map(([name, text]) => bearer(`alg ${name}`, text)),
    ...wrongKeys({ forged, attackers, attackerUrl, kid: own.kid }).map(([name, text]) => bearer(name, text)),
    ...Object.entries(wrongJoseHeaders).map(([name, header]) => bearer(`header ${name}`, good.token({ header }))),
    ...wrongClaims(issuer.url).map(([name, claims]) => bearer(`claim ${name}`, good.token({ claims }))),
    ...literalClaims.map(([name, from, to]) => bearer(`claim ${name}`, good.token({ rewrite: (text) => text.replace(from, to) }))),
    ...wrongInstitutions.map(([name, value]) => bearer(`institution ${name}`, good.token({ claims: { institution_id: value } }), 403)),
    ...wrongScopes(scope, scopes).map(([name, claims]) => bearer(`scope ${name}`, good.token({ claims }), 403)),
  ];
}

/** A token that the route takes, to show that a cell of the table would pass but for its fault. */
export function goodToken({ issuer, scope }: Pick<Parts, 'issuer' | 'scope'>): string {
  const [own] = issuer.keys.toJSON(true);
  if (own === undefined) throw new Error('the issuer has no key');
  return createForge(own, { alg: 'RS256', typ: 'at+jwt', kid: own.kid }, goodClaims(issuer.url, scope)).token();
}

function goodClaims(iss: string, scope: string): Json {
  const now = Math.floor(Date.now() / 1000);
  const who = { sub: 'agent-7', client_id: 'desk', name: 'Ann Agent', institution_id: INSTITUTION, scope };
  return { iss, aud: AUDIENCE, iat: now, nbf: now, exp: now + 600, jti: randomUUID(), ...who };
}

interface Change {
  readonly header?: Json;
  /** Undefined takes a claim away. */
  readonly claims?: Json;
  /** The whole payload, whatever it is. */
  readonly payload?: string;
  readonly rewrite?: (payload: string) => string;
  readonly key?: KeyObject;
}

const encode = (text: string): string => Buffer.from(text).toString('base64url');

function createForge(key: JsonWebKey, header: Json, claims: Json) {
  const privateKey = { key, format: 'jwk' } as const;
  function unsigned({ header: itsHeader = {}, claims: itsClaims = {}, payload, rewrite = (text) => text }: Change): string {
    const text = payload ?? rewrite(JSON.stringify({ ...claims, ...itsClaims }));
    return `${encode(JSON.stringify({ ...header, ...itsHeader }))}.${encode(text)}`;
  }
  const signed = (text: string, by?: KeyObject): string =>
    `${text}.${sign('sha256', Buffer.from(text), by ?? privateKey).toString('base64url')}`;
  return { unsigned, signed, token: (change: Change = {}): string => signed(unsigned(change), change.key) };
}

type Forge = ReturnType<typeof createForge>;
type Named = readonly (readonly [name: string, token: string])[];

function wrongHeaders(token: string): TokenFault[] {
  const authorizations: readonly (readonly [string, string | string[]])[] = [
    ['empty', ''],
    ['the scheme alone', 'Bearer'],
    ['the scheme and a blank', 'Bearer '],
    ['no scheme', token],
    ['another scheme', `Token ${token}`],
    ['DPoP', `DPoP ${token}`],
    ['Basic', `Basic ${Buffer.from(`desk:${token}`).toString('base64')}`],
    ['Basic with the token', `Basic ${token}`],
    ['no blank', `Bearer${token}`],
    ['a colon', `Bearer: ${token}`],
    ['a tab', `Bearer\t${token}`],
    ['an equals sign', `Bearer=${token}`],
    ['the scheme twice', `Bearer Bearer ${token}`],
    ['quotes', `Bearer "${token}"`],
    ['a comma', `Bearer ${token},`],
    ['two in one header', `Bearer ${token}, Bearer ${token}`],
    ['two tokens', `Bearer ${token} ${token}`],
    ['a blank in the token', `Bearer ${token.slice(0, 30)} ${token.slice(30)}`],
    ['parameters', `Bearer ${token};a=b`],
    ['percent-encoding', `Bearer ${token.replaceAll('.', '%2E')}`],
    ['a character beyond ASCII', `Bearer ${token}\u00e9`],
    ['two headers alike', [`Bearer ${token}`, `Bearer ${token}`]],
    ['a good header and an empty one', [`Bearer ${token}`, '']],
    ['a bad header and a good one', ['Bearer x.y.z', `Bearer ${token}`]],
    ['another scheme and a good one', ['Basic YTpi', `Bearer ${token}`]],
    ['a very long token', `Bearer ${token}${'A'.repeat(12_000)}`],
    ['a very long header of blanks', `Bearer${' '.repeat(12_000)}x.y.z`],
  ];
  const elsewhere: readonly (readonly [string, Record<string, string>])[] = [
    ['a cookie', { cookie: `access_token=${token}; authorization=Bearer ${token}` }],
    ['x-access-token', { 'x-access-token': token }],
    ['x-forwarded-authorization', { 'x-forwarded-authorization': `Bearer ${token}` }],
    ['proxy-authorization', { 'proxy-authorization': `Bearer ${token}` }],
    ['x-forwarded-user', { 'x-forwarded-user': 'admin', 'x-authenticated-user': 'admin', 'x-original-url': '/healthz' }],
    ['a method override', { 'x-http-method-override': 'GET', 'x-rewrite-url': '/healthz' }],
  ];
  return [
    { name: 'no token', httpStatus: 401, headers: {} },
    ...authorizations.map(([name, authorization]) => ({ name: `header: ${name}`, httpStatus: 401 as const, headers: { authorization } })),
    ...elsewhere.map(([name, headers]) => ({ name: `token in ${name} alone`, httpStatus: 401 as const, headers })),
    { name: 'token in the query alone', httpStatus: 401, headers: {}, search: `access_token=${token}` },
    { name: 'token longer than headers may be', httpStatus: 431, headers: { authorization: `Bearer ${token}${'A'.repeat(20_000)}` } },
  ];
}

function wrongForms(token: string, good: Forge): Named {
  const [header = '', payload = '', signature = ''] = token.split('.');
  const bytes = Buffer.from(signature, 'base64url');
  const withSignature = (changed: Uint8Array): string => `${header}.${payload}.${Buffer.from(changed).toString('base64url')}`;
  const withHeader = (text: string): string => good.signed(`${encode(text)}.${payload}`);
  const otherPayload = encode(Buffer.from(payload, 'base64url').toString().replace('agent-7', 'agent-1'));
  return [
    ['one part', header],
    ['two parts', `${header}.${payload}`],
    ['an empty signature', `${header}.${payload}.`],
    ['an empty payload', `${header}..${signature}`],
    ['an empty header', `.${payload}.${signature}`],
    ['dots alone', '..'],
    ['four parts', `${token}.${signature}`],
    [
      'five parts, as of an encrypted token',
      `${encode('{"alg":"dir","enc":"A128CBC-HS256","typ":"at+jwt"}')}..${encode('iv')}.${payload}.${encode('tag')}`,
    ],
    ['parts in another order', `${payload}.${header}.${signature}`],
    ['the token twice', `${token}.${token}`],
    ['padding', `${token}==`],
    ['base64 that is not of URLs', `${header}.${payload}.${bytes.toString('base64')}`],
    ['a signature cut short', `${header}.${payload}.${signature.slice(0, -4)}`],
    ['a signature of one byte more', withSignature(Buffer.concat([bytes, Buffer.of(0)]))],
    ['a signature of zeros', withSignature(new Uint8Array(bytes.length))],
    ['a signature backwards', withSignature(Buffer.from(bytes).reverse())],
    ['one bit of the signature changed', withSignature(bytes.map((byte, index) => (index === 9 ? byte ^ 1 : byte)))],
    ['stray bits after the signature', `${token.slice(0, -1)}${nextLetter(token.at(-1) ?? '')}`],
    ['the signature of another token', `${header}.${payload}.${good.token({ claims: { sub: 'other' } }).split('.')[2] ?? ''}`],
    ['another payload', `${header}.${otherPayload}.${signature}`],
    ['another header', `${encode(JSON.stringify({ alg: 'RS256', typ: 'at+jwt' }))}.${payload}.${signature}`],
    ['a header that is no JSON', withHeader('alg=RS256')],
    ['a header that is a list', withHeader('[{"alg":"RS256","typ":"at+jwt"}]')],
    ['a header that is null', withHeader('null')],
    ['a header with nothing in it', withHeader('{}')],
    ['a payload that is another token', good.token({ header: { cty: 'JWT' }, payload: token })],
    ['a payload that is another token as JSON', good.token({ header: { cty: 'JWT' }, payload: JSON.stringify(token) })],
    ['a payload that is no JSON', good.token({ payload: 'sub=agent-7' })],
    ['a payload that is a list', good.token({ payload: '[{"sub":"agent-7"}]' })],
    ['a payload that is null', good.token({ payload: 'null' })],
    ['a payload that is a number', good.token({ payload: '7' })],
    ['a payload with nothing in it', good.token({ payload: '{}' })],
    ['a payload with something after it', good.token({ rewrite: (text) => `${text}{}` })],
  ];
}

/** The same bytes in another spelling, as far as lenient decoders are concerned. */
function nextLetter(letter: string): string {
  return String.fromCharCode(letter.charCodeAt(0) + 1);
}

function wrongAlgorithms(good: Forge, published: JsonWebKey, ecKey: KeyObject): Named {
  const publicKey = createPublicKey({ key: published, format: 'jwk' });
  const mac = (alg: string, hash: string, secret: string | Buffer, header: Json = {}): string => {
    const text = good.unsigned({ header: { alg, ...header } });
    return `${text}.${createHmac(hash, secret).update(text).digest('base64url')}`;
  };
  const secrets: readonly (readonly [string, string | Buffer])[] = [
    ['the public key as PEM', publicKey.export({ format: 'pem', type: 'spki' })],
    ['the public key as PEM of PKCS#1', publicKey.export({ format: 'pem', type: 'pkcs1' })],
    ['the public key as DER', publicKey.export({ format: 'der', type: 'spki' })],
    ['the public key as JWK', JSON.stringify(published)],
    ['the modulus', String(published.n)],
    ['nothing', ''],
    ['the word secret', 'secret'],
  ];
  const zeros = Buffer.alloc(64).toString('base64url');
  const named = (alg: unknown): string => good.token({ header: { alg } });
  const ecToken = good.unsigned({ header: { alg: 'ES256' } });
  return [
    ...['none', 'None', 'NONE', 'nOnE', 'none ', ''].flatMap((alg): Named => {
      const text = good.unsigned({ header: { alg } });
      return [
        [`${JSON.stringify(alg)} without a signature`, `${text}.`],
        [`${JSON.stringify(alg)} with one`, good.signed(text)],
      ];
    }),
    ...secrets.map(([name, secret]) => [`HS256 with ${name}`, mac('HS256', 'sha256', secret)] as const),
    ['HS384 with the public key', mac('HS384', 'sha384', publicKey.export({ format: 'pem', type: 'spki' }))],
    ['HS512 with the public key', mac('HS512', 'sha512', publicKey.export({ format: 'pem', type: 'spki' }))],
    ['HS256 with no key id', mac('HS256', 'sha256', publicKey.export({ format: 'pem', type: 'spki' }), { kid: undefined })],
    ['HS256 with a key in the header', mac('HS256', 'sha256', 'secret', { jwk: { kty: 'oct', k: encode('secret') } })],
    ...[
      'RS384',
      'RS512',
      'PS256',
      'ES256',
      'ES256K',
      'EdDSA',
      'Ed25519',
      'RS1',
      'rs256',
      'RS256 ',
      'RSA-OAEP',
      'dir',
      'A128KW',
      'ML-DSA-44',
    ].map((alg) => [`${alg} over a signature of RS256`, named(alg)] as const),
    ['a number', named(256)],
    ['null', named(null)],
    ['a list', named(['RS256'])],
    ['an object', named({ name: 'RS256' })],
    ['absent', named(undefined)],
    ['__proto__', named('__proto__')],
    ['constructor', named('constructor')],
    ['ES256 with a signature of zeros', `${ecToken}.${zeros}`],
    ['ES256 by a key of the attacker', good.signed(ecToken, ecKey)],
  ];
}

interface Attack {
  readonly forged: (header: Json) => string;
  readonly attackers: JsonWebKey;
  readonly attackerUrl: string;
  readonly kid: string;
}

const injections = {
  'a path': '../../../../../../dev/null',
  'a file': 'file:///dev/null',
  SQL: "' UNION SELECT 'secret' --",
  'a command': '|touch /tmp/x',
  'a format': '%s%n${jndi:ldap://127.0.0.1/a}',
  'an empty text': '',
  'a line break': 'a\r\nx: y',
  'a NUL': 'a\u0000b',
  __proto__: '__proto__',
  'a number': 7,
  null: null,
  'a list': ['a'],
  'an object': { kid: 'a' },
  'four thousand characters': 'k'.repeat(4_000),
};

/** Signed by the attacker's own key, with all that might lead a careless verifier to it. */
function wrongKeys({ forged, attackers, attackerUrl, kid }: Attack): Named {
  const certificate = Buffer.from('no certificate').toString('base64');
  return [
    ["signed by the attacker under the issuer's key id", forged({ kid })],
    ['signed by the attacker under no key id', forged({ kid: undefined })],
    ['jwk', forged({ jwk: attackers })],
    ['jwk without a key id', forged({ jwk: attackers, kid: undefined })],
    ['jwk under a key id of its own', forged({ jwk: { ...attackers, kid: 'mine' }, kid: 'mine' })],
    ['jku', forged({ jku: `${attackerUrl}/keys` })],
    ['jku without a key id', forged({ jku: `${attackerUrl}/keys`, kid: undefined })],
    ['jku under a key id of its own', forged({ jku: `${attackerUrl}/keys`, kid: 'mine' })],
    ['x5u', forged({ x5u: `${attackerUrl}/certificate` })],
    ['x5c', forged({ x5c: [certificate] })],
    ['x5t', forged({ x5t: encode('thumb'), 'x5t#S256': encode('thumb') })],
    ['iss in the header', forged({ iss: attackerUrl })],
    ['a key id that is a URL', forged({ kid: `${attackerUrl}/keys` })],
    ...Object.entries(injections).map(([name, value]) => [`a key id that is ${name}`, forged({ kid: value })] as const),
  ];
}

/** Signed by the issuer itself, with a header that must not be taken. */
const wrongJoseHeaders: Record<string, Json> = {
  'kid unknown': { kid: 'unknown' },
  'kid a number': { kid: 7 },
  'typ absent': { typ: undefined },
  'typ JWT': { typ: 'JWT' },
  'typ empty': { typ: '' },
  'typ a number': { typ: 7 },
  'typ a list': { typ: ['at+jwt'] },
  'typ of an identity token': { typ: 'id+jwt' },
  'typ of a logout token': { typ: 'logout+jwt' },
  'typ of a proof': { typ: 'dpop+jwt' },
  'typ with a parameter': { typ: 'at+jwt; v=1' },
  'typ of another tree': { typ: 'text/at+jwt' },
  'crit unknown': { crit: ['x-must-know'], 'x-must-know': true },
  'crit empty': { crit: [] },
  'crit no list': { crit: 'exp' },
  'crit of what is not there': { crit: ['exp'] },
  'crit alg': { crit: ['alg'] },
  'crit b64 false': { crit: ['b64'], b64: false },
};
