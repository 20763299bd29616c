import { context as active, trace } from '@opentelemetry/api';
import { setGlobalTracingHelper, type ExtendedSpanOptions, type SpanCallback, type TracingHelper } from '@prisma/instrumentation-contract';

const NOT_SAMPLED = '00-10-10-00';
const tracer = trace.getTracer('prisma');

/**
 * Has Prisma tell of its operations as spans. Its own instrumentation does the same and patches `require` for it, which nothing here wants;
 * so this speaks Prisma's contract directly. A span stands below the one that asked, and where none did, there is none.
 */
export function tracePrisma(): void {
  setGlobalTracingHelper(helper);
}

const helper: TracingHelper = {
  isEnabled: () => true,
  // Only for engines that are processes of their own; the client here has none.
  getTraceParent: () => NOT_SAMPLED,
  dispatchEngineSpans: (_spans, events, emitLogEvent) => events.forEach(emitLogEvent),
  getActiveContext: () => active.active(),
  runInChildSpan<Result>(asked: string | ExtendedSpanOptions, work: SpanCallback<Result>): Result {
    const options: ExtendedSpanOptions = typeof asked === 'string' ? { name: asked } : asked;
    const context = options.context ?? active.active();
    if (options.internal === true || trace.getSpan(context) === undefined) return work();
    const name = `prisma:client:${options.name}`;
    const span = tracer.startSpan(name, options, context);
    const within = options.active === false ? context : trace.setSpan(context, span);
    return active.with(within, () => ending(work(span, within), () => span.end()));
  },
};

function ending<Result>(result: Result, end: () => void): Result {
  if (!isThenable(result)) {
    end();
    return result;
  }
  // Also a lazy promise of Prisma's asks once, however often it is awaited.
  result.then(end, end);
  return result;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
