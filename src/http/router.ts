import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Router, type ErrorRequestHandler, type Request, type Response } from 'express';
import { recordableMessage } from '../domain/audit-event.js';
import { parseCorrelationId } from '../domain/unlock-request.js';
import { readBody } from './body-reader.js';
import type { CallTraces } from './call-traces.js';
import { clientAddress } from './client-address.js';
import type { Gate } from './gate.js';
import { bankError, Problem, problemDetails, toProblem } from './problem.js';
import { pathPattern, refuseUnsoundRoutes, type Answer, type AnswerStream, type Call, type Route } from './route.js';
import type { HttpLog } from './settings.js';

interface RouterParts {
  readonly routes: readonly Route[];
  readonly gate: Gate;
  readonly traces: CallTraces;
}

/** The router made from the table of routes; a known path answers any other method with 405. */
export function createRouter({ routes, gate, traces }: RouterParts): Router {
  refuseUnsoundRoutes(routes);
  const router = Router();
  for (const route of routes) {
    router[route.method](pathPattern(route.path), async (request: Request, response: Response) => {
      const answer = await serve(route, request, response);
      // A stream reads on while it is sent.
      await traces.of(request).span.within(() => sendAnswer(response, answer));
    });
  }
  for (const path of new Set(routes.map((route) => route.path))) {
    const methods = routes.filter((route) => route.path === path).map(({ method }) => method.toUpperCase());
    const allow = methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])).join(', ');
    router.all(pathPattern(path), (request: Request) => {
      traces.of(request).route = path;
      throw new Problem('method_not_allowed', { detail: `Use ${allow}.`, headers: { allow } });
    });
  }

  async function serve(route: Route, request: Request, response: Response): Promise<Answer> {
    const trace = traces.of(request);
    const params = textParameters(request.params);
    trace.route = route.path;
    trace.correlationId = parseCorrelationId(params.correlationId ?? '') ?? trace.correlationId;
    const source = {
      component: 'api',
      clientAddress: clientAddress(request),
      userAgent: recordableMessage(request.headers['user-agent'] ?? null),
    };
    const call = async (): Promise<Call> => ({
      params,
      search: /\?(.*)$/s.exec(request.url)?.[1] ?? '',
      headers: request.headers,
      body: await readBody(route.body, request, response),
      correlationId: trace.correlationId,
      source,
      signal: trace.signal,
    });
    if (route.scope === 'public') return route.handle(await call());
    // Who may not ask is told so before anything else of the request is read.
    const { correlationId } = trace;
    const authorization = request.headersDistinct.authorization ?? [];
    const knock = { route, scope: route.scope, authorization, source, correlationId };
    const caller = await gate.identify(knock);
    const { traceparent = null } = request.headers;
    trace.span.begin({
      method: request.method,
      route: route.path,
      correlationId,
      traceparent: typeof traceparent === 'string' ? traceparent : null,
    });
    return trace.span.within(async () => {
      response.set({ ...(await gate.admit(caller)), correlationId });
      return route.handle({ ...(await call()), caller }).catch((error: unknown) => {
        gate.noteRefusal(knock, error);
        throw error;
      });
    });
  }

  return router;
}

function textParameters(params: object): Record<string, string> {
  const texts = Object.entries(params).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  return Object.fromEntries(texts);
}

/** Sends what a resource answers. */
export async function sendAnswer(response: Response, { httpStatus, headers = {}, body, file, stream }: Answer): Promise<void> {
  response.status(httpStatus).set(headers);
  if (stream !== undefined) return sendStream(response, stream);
  // `send` answers 304 to a reader who has this very file already.
  if (file !== undefined) response.send(file);
  else if (body === undefined) response.end();
  else response.json(body);
}

async function sendStream(response: Response, { chunks, abandon }: AnswerStream): Promise<void> {
  if (response.req.method === 'HEAD' || response.destroyed) {
    await abandon();
    response.end();
    return;
  }
  await pipeline(Readable.from(chunks), response).catch((error: unknown) => {
    // Who hung up has nobody's fault on record.
    if (!isHangUp(error)) throw error;
  });
}

function isHangUp(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE';
}

interface ErrorAnswersParts {
  readonly routes: readonly Route[];
  readonly traces: CallTraces;
  readonly log: HttpLog;
}

/** The last middleware: every error becomes problem details or, under the drop-in endpoint's path, the bank's own shape. */
export function answerErrors({ routes, traces, log }: ErrorAnswersParts): ErrorRequestHandler {
  const bankShaped = routes.filter(({ errorShape }) => errorShape === 'bank').map(({ path }) => pathPattern(path));

  return (error: unknown, request, response, next) => {
    const problem = toProblem(error);
    const { correlationId, route, span } = traces.of(request);
    const fields = { route, correlationId, code: problem.code, ...(problem.cause !== undefined && { err: problem.cause }) };
    if (problem.httpStatus === 500) span.within(() => log.error(fields, 'failed'));
    else if (problem.httpStatus > 500) span.within(() => log.warn(fields, 'unavailable'));
    if (response.headersSent) return next(error);
    response.status(problem.httpStatus).set({ ...problem.headers, correlationId });
    if (bankShaped.some((pattern) => pattern.test(request.path))) response.json(bankError(problem));
    else response.type('application/problem+json').send(JSON.stringify(problemDetails(problem, { path: request.path, correlationId })));
  };
}
