import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { hrTime, millisToHrTime, parseTraceParent, hrTimeDuration } from '@opentelemetry/core';
import type { Resource } from '@opentelemetry/resources';
import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace-base';
import type { ActivityExecuteInput, ActivityInterceptors } from '@temporalio/worker';
import { OpenTelemetryActivityInboundInterceptor, OpenTelemetryWorkflowClientInterceptor } from '@temporalio/interceptors-opentelemetry';
import type { TemporalTracing } from '../temporal/tracing.js';
import type { WorkflowRan } from '../../workflows/traced.js';
import { CORRELATION_ID } from './span-contents.js';

interface Parts {
  /** Takes the spans of workflows, whose ids are known before they begin. */
  readonly processor: SpanProcessor;
  readonly resource: Resource;
}

/** Spans of starts, workflows and activities, local ones too. */
export function traceTemporal({ processor, resource }: Parts): TemporalTracing {
  return {
    client: { workflow: [new OpenTelemetryWorkflowClientInterceptor()] },
    worker: { activity: [(context) => ({ inbound: new OpenTelemetryActivityInboundInterceptor(context) }), describeActivity] },
    sinks: {
      traces: {
        workflowRan: {
          fn({ workflowType, workflowId, runId, runStartTime }, ran) {
            const attributes = { temporalWorkflowId: workflowId, run_id: runId, ...correlation(ran.correlationId) };
            const span = workflowSpan(
              { name: `RunWorkflow:${workflowType}`, startedMs: runStartTime.getTime(), attributes, resource },
              ran,
            );
            if (span !== null) processor.onEnd(span);
          },
        },
      },
    },
  };
}

/** Within the span that Temporal's own interceptor has made of the activity. */
const describeActivity = ({ info }: Parameters<NonNullable<ActivityFactory>>[0]): ActivityInterceptors => ({
  inbound: {
    execute(input, next) {
      trace.getActiveSpan()?.setAttributes({
        ...correlation(correlationIdOf(input)),
        'latchkey.activity_attempt': info.attempt,
        'latchkey.activity_is_local': info.isLocal,
      });
      return next(input);
    },
  },
});

type ActivityFactory = NonNullable<TemporalTracing['worker']['activity']>[number];

function correlation(correlationId: string | null): Record<string, string> {
  return correlationId === null ? {} : { [CORRELATION_ID]: correlationId };
}

/** What an activity is asked for comes first, and names its request. */
function correlationIdOf({ args: [request] }: ActivityExecuteInput): string | null {
  if (typeof request !== 'object' || request === null || !('correlationId' in request)) return null;
  return typeof request.correlationId === 'string' ? request.correlationId : null;
}

interface WorkflowSpan {
  readonly name: string;
  readonly startedMs: number;
  readonly attributes: Readonly<Record<string, string>>;
  readonly resource: Resource;
}

function workflowSpan(
  { name, startedMs, attributes, resource }: WorkflowSpan,
  { parent, spanId, failed }: WorkflowRan,
): ReadableSpan | null {
  const above = parseTraceParent(parent);
  if (above === null) return null;
  const { traceId, traceFlags } = above;
  const startTime = millisToHrTime(startedMs);
  const endTime = hrTime();
  return {
    ...{ name, attributes, resource, startTime, endTime },
    kind: SpanKind.INTERNAL,
    spanContext: () => ({ traceId, spanId, traceFlags }),
    parentSpanId: above.spanId,
    duration: hrTimeDuration(startTime, endTime),
    status: { code: failed ? SpanStatusCode.ERROR : SpanStatusCode.OK },
    ended: true,
    instrumentationLibrary: { name: 'latchkey.workflow' },
    ...{ links: [], events: [], droppedAttributesCount: 0, droppedEventsCount: 0, droppedLinksCount: 0 },
  };
}
