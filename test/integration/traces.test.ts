import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import type { ReceivedSpan } from '../support/otlp-receiver.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { linesOf, openTracedHouse, unwellOnce, type TracedHouse } from '../support/traced-house.js';

const CLIENT = 3;

let house: TracedHouse;

beforeAll(async () => {
  house = await openTracedHouse();
}, 180_000);
afterEach(() => house.endAll());
afterAll(() => house.close());

const byStart = (one: ReceivedSpan, other: ReceivedSpan): number => Number(BigInt(one.start) - BigInt(other.start));
const aTrace = () => ({ traceId: randomBytes(16).toString('hex'), spanId: randomBytes(8).toString('hex') });

describe('one trace', () => {
  let spans: ReceivedSpan[];
  let lines: Record<string, unknown>[];
  let written: string;
  const correlationId = randomUUID();
  const named = (name: string): ReceivedSpan[] => spans.filter((span) => span.name === name).toSorted(byStart);
  /** Where a span stands, from the request down. */
  const way = (span: ReceivedSpan): string => {
    const above = spans.find(({ spanId }) => spanId === span.parentSpanId);
    return above === undefined ? span.name : `${way(above)} > ${span.name}`;
  };
  const REQUEST = 'PUT /v1/customers/{customerId}:unlock-user';
  const WORKFLOW = `${REQUEST} > StartWorkflow:unlockCustomer > RunWorkflow:unlockCustomer`;

  beforeAll(async () => {
    const { url, api } = await house.startBoth(house.traced);
    expect(await house.unlock(url, { customer: unwellOnce, correlationId })).toBe(204);
    spans = await house.wholeTrace(correlationId);
    lines = await eventually(() => {
      expect(linesOf(api, correlationId)).not.toEqual([]);
      return linesOf(api, correlationId);
    });
    written = api.output();
  }, 120_000);

  it('holds all that an unlock with a retry did, in both processes, each span once and below the request', () => {
    expect(new Set(spans.map(({ spanId }) => spanId)).size).toBe(spans.length);
    const topmost = spans.filter((span) => way(span) === span.name);
    expect(topmost.map(({ name, parentSpanId, service }) => [name, parentSpanId, service])).toEqual([[REQUEST, '', 'latchkey-api']]);
    expect(topmost[0]?.attributes).toMatchObject({
      'http.request.method': 'PUT',
      'http.route': '/v1/customers/{customerId}:unlock-user',
      'http.response.status_code': '204',
    });
    expect(named('RunWorkflow:unlockCustomer').map(way)).toEqual([WORKFLOW]);
  });

  it('has the correlationId on every span', () => {
    for (const { name, attributes } of spans) expect([name, attributes['latchkey.correlation_id']]).toEqual([name, correlationId]);
  });

  it('shows each execution of an activity, and whether it was a local one', () => {
    const activities = spans.filter(({ name }) => name.startsWith('RunActivity:')).toSorted(byStart);
    for (const span of activities) expect(way(span)).toBe(`${WORKFLOW} > ${span.name}`);
    const inShort = activities.map(({ name, attributes }) => [name.replace('RunActivity:', ''), attributes['latchkey.activity_is_local']]);
    const [checked, first, ...rest] = inShort;
    expect([checked, first, rest.at(-1)]).toEqual([
      ['checkLockStatus', true],
      ['sendUnlock', true],
      ['recordOutcome', true],
    ]);
    expect(new Set(rest.slice(0, -1).map(String))).toEqual(new Set(['sendUnlock,false']));
  });

  it('shows each call to the bank, with attempt, answer and code', () => {
    const calls = spans.filter(({ kind }) => kind === CLIENT).filter(({ attributes }) => attributes['latchkey.endpoint'] !== undefined);
    for (const { attributes } of calls)
      expect(attributes).toMatchObject({ 'server.address': '127.0.0.1', 'http.response.status_code': expect.any(String) });
    expect(new Set(calls.map(({ attributes }) => attributes['latchkey.endpoint']))).toEqual(new Set(['token', 'status', 'unlock']));
    const puts = calls.filter(({ attributes }) => attributes['latchkey.endpoint'] === 'unlock').toSorted(byStart);
    for (const put of puts) expect(way(put)).toBe(`${WORKFLOW} > RunActivity:sendUnlock > ${put.name}`);
    expect(puts.map(({ name }) => name)).toEqual(Array(2).fill(expect.stringMatching(/^PUT \/.*\/customers\/\{customerId\}:unlock-user$/)));
    const said = puts.map(({ attributes }) =>
      ['latchkey.attempt', 'http.response.status_code', 'latchkey.upstream_code'].map((name) => attributes[name]),
    );
    expect(said).toEqual([
      ['1', '503', 'UXU_30001'],
      ['2', expect.stringMatching(/^20[04]$/), undefined],
    ]);
  });

  it('shows what Prisma did, in both processes', () => {
    const places = new Set(named('prisma:client:operation').map((span) => `${String(span.service)}: ${way(span).split(' > ').at(-2)}`));
    const activities = ['checkLockStatus', 'sendUnlock', 'recordOutcome'].map((name) => `latchkey-worker: RunActivity:${name}`);
    expect([...places]).toEqual(expect.arrayContaining([`latchkey-api: ${REQUEST}`, ...activities]));
  });

  it('carries no messages, and shows the collector the header that it wants, and nobody else', () => {
    expect(
      spans.flatMap(({ events, links, status }) => [...events, ...links, ...(status.message === undefined ? [] : [status.message])]),
    ).toEqual([]);
    expect(house.collector.headers.every(({ authorization }) => authorization === 'Bearer for-the-collector')).toBe(true);
    expect(written).not.toContain('for-the-collector');
  });

  it('is named in the lines of the log', () => {
    const [request] = named(REQUEST);
    expect(lines).toEqual([expect.objectContaining({ msg: 'request', trace_id: request?.traceId, span_id: request?.spanId })]);
  });
});

