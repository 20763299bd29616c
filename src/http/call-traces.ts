import { randomUUID } from 'node:crypto';
import type { NextFunction, Request, Response } from 'express';
import { z } from 'zod';
import { parseCorrelationId } from '../domain/unlock-request.js';
import type { Observer } from '../domain/observer.js';
import { createRequestSpan, type RequestSpan } from './request-span.js';
import type { HttpLog } from './settings.js';

/** What is kept of one request from its first middleware to its last. */
export interface CallTrace {
  /** From the path or the header where that is a GUID, else made for this call. */
  correlationId: string;
  /** The route's pattern, never the path itself: that may hold a customer's id. */
  route: string;
  readonly signal: AbortSignal;
  readonly span: RequestSpan;
}

interface CallTracesParts {
  readonly log: HttpLog;
  readonly observer: Pick<Observer, 'requestAnswered'>;
  /** From then on connections are not kept. */
  readonly draining: AbortSignal;
  /** From then on nobody waits. */
  readonly shutdownSignal: AbortSignal;
}

/** Follows requests: one line in the log for each, and a signal that ends what it waits for. */
export function createCallTraces({ log, observer, draining, shutdownSignal }: CallTracesParts) {
  const traces = new WeakMap<Request, CallTrace>();
  const open = new Set<{ readonly response: Response; readonly controller: AbortController }>();
  // One listener for all: a listener of each request's own would be one too many for a busy process.
  draining.addEventListener('abort', () => open.forEach(({ response }) => keepNot(response)), { once: true });
  shutdownSignal.addEventListener('abort', () => open.forEach(({ controller }) => controller.abort()), { once: true });

  function begin(request: Request, response: Response, next: NextFunction): void {
    const startedAt = performance.now();
    const controller = new AbortController();
    const sent = z.string().safeParse(request.headers.correlationid).data ?? '';
    const correlationId = parseCorrelationId(sent) ?? randomUUID();
    const trace: CallTrace = { correlationId, route: 'none', signal: controller.signal, span: createRequestSpan() };
    traces.set(request, trace);
    const entry = { response, controller };
    open.add(entry);
    if (draining.aborted) keepNot(response);
    if (shutdownSignal.aborted) controller.abort();
    response.once('close', () => {
      open.delete(entry);
      controller.abort();
      const { correlationId, route } = trace;
      const durationMs = Math.round(performance.now() - startedAt);
      const fields = { method: request.method, route, status: response.statusCode, durationMs, correlationId };
      observer.requestAnswered({ method: request.method, route, httpStatus: response.statusCode, durationMs });
      const hungUp = !response.writableFinished;
      trace.span.within(() => log.info(hungUp ? { ...fields, hungUp } : fields, 'request'));
      trace.span.end({ httpStatus: response.statusCode, hungUp });
    });
    next();
  }

  function of(request: Request): CallTrace {
    const trace = traces.get(request);
    if (trace === undefined) throw new Error('this request passed by its first middleware');
    return trace;
  }

  return { begin, of };
}

function keepNot(response: Response): void {
  if (!response.headersSent) response.set('connection', 'close');
}

export type CallTraces = ReturnType<typeof createCallTraces>;
