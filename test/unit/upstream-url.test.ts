import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createCustomerUrl, UnsafeCustomerIdError } from '../../src/upstream/customer-url.js';

const base = 'https://api.bank.example/digitalbanking/ux-users';
const templates = [
  '/v1/customers/{customerId}:unlock-user',
  '/v1/customers/{customerId}?userIdType=CUSTOMER_ID',
  '/v1/user-status/{customerId}',
  '/v1/{customerId}/unlock',
];
const anything = /^.*$/su;

/** The id that the URL names in its own place, read back as the bank would; undefined where it was refused. */
function idInPlace(template: string, id: string, pattern = anything): string | undefined {
  let url: URL;
  try {
    url = createCustomerUrl(base, template, pattern)(id);
  } catch (error) {
    expect(error).toBeInstanceOf(UnsafeCustomerIdError);
    return undefined;
  }
  const [before = '', after = ''] = template.split('{customerId}');
  const prefix = `${base}${before}`;
  expect(url.origin).toBe('https://api.bank.example');
  expect(url.href.slice(0, prefix.length)).toBe(prefix);
  expect(url.href.slice(url.href.length - after.length)).toBe(after);
  const segment = url.href.slice(prefix.length, url.href.length - after.length);
  // One segment of printable ASCII: no slash, no query, no fragment, nothing that a header or a proxy could stumble over.
  expect(segment).toMatch(/^[A-Za-z0-9\-_.!~*'()%]+$/);
  return decodeURIComponent(segment);
}

describe('the URL of a customer', () => {
  it('has the id in its place, and the base URL as it was', () => {
    expect(createCustomerUrl(base, '/v1/customers/{customerId}:unlock-user', /^\d+$/u)('1234567890').href).toBe(
      `${base}/v1/customers/1234567890:unlock-user`,
    );
    expect(createCustomerUrl('http://127.0.0.1:8080', '/v1/{customerId}?a=b', /^\d+$/u)('1').href).toBe('http://127.0.0.1:8080/v1/1?a=b');
  });

  it('is the same with and without a slash at the end of the base URL', () => {
    for (const slashes of ['', '/', '//'])
      expect(createCustomerUrl(`${base}${slashes}`, '/v1/{customerId}', /^\d+$/u)('1').href).toBe(`${base}/v1/1`);
  });

  const hostile = [
    ...[
      '..',
      '.',
      '...',
      '%2e%2e',
      '%2E%2e',
      '%252e%252e',
      '..;',
      '../..',
      '/',
      '//',
      '//evil.example',
      'a/b',
      'a%2Fb',
      '..%2f..',
      '\\',
      'a\\b',
      '..\\..',
    ],
    ...[
      '?',
      'a?b=c',
      '#',
      'a#b',
      '&',
      ';',
      ':',
      ':unlock-user',
      'a:b@c',
      '@evil.example',
      'https://evil.example/',
      '%',
      '%zz',
      '%00',
      '+',
      ' ',
      ' a',
      'a ',
    ],
    ...[
      '\t',
      'a\tb',
      '\n',
      'a\r\nx: y',
      '\u0000',
      '\u007f',
      '\u0085',
      '\u2028',
      'ü',
      'ß',
      '漢字',
      '😀',
      '．．',
      '／',
      '\ufeff',
      '\u202e',
      '{customerId}',
      '$&',
      '$1',
      "'",
      '"',
      '<>',
      '`',
      '|',
      '^',
    ],
  ];

  it.each(templates)('of %s keeps its shape against everything that is known to bend one', (template) => {
    for (const id of hostile) expect([id, idInPlace(template, id) ?? id]).toEqual([id, id]);
  });

  it.each(templates)('of %s keeps its shape whatever the id, even where the pattern lets everything through', (template) => {
    const bending = fc.array(
      fc.constantFrom('.', '..', '/', '\\', '%', '2e', '2f', '?', '#', ':', '@', '\t', '\n', '\ud800', '\udc00', 'a', 'é', '😀', "'"),
      { maxLength: 8 },
    );
    const anyId = fc.oneof(
      fc.string(),
      fc.string({ unit: 'binary' }),
      bending.map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(anyId, (id) => {
        const read = idInPlace(template, id);
        expect(read === undefined || read === id).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('is refused where the id would be resolved away as a dot segment', () => {
    for (const id of ['.', '..']) {
      expect(idInPlace('/v1/user-status/{customerId}', id)).toBeUndefined();
      expect(idInPlace('/v1/customers/{customerId}?userIdType=CUSTOMER_ID', id)).toBeUndefined();
    }
    expect(idInPlace('/v1/user-status/{customerId}', '%2e%2e')).toBe('%2e%2e');
  });

  it('is refused for an id that is no well-formed Unicode, as an unsafe id and nothing else', () => {
    for (const id of ['\ud800', '\udc00', 'a\ud83d', '\ude00\ud83d']) expect(idInPlace('/v1/{customerId}', id)).toBeUndefined();
  });

  it('is refused for an empty id, which would name the collection', () => {
    for (const template of templates) expect(idInPlace(template, '')).toBeUndefined();
  });

  it('is refused for an id that the pattern does not match as a whole, whatever anchors and flags the pattern has', () => {
    for (const pattern of [/^[a-z]+$/u, /[a-z]+/u, /^[a-z]+|[a-z]+$/u, /^[a-z]+$/m, /[a-z]+/g, /[a-z]+/y]) {
      const toUrl = createCustomerUrl(base, '/v1/{customerId}', pattern);
      for (const id of ['a/b', 'a1', '1a', 'abc\n', '\nabc', 'a\n/', 'A', '']) expect(() => toUrl(id)).toThrow(UnsafeCustomerIdError);
      for (let round = 0; round < 3; round += 1) expect(toUrl('abc').pathname).toMatch(/\/abc$/);
    }
  });

  it('says why it was refused without repeating the id', () => {
    for (const [pattern, id] of [
      [/^\d+$/u, 'secret-id'],
      [anything, '..'],
      [anything, '\ud800'],
    ] as const) {
      try {
        createCustomerUrl(base, '/v1/{customerId}', pattern)(id);
        throw new Error('it was let through');
      } catch (error) {
        expect(error).toBeInstanceOf(UnsafeCustomerIdError);
        expect(String(error)).not.toContain(id);
      }
    }
  });
});

describe('a base URL or path template that cannot be used', () => {
  it.each([
    'v1/{customerId}',
    '/v1/customers',
    '/v1/{customerId}/{customerId}',
    '/v1/../{customerId}',
    '/v1/./{customerId}',
    '/v1/with space/{customerId}',
    '/v1/kündigen/{customerId}',
    '/v1\\{customerId}',
    '/v1/customers#{customerId}',
    '/v1/{customerId}#top',
    '/v1/\n{customerId}',
  ])('is refused at the start, not at every call: template %j', (template) => {
    expect(() => createCustomerUrl(base, template, anything)).toThrow(TypeError);
  });

  it.each([
    'not a url',
    'https://bank.example?x=y',
    'https://bank.example#x',
    'https://user@bank.example',
    'https://:password@bank.example',
  ])('is refused at the start: base %j', (unusable) => {
    expect(() => createCustomerUrl(unusable, '/v1/{customerId}', anything)).toThrow(/Invalid URL|must not carry/);
  });
});
