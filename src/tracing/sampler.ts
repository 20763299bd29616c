import { isSpanContextValid, SpanKind, trace } from '@opentelemetry/api';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  SamplingDecision,
  TraceIdRatioBasedSampler,
  type Sampler,
} from '@opentelemetry/sdk-trace-base';

export interface SamplerSettings {
  readonly sampler:
    'always_on' | 'always_off' | 'traceidratio' | 'parentbased_always_on' | 'parentbased_always_off' | 'parentbased_traceidratio';
  /** Of the traces that begin here, for the samplers by ratio. */
  readonly ratio: number;
}

/** OpenTelemetry's samplers by their standard names; with each of them a trace begins with a request of a caller alone. */
export function createSampler({ sampler, ratio }: SamplerSettings): Sampler {
  const chosen = samplerBy(sampler.replace('parentbased_', ''), ratio);
  const root = beginningWithRequests(chosen);
  if (sampler.startsWith('parentbased_')) return new ParentBasedSampler({ root });
  return new ParentBasedSampler({ root, remoteParentSampled: chosen, remoteParentNotSampled: chosen });
}

function samplerBy(name: string, ratio: number): Sampler {
  if (name === 'traceidratio') return new TraceIdRatioBasedSampler(ratio);
  return name === 'always_off' ? new AlwaysOffSampler() : new AlwaysOnSampler();
}

/** What goes on by itself (the seal, the reconciler, a look at the connection) would be a trace of its own each time. */
function beginningWithRequests(sampler: Sampler): Sampler {
  return {
    shouldSample(context, traceId, name, kind, attributes, links) {
      const parent = trace.getSpanContext(context);
      const isRoot = parent === undefined || !isSpanContextValid(parent);
      if (isRoot && kind !== SpanKind.SERVER) return { decision: SamplingDecision.NOT_RECORD };
      return sampler.shouldSample(context, traceId, name, kind, attributes, links);
    },
    toString: () => `BeginningWithRequests{${sampler.toString()}}`,
  };
}
