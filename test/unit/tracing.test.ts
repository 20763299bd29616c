import { describe, expect, it } from '@jest/globals';
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { BasicTracerProvider, InMemorySpanExporter, SamplingDecision, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { createRedaction, secretsOf } from '../../src/cli/redaction.js';
import { parseHeaders } from '../../src/cli/tracing.js';
import { loadConfig } from '../../src/config.js';
import { createSampler } from '../../src/tracing/sampler.js';
import { tellingOnlyAllowed } from '../../src/tracing/span-contents.js';

describe('what a span tells', () => {
  it('is what is on the list, in short values; nothing of an exception, a link or a message', () => {
    const memory = new InMemorySpanExporter();
    const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(tellingOnlyAllowed(memory))] });
    const span = provider.getTracer('any').startSpan('a span', { links: [{ context: { traceId: '1', spanId: '2', traceFlags: 1 } }] });
    span.setAttributes({
      'http.route': '/v1/unlocks',
      'http.request.method': 'x'.repeat(201),
      model: ['a', 'b'],
      'url.path': '/cust-1',
      'latchkey.attempt': 2,
    });
    span.recordException(new Error('cust-1'));
    span.setStatus({ code: SpanStatusCode.ERROR, message: 'cust-1' });
    span.end();
    const [told] = memory.getFinishedSpans();
    expect(told).toMatchObject({ name: 'a span', links: [], events: [], status: { code: SpanStatusCode.ERROR } });
    expect(told?.status).not.toHaveProperty('message');
    expect(told?.attributes).toEqual({ 'http.route': '/v1/unlocks', 'latchkey.attempt': 2 });
  });
});

describe('a trace', () => {
  const traceId = `${'f'.repeat(8)}${'0'.repeat(24)}`;
  const sampled = (
    name: Parameters<typeof createSampler>[0]['sampler'],
    kind: SpanKind,
    parent: { flags: 0 | 1; isRemote: boolean } | null,
  ) => {
    const context =
      parent === null
        ? ROOT_CONTEXT
        : trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId: '1'.repeat(16), traceFlags: parent.flags, isRemote: parent.isRemote });

    return (
      createSampler({ sampler: name, ratio: 0.5 }).shouldSample(context, traceId, 'any', kind, {}, []).decision ===
      SamplingDecision.RECORD_AND_SAMPLED
    );
  };

  it.each(['always_on', 'parentbased_always_on'] as const)('begins with a request alone: %s', (name) => {
    expect(sampled(name, SpanKind.SERVER, null)).toBe(true);
    expect(sampled(name, SpanKind.INTERNAL, null)).toBe(false);
    expect(sampled(name, SpanKind.CLIENT, null)).toBe(false);
  });

  it.each([
    ['always_on', true, true],
    ['always_off', false, false],
    ['traceidratio', false, false],
    ['parentbased_always_on', true, false],
    ['parentbased_always_off', true, false],
    ['parentbased_traceidratio', true, false],
  ] as const)('that began elsewhere is sampled as %s says: %p where it was, %p where it was not', (name, where, whereNot) => {
    expect(sampled(name, SpanKind.SERVER, { flags: 1, isRemote: true })).toBe(where);
    expect(sampled(name, SpanKind.SERVER, { flags: 0, isRemote: true })).toBe(whereNot);
  });

  it('that is not sampled stays so within the process', () => {
    expect(sampled('always_on', SpanKind.CLIENT, { flags: 0, isRemote: false })).toBe(false);
    expect(sampled('always_off', SpanKind.CLIENT, { flags: 1, isRemote: false })).toBe(true);
  });
});

describe('headers for the collector', () => {
  it('are read as OpenTelemetry writes them', () => {
    expect(parseHeaders('authorization=Bearer%20a=b, x-tenant = one ,,')).toEqual({ authorization: 'Bearer a=b', 'x-tenant': 'one' });
    expect(parseHeaders('x=100%')).toEqual({ x: '100%' });
    expect(parseHeaders('')).toEqual({});
  });

  it('are secrets, with and without their scheme', () => {
    const config = loadConfig({ OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Api%20abcdefgh123' }, 'up');
    expect(createRedaction(secretsOf(config))('sent Api abcdefgh123, or abcdefgh123')).not.toContain('abcdefgh123');
  });
});

describe('settings of tracing that cannot work', () => {
  it.each([
    [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, 'OTEL_EXPORTER_OTLP_PROTOCOL: must be http/protobuf'],
    [{ OTEL_TRACES_EXPORTER: 'zipkin' }, 'OTEL_TRACES_EXPORTER: must be otlp or none'],
    [{ OTEL_TRACES_SAMPLER_ARG: '1.5' }, 'OTEL_TRACES_SAMPLER_ARG: must be a number from 0 to 1'],
    [{ OTEL_EXPORTER_OTLP_HEADERS: 'no-value' }, 'OTEL_EXPORTER_OTLP_HEADERS: must be name=value,… with values percent-encoded'],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }, 'OTEL_EXPORTER_OTLP_ENDPOINT must be https'],
  ])('are named: %p', (environment, fault) => {
    expect(() => loadConfig(environment, 'up')).toThrow(fault);
  });

  it('a collector within the house is one that ALLOW_HTTP_HOSTS names', () => {
    const environment = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318', ALLOW_HTTP_HOSTS: 'collector' };
    expect(loadConfig(environment, 'up').OTEL_EXPORTER_OTLP_ENDPOINT).toBe('http://collector:4318');
  });
});
