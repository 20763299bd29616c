import type { Seeded } from '../chaos/seeded.js';
import type { RawRequest } from './raw-request.js';

/** One way to spoil a request; the table is what the fuzz run draws from. */
export interface Mutation {
  readonly name: string;
  readonly apply: (request: RawRequest, random: Seeded) => void;
}

const set = (request: RawRequest, name: string, value: string): void => {
  request.headers = [...request.headers.filter(([each]) => each.toLowerCase() !== name.toLowerCase()), [name, value]];
};
const add = (request: RawRequest, name: string, value: string): void => void request.headers.push([name, value]);
const setBody = (request: RawRequest, body: Buffer | string): void => {
  request.body = Buffer.from(body);
  set(request, 'content-length', String(request.body.length));
};

const pieces = [
  ...[
    '%00',
    '%zz',
    '%',
    '..',
    '/..',
    '//',
    '%2e%2e%2f',
    '%2F',
    '%5c',
    '\\',
    ';x=y',
    '#x',
    '%0d%0aX-Injected:%20yes',
    '%ff%fe',
    'ä',
    '\u0001',
  ],
  ...[
    '?',
    '?a=b&a=c',
    '?__proto__[polluted]=1',
    '?limit=1e9',
    '?limit=-1',
    '?limit=50&limit=50',
    '?cursor=AAAA',
    '?from=yesterday',
    '?%00=1',
    '?a[b]=c',
  ],
  ...[
    ':unlock-user',
    ':cancel',
    ':',
    '?customerId=' + 'x'.repeat(3_000),
    '/' + 'a'.repeat(9_000),
    '{customerId}',
    '%E2%80%AE',
    '?limit=%31%30',
  ],
];
const targets = [
  '*',
  '/',
  'http://evil.example/v1/unlocks',
  '//evil.example/v1/unlocks',
  'v1/unlocks',
  '/v1',
  '/V1/UNLOCKS',
  '/v1/unlocks/',
  '',
];
const methods = ['get', 'HEAD', 'DELETE', 'PATCH', 'TRACE', 'OPTIONS', 'CONNECT', 'FOO', 'PUT', 'POST', 'GET', 'PROPFIND', 'G ET', ''];
const headersOf = (name: string, values: readonly string[]): [string, string][] => values.map((value) => [name, value]);
const headers: readonly (readonly [string, string])[] = [
  ...headersOf('transfer-encoding', ['identity', 'chunked', 'chunked, chunked', 'xchunked', ' chunked', 'gzip, chunked']),
  ...headersOf('content-length', ['0', '-1', '+5', '0x10', '1e3', '5, 5', '99999999999999999999', '5 5', '']),
  ...headersOf('prefer', ['wait=-1', 'wait=1e9', 'wait=', 'wait=0;x="', 'wait=1, wait=0', 'respond-async', 'wait="0"', ';;;']),
  ...headersOf('content-type', [
    'text/plain',
    'application/json; charset=utf-16',
    'application/json;;',
    'multipart/form-data',
    'application/jsonx',
    '',
    'a/b/c',
  ]),
  ...headersOf('content-encoding', ['gzip', 'br', 'deflate, gzip']),
  ...headersOf('authorization', [
    'Bearer',
    'Bearer  ',
    'Basic eDp5',
    'bearer x.y.z',
    'Bearer a b',
    'Bearer ' + 'A'.repeat(9_000),
    'DPoP x',
    '',
  ]),
  ...headersOf('correlationId', [
    '',
    'x',
    '{00000000-0000-0000-0000-000000000000}',
    '00000000000000000000000000000000',
    'a%0d%0ab',
    'a, b',
    '\u0000',
  ]),
  ...([
    ['host', 'evil.example'],
    ['host', ''],
    ['x-forwarded-for', '1.2.3.4, <script>, ::1'],
    ['x-forwarded-host', 'evil.example'],
    ['x-forwarded-proto', 'gopher'],
    ['x-http-method-override', 'DELETE'],
    ['x-original-url', '/v1/audit/events'],
    ['expect', '100-continue'],
    ['expect', 'the impossible'],
    ['upgrade', 'h2c'],
    ['connection', 'upgrade'],
    ['range', 'bytes=0-0,-1'],
    ['if-none-match', '*'],
    ['user-agent', 'a\u0007\u001b[31m'],
    ['cookie', '__proto__=1; a=b'],
    ['x-long', 'y'.repeat(20_000)],
    ['bad name', 'x'],
    ['', 'x'],
    ['x-fold', 'a\r\n b'],
    ['x-inject', 'a\r\nauthorization: Bearer b'],
    ['__proto__', 'polluted'],
  ] as const),
];
const texts = [
  ...[
    'null',
    '[]',
    '""',
    '0',
    'true',
    '{',
    '{}',
    '{"customerId":',
    '{"customerId":1e999}',
    '{"customerId":null,"reason":{}}',
    '\ufeff{}',
    '{"a":1}x',
  ],
  ...[
    '{"__proto__":{"polluted":1},"customerId":"x"}',
    '{"constructor":{"prototype":{"polluted":1}}}',
    '{"customerId":"x","customerId":"y"}',
  ],
  ...[
    '['.repeat(6_000),
    '{"a":'.repeat(3_000),
    '{"reason":"\\ud800"}',
    '{"reason":"\\u0000"}',
    '{"toString":1,"hasOwnProperty":2}',
    '{"customerId":"' + 'a'.repeat(17_000),
  ],
  ...[
    '{"customerId":["x"]}',
    '{"customerId":{"$ne":1}}',
    "{'customerId':'x'}",
    'customerId=x&reason=y',
    '<x/>',
    '{"customerId":"x","reason":"' + '\\u202e'.repeat(50) + '"}',
  ],
];
const values: readonly unknown[] = [
  null,
  0,
  -1,
  1e308,
  true,
  [],
  {},
  ['x'],
  { length: 1 },
  '',
  ' ',
  '\u0000',
  '\ud800',
  'x'.repeat(2_000),
  '=1+1',
  '__proto__',
  '../..',
];

