import { Router, type Request, type RequestHandler, type Response } from 'express';
import { recordableMessage } from '../domain/audit-event.js';
import type { Ask } from '../http/ask.js';
import { clientAddress } from '../http/client-address.js';
import type { CallTraces } from '../http/call-traces.js';
import { Problem, toProblem } from '../http/problem.js';
import { pathPattern } from '../http/route.js';
import { sendAnswer } from '../http/router.js';
import type { HttpLog } from '../http/settings.js';
import { assetRouter, type Assets } from './assets.js';
import type { Cookie } from './cookies.js';
import type { Frame } from './frame.js';
import { readForm, refuseForeignForm } from './own-forms.js';
import type { Page, PersonalVisit, Reply, Visit } from './page.js';
import { problemMain, signInMain, signInPath } from './problem-page.js';
import type { Session, Sessions } from './sessions.js';

interface PagesRouterParts {
  readonly pages: readonly Page[];
  readonly assets: Assets;
  readonly frame: Frame;
  readonly sessions: Sessions;
  readonly cookie: Cookie;
  readonly ask: Ask;
  readonly traces: CallTraces;
  readonly log: HttpLog;
  readonly publicUrl: () => string;
  /** Where forms may lead besides to ourselves: sign-out ends at the issuer. */
  readonly issuerOrigin: string;
}

/** Sent by what a page does by itself: it keeps no session alive, and is answered 401 and not with a way to sign in. */
const BY_ITSELF = 'x-latchkey-live';
const EVENT_STREAM = 'text/event-stream';

/** The router made from the table of pages: who is signed in, forms of our own alone, and every error in words. */
export function createPagesRouter(parts: PagesRouterParts): Router {
  const { pages, assets, frame, sessions, cookie, ask, traces, log, publicUrl, issuerOrigin } = parts;
  const router = Router();
  const headers = pageHeaders(issuerOrigin);

  function sendPage(
    response: Response,
    { httpStatus = 200, title, main }: Extract<Reply, { kind: 'page' }>,
    session: Session | null,
  ): void {
    response.status(httpStatus).set(headers).type('html');
    response.send(frame({ title, main, session, path: response.req.path }));
  }

  async function send(response: Response, reply: Reply, session: Session | null): Promise<void> {
    if (reply.kind === 'page') return sendPage(response, reply, session);
    if (reply.kind === 'answer') {
      response.set(headers);
      return sendAnswer(response, reply.answer);
    }
    response.status(303).set({ ...headers, location: reply.to });
    if (reply.cookies !== undefined) response.append('set-cookie', [...reply.cookies]);
    response.end();
  }

  function visitOf(request: Request, form: URLSearchParams): Visit {
    return {
      params: textParameters(request.params),
      search: /\?(.*)$/s.exec(request.url)?.[1] ?? '',
      headers: request.headers,
      form,
      source: {
        component: 'desk',
        clientAddress: clientAddress(request),
        userAgent: recordableMessage(request.headers['user-agent'] ?? null),
      },
      signal: traces.of(request).signal,
    };
  }

  /** Whoever is not signed in is led there and back; what they typed into a form cannot come along. */
  function sendToSignIn(request: Request, response: Response): void {
    response.append('set-cookie', cookie.clear());
    if (request.method === 'GET' && !isByItself(request)) {
      response
        .status(303)
        .set({ ...headers, location: signInPath(request.url) })
        .end();
      return;
    }
    const to = request.method === 'GET' ? request.url : '/';
    const main = signInMain('You were signed out, because you were away for long or your session was at its end. Nothing was done.', to);
    sendPage(response, { kind: 'page', httpStatus: 401, title: 'Sign in', main }, null);
  }

  async function serve(page: Page, request: Request, response: Response): Promise<void> {
    const trace = traces.of(request);
    trace.route = page.path;
    let session: Session | null = null;
    try {
      const form = page.method === 'post' ? await readForm(request, response) : new URLSearchParams();
      const visit = visitOf(request, form);
      if (page.access === 'public') return await send(response, await page.handle(visit), null);
      const secret = cookie.read(request.headers.cookie);
      session = secret === null ? null : await sessions.open(secret, !isByItself(request));
      if (secret === null || session === null) return sendToSignIn(request, response);
      const { person, tokens, formToken } = session;
      if (page.method === 'post') refuseForeignForm(request.headers, form, { formToken, origin: publicUrl() });
      if (page.access !== 'session' && !person.scopes.includes(page.access)) throw lacking(page.access);
      const { source, signal } = visit;
      const personal: PersonalVisit = {
        ...visit,
        session,
        ask: (call) => ask({ signal, ...call, token: tokens.accessToken, source }),
        isStillSignedIn: async () => (await sessions.open(secret, false)) !== null,
      };
      await send(response, await page.handle(personal), session);
    } catch (error) {
      const problem = toProblem(error);
      const { correlationId, route } = trace;
      const fields = { route, correlationId, code: problem.code, ...(problem.cause !== undefined && { err: problem.cause }) };
      if (problem.httpStatus === 500) log.error(fields, 'failed');
      else if (problem.httpStatus > 500) log.warn(fields, 'unavailable');
      if (response.headersSent) {
        response.destroy();
        return;
      }
      if (problem.code === 'invalid_token') return sendToSignIn(request, response);
      const retry = problem.headers['retry-after'];
      if (retry !== undefined) response.set('retry-after', retry);
      const main = problemMain(problem, correlationId);
      sendPage(response, { kind: 'page', httpStatus: problem.httpStatus, title: 'That did not work', main }, session);
    }
  }

  const handlerOf =
    (page: Page): RequestHandler =>
    (request, response) =>
      serve(page, request, response);
  for (const page of pages) router[page.method](pathPattern(page.path), handlerOf(page));
  router.use(assetRouter(assets));
  return router;
}

function isByItself({ headers }: Request): boolean {
  return headers[BY_ITSELF] !== undefined || headers.accept === EVENT_STREAM;
}

function lacking(scope: string): Problem {
  return new Problem('insufficient_scope', { detail: `This page needs the right ${scope}.` });
}

function textParameters(params: object): Record<string, string> {
  return Object.fromEntries(Object.entries(params).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}

/** Nothing inline and nothing from elsewhere; other sites learn of no address, and our own forms still say whose they are. */
function pageHeaders(issuerOrigin: string): Readonly<Record<string, string>> {
  return {
    'content-security-policy': [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      'img-src data:',
      "connect-src 'self'",
      `form-action 'self' ${issuerOrigin}`,
      "base-uri 'none'",
      "frame-ancestors 'none'",
    ].join('; '),
    'referrer-policy': 'same-origin',
    'cache-control': 'no-store',
  };
}
