import type { Attributes, AttributeValue } from '@opentelemetry/api';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-base';

/** The request that a span belongs to. */
export const CORRELATION_ID = 'latchkey.correlation_id';

/**
 * All that a span may hold: each is written by us or comes from a table of ours. Events, links and messages are left out altogether: an
 * exception quotes whatever went wrong.
 */
const allowed = new Set([
  CORRELATION_ID,
  'latchkey.endpoint',
  'latchkey.attempt',
  'latchkey.upstream_code',
  'latchkey.activity_attempt',
  'latchkey.activity_is_local',
  'http.request.method',
  'http.route',
  'http.response.status_code',
  'url.template',
  'url.scheme',
  'server.address',
  'server.port',
  'error.type',
  // Of Temporal's interceptors
  'temporalWorkflowId',
  'temporalActivityId',
  'run_id',
  // Of Prisma: what was asked of which table, never the statement
  'method',
  'model',
  'name',
  'db.system.name',
  'db.operation.name',
]);
const LONGEST = 200;

/** An exporter through which no span tells more than it may, whoever made it. */
export function tellingOnlyAllowed(exporter: SpanExporter): SpanExporter {
  return {
    export: (spans, done) => exporter.export(spans.map(allowedPart), done),
    forceFlush: async () => exporter.forceFlush?.(),
    shutdown: () => exporter.shutdown(),
  };
}

function allowedPart(span: ReadableSpan): ReadableSpan {
  const { name, kind, parentSpanId, startTime, endTime, status, attributes, duration, ended, resource, instrumentationLibrary } = span;
  return {
    ...{ name, kind, startTime, endTime, duration, ended, resource, instrumentationLibrary },
    ...(parentSpanId === undefined ? {} : { parentSpanId }),
    spanContext: () => span.spanContext(),
    status: { code: status.code },
    attributes: allowedAttributes(attributes),
    ...{ links: [], events: [], droppedAttributesCount: 0, droppedEventsCount: 0, droppedLinksCount: 0 },
  };
}

function allowedAttributes(attributes: Attributes): Attributes {
  return Object.fromEntries(Object.entries(attributes).filter(([name, value]) => allowed.has(name) && isShort(value)));
}

function isShort(value: AttributeValue | undefined): boolean {
  return typeof value === 'string' ? value.length <= LONGEST : typeof value === 'number' || typeof value === 'boolean';
}
