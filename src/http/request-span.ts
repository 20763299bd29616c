import { context, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';

interface Begin {
  readonly method: string;
  /** The route's pattern. */
  readonly route: string;
  readonly correlationId: string;
  /** The caller's own trace, as the header tells it; null: none. */
  readonly traceparent: string | null;
}

/** The span of one request, after OpenTelemetry's conventions for HTTP servers, but for the path: that may hold a customer's id. */
export interface RequestSpan {
  /**
   * To be called once the caller is known: whoever is refused shall neither fill the collector nor choose a trace to stand in. The trace state
   * that a caller may send besides is not taken: it may say anything, and Temporal would keep it.
   */
  begin(request: Begin): void;
  /** What is done within it stands below it; before it has begun, below nothing. */
  within<Result>(work: () => Result): Result;
  /** @param hungUp whether the caller left before the answer had gone */
  end(answer: { readonly httpStatus: number; readonly hungUp: boolean }): void;
}

const tracer = trace.getTracer('latchkey.http');

export function createRequestSpan(): RequestSpan {
  const startTime = new Date();
  let at = ROOT_CONTEXT;
  return {
    begin({ method, route, correlationId, traceparent }) {
      const parent = traceparent === null ? ROOT_CONTEXT : propagation.extract(ROOT_CONTEXT, { traceparent });
      const attributes = { 'http.request.method': method, 'http.route': route, 'latchkey.correlation_id': correlationId };
      const span = tracer.startSpan(`${method} ${route}`, { kind: SpanKind.SERVER, startTime, attributes }, parent);
      at = trace.setSpan(parent, span);
    },
    within: (work) => context.with(at, work),
    end({ httpStatus, hungUp }) {
      const span = trace.getSpan(at);
      if (span === undefined) return;
      span.setAttribute('http.response.status_code', httpStatus);
      if (hungUp || httpStatus >= 500) {
        span.setAttribute('error.type', hungUp ? 'hung_up' : String(httpStatus));
        span.setStatus({ code: SpanStatusCode.ERROR });
      }
      span.end();
    },
  };
}
