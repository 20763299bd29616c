import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import { proxySinks, workflowInfo, type Sinks, type WorkflowInterceptors } from '@temporalio/workflow';

/** What the worker makes a span of, once a workflow has ended. */
export interface WorkflowRan {
  /** W3C Trace Context: the span that started it. */
  readonly parent: string;
  readonly spanId: string;
  /** Null where what it was started with has none. */
  readonly correlationId: string | null;
  readonly failed: boolean;
}

export interface TraceSinks extends Sinks {
  readonly traces: { workflowRan(ran: WorkflowRan): void };
}

type Headers = Readonly<Record<string, Payload>>;

/** As Temporal's own tracing interceptors name it and write it: those of client and activities are theirs. */
const TRACE_HEADER = '_tracer-data';
const SPAN_ID_LENGTH = 16;

/**
 * Hands the trace that a workflow was started in on to what it starts. Nothing of OpenTelemetry runs within workflows, nothing is awaited
 * and no random number drawn: so a history replays alike with and without these interceptors, and they may be switched on at any time.
 */
export function interceptors(): WorkflowInterceptors {
  let handedOn: Headers = {};
  const handOn = <Input extends { readonly headers: Headers }, Result>(input: Input, next: (input: Input) => Result): Result =>
    next({ ...input, headers: { ...input.headers, ...handedOn } });
  return {
    inbound: [
      {
        execute(input, next) {
          const parent = traceparentIn(input.headers);
          if (parent === null) return next(input);
          const spanId = workflowInfo().runId.replaceAll('-', '').slice(-SPAN_ID_LENGTH);
          handedOn = { [TRACE_HEADER]: defaultPayloadConverter.toPayload({ traceparent: withSpan(parent, spanId) }) };
          const { traces } = proxySinks<TraceSinks>();
          const tell = (failed: boolean): void =>
            traces.workflowRan({ parent, spanId, correlationId: correlationIdIn(input.args[0]), failed });
          const ran = next(input);
          ran.then(
            () => tell(false),
            () => tell(true),
          );
          return ran;
        },
      },
    ],
    outbound: [{ scheduleActivity: handOn, scheduleLocalActivity: handOn, startChildWorkflowExecution: handOn }],
  };
}

function traceparentIn(headers: Headers): string | null {
  const payload = headers[TRACE_HEADER];
  if (payload === undefined) return null;
  const carried: unknown = defaultPayloadConverter.fromPayload(payload);
  if (typeof carried !== 'object' || carried === null || !('traceparent' in carried)) return null;
  const { traceparent } = carried;
  return typeof traceparent === 'string' && /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(traceparent) ? traceparent : null;
}

function withSpan(traceparent: string, spanId: string): string {
  const [version, traceId, , flags] = traceparent.split('-');
  return [version, traceId, spanId, flags].join('-');
}

function correlationIdIn(request: unknown): string | null {
  if (typeof request !== 'object' || request === null || !('correlationId' in request)) return null;
  return typeof request.correlationId === 'string' ? request.correlationId : null;
}