/** The body as an object, where it is one. */
function objectIn({ body }: RawRequest): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(body.toString());
    return typeof value === 'object' && value !== null ? { ...value } : null;
  } catch {
    return null;
  }
}

export const mutations: readonly Mutation[] = [
  { name: 'a piece in the path', apply: (request, random) => insert(request, random.pick(pieces), random) },
  { name: 'a piece at the end of the path', apply: (request, random) => void (request.target += random.pick(pieces)) },
  { name: 'another target', apply: (request, random) => void (request.target = random.pick(targets)) },
  { name: 'another method', apply: (request, random) => void (request.method = random.pick(methods)) },
  { name: 'a header more', apply: (request, random) => add(request, ...random.pick(headers)) },
  { name: 'a header in place of its like', apply: (request, random) => set(request, ...random.pick(headers)) },
  {
    name: 'a header fewer',
    apply: (request, random) => void request.headers.splice(random.between(0, Math.max(0, request.headers.length - 1)), 1),
  },
  { name: 'a header twice', apply: (request, random) => void request.headers.push(random.pick(request.headers)) },
  {
    name: 'many headers',
    apply: (request, random) => Array.from({ length: random.between(90, 200) }, (_, index) => add(request, `x-${index}`, 'y')),
  },
  { name: 'another body', apply: (request, random) => setBody(request, random.pick(texts)) },
  {
    name: 'a field of another kind',
    apply: (request, random) => {
      const body = objectIn(request);
      if (body === null) return setBody(request, random.pick(texts));
      const names = [...Object.keys(body), 'reason', 'ticket', 'reasonCode', 'onBehalfOf', 'customerId', 'extra', '__proto__'];
      Object.defineProperty(body, random.pick(names), { value: random.pick(values), enumerable: true });
      setBody(request, JSON.stringify(body));
    },
  },
  {
    name: 'a byte of the body changed',
    apply: (request, random) => {
      const body = Buffer.from(request.body);
      if (body.length > 0) body[random.between(0, body.length - 1)] = random.between(0, 255);
      setBody(request, body);
    },
  },
  {
    name: 'a body cut short',
    apply: (request, random) => void (request.body = request.body.subarray(0, random.between(0, request.body.length))),
  },
  {
    name: 'a body that is longer than told',
    apply: (request) => void (request.body = Buffer.concat([request.body, Buffer.from('GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n')])),
  },
];

function insert(request: RawRequest, piece: string, random: Seeded): void {
  const at = random.between(1, Math.max(1, request.target.length));
  request.target = request.target.slice(0, at) + piece + request.target.slice(at);
}
