import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { BankEndpoint } from '../domain/observer.js';
import type { Exchange } from '../outbound/index.js';

interface Call {
  readonly endpoint: BankEndpoint;
  readonly method: string;
  /** Of it server and port alone are told: its path names a customer. */
  readonly url: URL;
  readonly template: string;
  readonly attempt?: number | null;
  readonly tellsTrace: boolean;
}

/** One call to the bank, to whom it can be told what came of it. */
export interface CallSpan {
  /** By which the bank is told of the trace; none where it is not to know. */
  readonly headers: Readonly<Record<string, string>>;
  /** @returns what it was given */
  answered(got: Exchange): Exchange;
  /** @param code one of the bank's that is known */
  refused(code: string): void;
}

const tracer = trace.getTracer('latchkey.upstream');

/** Makes a call within a span of its own, after OpenTelemetry's conventions for HTTP clients; without tracing, just makes it. */
export function inCallSpan<Result>(call: Call, work: (span: CallSpan) => Promise<Result>): Promise<Result> {
  const { endpoint, method, url, template, attempt = null, tellsTrace } = call;
  const attributes = {
    'http.request.method': method,
    'url.template': template,
    'server.address': url.hostname,
    'server.port': Number(url.port) || (url.protocol === 'https:' ? 443 : 80),
    'latchkey.endpoint': endpoint,
    ...(attempt === null ? {} : { 'latchkey.attempt': attempt }),
  };
  return tracer.startActiveSpan(`${method} ${template}`, { kind: SpanKind.CLIENT, attributes }, async (span) => {
    const headers: Record<string, string> = {};
    if (tellsTrace) propagation.inject(context.active(), headers);
    try {
      return await work({
        headers,
        answered(got) {
          if (got.kind === 'answered') span.setAttribute('http.response.status_code', got.httpStatus);
          if (got.kind !== 'answered' || got.httpStatus >= 400) {
            span.setAttribute('error.type', got.kind === 'answered' ? String(got.httpStatus) : got.kind);
            span.setStatus({ code: SpanStatusCode.ERROR });
          }
          return got;
        },
        refused: (code) => void span.setAttribute('latchkey.upstream_code', code),
      });
    } finally {
      span.end();
    }
  });
}

/** A path template below a base URL, without a query. */
export function templateBelow(baseUrl: string, template: string): string {
  return new URL(baseUrl).pathname.replace(/\/+$/, '') + template.replace(/\?.*/s, '');
}
