import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { bankErrorSchema, problemSchema } from '../../src/http/problem.js';
import { seeded } from '../chaos/seeded.js';
import { eventually } from '../support/eventually.js';
import { openLatchkey, type Latchkey } from '../support/latchkey.js';
import { callOf, guardedRoutes } from '../support/route-calls.js';
import { mutations } from './mutations.js';
import { bytesOf, sendBytes, type RawAnswer, type RawRequest } from './raw-request.js';

// Headers, paths and bodies that no client sends, over raw connections. The same seed sends the same; `npm run test:long` sends many more.
const SEED = Number(process.env.LATCHKEY_FUZZ_SEED ?? '1');
const CASES = Number(process.env.LATCHKEY_FUZZ_CASES ?? '600');
const AT_ONCE = 10;

const routes = guardedRoutes();
/** 5xx that the description knows, and that a healthy house may answer. */
const DESCRIBED = new Set(['LATCHKEY_STILL_RUNNING', 'LATCHKEY_RETRIES_EXHAUSTED', 'upstream_refused', 'LATCHKEY_UPSTREAM_REFUSED']);
/** What only somebody who sees the inside would write. */
const INSIDE = /\n\s+at |node_modules|\.(?:ts|js):\d+|prisma|postgres|temporalio|select .* from|\[object |undefined/i;

let latchkey: Latchkey;
let port: number;
let token: string;
beforeAll(async () => {
  latchkey = await openLatchkey({ settings: { unlockWaitMs: 1_000 }, budget: { maxAttempts: 2, deadlineMs: 5_000 } });
  port = Number(new URL(latchkey.url).port);
  token = await latchkey.sandbox.mintToken();
});
afterAll(() => latchkey.close());

interface Case {
  readonly index: number;
  readonly what: string;
  readonly request: RawRequest;
}

/** The case of this number: a good request for one of the routes, spoiled once to three times. */
function makeCase(index: number): Case {
  const random = seeded(SEED * 1_000_003 + index);
  const customerId = `fuzz-${SEED}-${index}`;
  latchkey.sandbox.customers.set(customerId, {});
  const call = callOf(random.pick(routes), { correlationId: random.uuid(), customerId });
  const body = Buffer.from(call.body ?? '');
  const request: RawRequest = {
    method: call.method,
    target: call.path + call.search,
    headers: [
      ['host', `127.0.0.1:${port}`],
      ['authorization', `Bearer ${token}`],
      ['connection', 'close'],
      ...Object.entries(call.headers),
      ...(body.length === 0 ? [] : ([['content-length', String(body.length)]] as [string, string][])),
    ],
    body,
  };
  const spoilt = Array.from({ length: random.between(1, 3) }, () => random.pick(mutations));
  for (const { apply } of spoilt) apply(request, random);
  return { index, what: `${call.name}: ${spoilt.map(({ name }) => name).join(', ')}`, request };
}

/** @returns what is wrong with an answer; null: nothing */
function faultIn({ method }: RawRequest, { httpStatus, headers, body }: RawAnswer): string | null {
  // What is cut off in the middle may be left without an answer.
  if (httpStatus === null) return null;
  if (httpStatus < 100 || httpStatus > 599) return `status ${httpStatus}`;
  if (INSIDE.test(httpStatus >= 400 ? body : '')) return `it tells of the inside: ${body}`;
  if (headers.get('x-injected') !== undefined) return 'a header was injected';
  if (headers.get('location')?.includes('evil.example') === true) return 'Location follows a header';
  if (httpStatus < 400 || body === '' || method === 'HEAD') return httpStatus === 500 ? 'it failed' : null;
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return `no JSON: ${body}`;
  }
  const problem = problemSchema.safeParse(value);
  const bankError = bankErrorSchema.safeParse(value);
  if (!problem.success && !bankError.success) return `neither a problem nor the bank's shape: ${body}`;
  const code = problem.data?.code ?? bankError.data?.code ?? '';
  return httpStatus >= 500 && !DESCRIBED.has(code) ? `${httpStatus} ${code}` : null;
}

describe(`${CASES} requests that no client sends (LATCHKEY_FUZZ_SEED=${SEED} LATCHKEY_FUZZ_CASES=${CASES} npm test -- test/fuzz)`, () => {
  it(
    'are answered as described, or not at all, and never fail, hang or tell of the inside',
    async () => {
      const faults: string[] = [];
      const statuses = new Map<number | null, number>();
      /** CorrelationIds of those that were refused. */
      const refused = new Set<string | undefined>();
      let next = 0;
      const work = async (): Promise<void> => {
        while (next < CASES) {
          const { index, what, request } = makeCase(next++);
          const told = (fault: string): void =>
            void faults.push(`case ${index}, ${what}: ${fault}\n${bytesOf(request).toString('latin1').slice(0, 800)}`);
          try {
            const answer = await sendBytes(port, bytesOf(request));
            statuses.set(answer.httpStatus, (statuses.get(answer.httpStatus) ?? 0) + 1);
            if ((answer.httpStatus ?? 0) >= 400 && (answer.httpStatus ?? 0) < 500) refused.add(answer.headers.get('correlationid'));
            const fault = faultIn(request, answer);
            if (fault !== null) told(fault);
          } catch (error) {
            told(String(error));
          }
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, work));
      expect(faults).toEqual([]);
      // They got somewhere: some were taken, and most ways to refuse were seen.
      for (const status of [200, 202, 204, 400, 401, 404, 405, 415]) expect([...statuses.keys()]).toContain(status);
      const nevertheless = latchkey.sandbox
        .calls()
        .filter(({ endpoint, correlationId }) => endpoint === 'unlock' && refused.has(correlationId ?? undefined));
      expect(nevertheless).toEqual([]);
    },
    60_000 + CASES * 200,
  );

  it('leave the process as it was', async () => {
    expect((await fetch(`${latchkey.url}/healthz`)).status).toBe(200);
    // A busy machine may not be done within one wait: the same request joins the one under way.
    const correlationId = randomUUID();
    await eventually(async () => expect((await latchkey.unlock('locked-1', correlationId)).status).toBe(204), { limitMs: 60_000 });
    expect(Object.keys(Object.prototype)).toEqual([]);
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
    const failed = latchkey.logLines.filter((line) => 'message' in line && line.message === 'failed');
    expect(failed).toEqual([]);
  });
});
