import { AUDIENCE, INSTITUTION } from './front-door.js';

type Json = Readonly<Record<string, unknown>>;

/** Claims that a token of the issuer's must not have, or must. */
export function wrongClaims(iss: string): readonly (readonly [string, Json])[] {
  const now = Math.floor(Date.now() / 1000);
  const faults: Readonly<Record<string, readonly unknown[]>> = {
    iss: [undefined, null, '', 7, [iss], {}, `${iss}/`, iss.toUpperCase(), 'http://127.0.0.1:1', `${iss}@evil.example`, `${iss} `],
    aud: [undefined, null, '', 7, [], {}, ['other'], 'other', `${AUDIENCE} other`, `${AUDIENCE}2`, AUDIENCE.toUpperCase(), [[AUDIENCE]]],
    exp: [undefined, null, 0, -1, now - 60, String(now + 600), [now + 600], true, {}, new Date(8.64e15).toISOString()],
    nbf: [null, now + 60, String(now), [now], true, {}],
    iat: [null, now + 60, String(now), [now], true, {}, -1],
    sub: [undefined, null, '', 7, [], ['agent-7'], {}, true, 'a\nb', 'a\u0000b', 'a\u2028b', '\ud800', 'x'.repeat(256)],
    client_id: [undefined, null, '', 7, ['desk'], {}, 'a\rb', '\u009b', 'x'.repeat(256)],
    name: [7, ['Ann'], {}, '', 'a\nb', '\u001b[2J', 'x'.repeat(256)],
  };
  return Object.entries(faults).flatMap(([claim, values]) =>
    values.map((value) => [`${claim} ${value === undefined ? 'absent' : JSON.stringify(value).slice(0, 40)}`, { [claim]: value }] as const),
  );
}

/** What JSON can say and an object cannot. */
export const literalClaims: readonly (readonly [string, RegExp, string])[] = [
  ['exp beyond every number', /"exp":\d+/, '"exp":1e999'],
  ['exp twice, the second past', /("exp":\d+)/, '$1,"exp":1'],
  ['iss twice', /("iss":"[^"]+")/, '$1,"iss":"http://127.0.0.1:1"'],
  ['aud twice', /("aud":"[^"]+")/, '$1,"aud":"other"'],
  ['exp in a prototype', /"exp":(\d+)/, '"__proto__":{"exp":$1}'],
  ['sub in a prototype', /"sub":("[^"]+")/, '"__proto__":{"sub":$1}'],
];

export const wrongInstitutions: readonly (readonly [string, unknown])[] = [
  ['absent', undefined],
  ['null', null],
  ['empty', ''],
  ['a number', 1],
  ['true', true],
  ['a list of it', [INSTITUTION]],
  ['a list of several', [INSTITUTION, 'bank-two']],
  ['an object', { id: INSTITUTION }],
  ['another', 'bank-two'],
  ['in capitals', INSTITUTION.toUpperCase()],
  ['with a blank', `${INSTITUTION} `],
  ['with a NUL', `${INSTITUTION}\u0000`],
  ['with more behind it', `${INSTITUTION},bank-two`],
  ['a part of it', INSTITUTION.slice(0, -1)],
  ['every one', '*'],
  ['a pattern', 'bank-%'],
  ['SQL', `${INSTITUTION}' or '1'='1`],
  ['a word of prototypes', '__proto__'],
];

export function wrongScopes(scope: string, scopes: readonly string[]): readonly (readonly [string, Json])[] {
  return [
    ['absent', { scope: undefined }],
    ['null', { scope: null }],
    ['empty', { scope: '' }],
    ['a number', { scope: 7 }],
    ['an object', { scope: { [scope]: true } }],
    ['a list of lists', { scope: [[scope]] }],
    ['every other one', { scope: scopes.filter((each) => each !== scope).join(' ') }],
    ['in capitals', { scope: scope.toUpperCase() }],
    ['with more behind it', { scope: `${scope}2` }],
    ['with more before it', { scope: `x${scope}` }],
    ['with commas', { scope: scopes.join(',') }],
    ['with tabs', { scope: scopes.join('\t') }],
    ['every one', { scope: '*' }],
    ['a part of it', { scope: scope.split(':')[0] }],
    ['under another name', { scope: undefined, scopes: [scope], permissions: [scope], roles: ['admin'] }],
  ];
}
