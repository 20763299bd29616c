import { isSpanContextValid, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { setGlobalErrorHandler, W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { envDetectorSync, Resource } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import type { TemporalTracing } from '../temporal/tracing.js';
import { correlationIdOf, inheritedCorrelationId } from './correlation.js';
import { tracePrisma } from './prisma.js';
import { createSampler, type SamplerSettings } from './sampler.js';
import { tellingOnlyAllowed } from './span-contents.js';
import { traceTemporal } from './temporal.js';

export interface TracingSettings extends SamplerSettings {
  readonly serviceName: string;
  /** Where the collector takes traces by OTLP over HTTP. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Told of traces that could not be sent; they are lost. */
  readonly onLost: (error: unknown) => void;
}

export interface Tracing {
  readonly temporal: TemporalTracing;
  /** Which span is at work: for lines of the log. */
  logFields(): Record<string, string>;
  /** Sends what is left, and gives up after two seconds. */
  stop(): Promise<void>;
}

const STOP_MS = 2_000;

/**
 * Starts OpenTelemetry in this process, by its global API. Spans are sent in batches beside the work: a collector that is slow or away loses
 * spans, and holds nothing up.
 */
export function startTracing({ serviceName, url, headers, onLost, ...sampling }: TracingSettings): Tracing {
  setGlobalErrorHandler(onLost);
  const resource = Resource.default()
    .merge(envDetectorSync.detect())
    .merge(new Resource({ 'service.name': serviceName }));
  const sender = new BatchSpanProcessor(tellingOnlyAllowed(new OTLPTraceExporter({ url, headers: { ...headers } })));
  const provider = new BasicTracerProvider({
    resource,
    sampler: createSampler(sampling),
    spanProcessors: [inheritedCorrelationId, sender],
  });
  provider.register({
    contextManager: new AsyncLocalStorageContextManager().enable(),
    propagator: new W3CTraceContextPropagator(),
  });
  tracePrisma();
  return {
    temporal: traceTemporal({ processor: sender, resource: provider.resource }),
    logFields,
    async stop() {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, STOP_MS);
      });
      await Promise.race([provider.shutdown().catch(onLost), late]);
      clearTimeout(timer);
    },
  };
}

function logFields(): Record<string, string> {
  const span = trace.getActiveSpan();
  const context = span?.spanContext();
  if (context === undefined || !isSpanContextValid(context)) return {};
  const correlationId = correlationIdOf(span);
  return { trace_id: context.traceId, span_id: context.spanId, ...(correlationId === null ? {} : { correlationId }) };
}
