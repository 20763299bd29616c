import { trace, type Context, type Span as AnySpan } from '@opentelemetry/api';
import { Span, type SpanProcessor } from '@opentelemetry/sdk-trace-base';
import { CORRELATION_ID } from './span-contents.js';

/** Gives every span the correlationId of the one above it, whoever makes it. */
export const inheritedCorrelationId: SpanProcessor = {
  onStart(span: Span, context: Context) {
    const inherited = correlationIdOf(trace.getSpan(context));
    if (inherited !== null && correlationIdOf(span) === null) span.setAttribute(CORRELATION_ID, inherited);
  },
  onEnd: () => undefined,
  forceFlush: async () => undefined,
  shutdown: async () => undefined,
};

/** @returns null where it has none, or is not recorded */
export function correlationIdOf(span: AnySpan | undefined): string | null {
  const value = span instanceof Span ? span.attributes[CORRELATION_ID] : undefined;
  return typeof value === 'string' ? value : null;
}