describe('a caller', () => {
  it('who is known goes on in a trace of their own; who is refused does not, and leaves none', async () => {
    const { url } = await house.startBoth(house.traced);
    const { traceId, spanId } = aTrace();
    const [refused, known] = [randomUUID(), randomUUID()];
    const headers = { traceparent: `00-${traceId}-${spanId}-01`, tracestate: 'vendor=what-they-say' };
    expect(await house.unlock(url, { correlationId: refused, headers, as: `${house.token}x` })).toBe(401);
    expect(await house.unlock(url, { correlationId: known, headers })).toBe(204);
    const spans = await house.wholeTrace(known);
    expect(new Set(spans.map((span) => span.traceId))).toEqual(new Set([traceId]));
    expect(spans.filter(({ name }) => name.startsWith('PUT /v1')).map(({ parentSpanId }) => parentSpanId)).toEqual([spanId]);
    expect(house.ofRequest(refused)).toEqual([]);
    const { events } = await house.historyOf(known);
    const handedOn = events?.[0]?.workflowExecutionStartedEventAttributes?.header?.fields?.['_tracer-data']?.data ?? [];
    expect(JSON.parse(Buffer.from(handedOn).toString())).toEqual({
      traceparent: expect.stringMatching(new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`)),
    });
  }, 120_000);

  it('who does not sample is not sampled', async () => {
    const { url } = await house.startBoth(house.traced);
    const { traceId, spanId } = aTrace();
    const loud = randomUUID();
    expect(await house.unlock(url, { headers: { traceparent: `00-${traceId}-${spanId}-00` } })).toBe(204);
    expect(await house.unlock(url, { correlationId: loud })).toBe(204);
    await house.wholeTrace(loud);
    expect(house.collector.spans.filter((span) => span.traceId === traceId)).toEqual([]);
  }, 120_000);
});

describe('the bank', () => {
  it('is told of the trace where that is wanted, and otherwise not', async () => {
    const { url, worker } = await house.startBoth(house.traced);
    house.heardAtTheBank();
    expect(await house.unlock(url)).toBe(204);
    const quiet = house.heardAtTheBank();
    expect(quiet).toMatch(/^PUT /m);
    expect(quiet.toLowerCase()).not.toContain('traceparent');

    await worker.end('SIGTERM');
    await house.start('worker', { ...house.traced, UPSTREAM_TRACEPARENT: 'true' });
    const correlationId = randomUUID();
    expect(await house.unlock(url, { correlationId })).toBe(204);
    const spans = await house.wholeTrace(correlationId);
    const told = [...house.heardAtTheBank().matchAll(/^traceparent: (.*)\r$/gim)].map(([, traceparent = '']) => traceparent);
    const calls = spans.filter(({ attributes }) => attributes['latchkey.endpoint'] !== undefined);
    expect(told.toSorted()).toEqual(calls.map(({ traceId, spanId }) => `00-${traceId}-${spanId}-01`).toSorted());
  }, 120_000);
});

describe('a collector', () => {
  it('gets what is left when the parts stop', async () => {
    const { url, api, worker } = await house.startBoth({ ...house.traced, OTEL_BSP_SCHEDULE_DELAY: '600000' });
    const correlationId = randomUUID();
    expect(await house.unlock(url, { correlationId })).toBe(204);
    expect(house.ofRequest(correlationId)).toEqual([]);
    expect([await api.end('SIGTERM'), await worker.end('SIGTERM')]).toEqual([0, 0]);
    await house.wholeTrace(correlationId);
  }, 120_000);

  it('that never answers holds up neither an unlock nor a stop, and the log says that traces are lost', async () => {
    const silent = await startTcpProxy(1);
    silent.hold();
    const away = { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${silent.port}`, OTEL_BSP_EXPORT_TIMEOUT: '500' };
    const { url, api, worker } = await house.startBoth({ ...house.traced, ...away });
    expect(await house.unlock(url)).toBe(204);
    await api.says(/traces could not be sent and are lost/);
    expect(await house.unlock(url)).toBe(204);
    expect([await api.end('SIGTERM'), await worker.end('SIGTERM')]).toEqual([0, 0]);
    await silent.close();
  }, 120_000);
});
