import { timingSafeEqual } from 'node:crypto';
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express';
import helmet from 'helmet';
import { PayloadDecryptionError } from '../temporal/payload-codec.js';
import type { RemoteCodec } from '../temporal/remote-codec.js';
import type { Authenticator } from './auth.js';
import { invalid, Problem, toProblem } from './problem.js';

export interface CodecAppParts {
  readonly codec: RemoteCodec;
  /** The Temporal UI's origin: the one page whose scripts may ask. */
  readonly allowedOrigin: string;
  readonly auth: Authenticator;
  /** A path that is as good as a token, for a UI on this machine that has none; null: every request needs a token. */
  readonly capability: string | null;
}

const BODY_LIMIT = '8mb';
const ALLOWED_HEADERS = 'content-type, x-namespace, authorization';
const PREFLIGHT_SECONDS = '600';

/**
 * The codec server: shows those who operate the deployment what Temporal keeps encrypted. It reads personal data, and a payload does not say whose,
 * so it takes nobody without a capability or a token with a scope of its own.
 */
export function createCodecApp({ codec, allowedOrigin, auth, capability }: CodecAppParts): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('trust proxy', false);
  app.use(helmet(), allowOrigin(allowedOrigin));
  app.get('/healthz', (_request, response) => void response.json({ status: 'ok' }));
  const withToken: RequestHandler = async (request, _response, next) => {
    await auth(request.headersDistinct.authorization ?? [], 'temporal:decode');
    next();
  };
  const withCapability: RequestHandler<{ capability: string }> = (request, _response, next) => {
    if (capability === null || !isSame(request.params.capability, capability)) throw notHere();
    next();
  };
  for (const direction of ['encode', 'decode'] as const) {
    const work: RequestHandler = async (request, response) => {
      const payloads = await codec[direction](request.body);
      if (payloads === null) throw invalid([{ pointer: '/payloads', detail: 'must be payloads in the JSON form of protocol buffers' }]);
      response.set('cache-control', 'no-store').json(payloads);
    };
    app.post(`/${direction}`, withToken, express.json({ limit: BODY_LIMIT }), work);
    app.post(`/ui/:capability/${direction}`, withCapability, express.json({ limit: BODY_LIMIT }), work);
  }
  app.use(() => {
    throw notHere();
  });
  app.use(answerError);
  return app;
}

/** Answers preflights and names the origin; a page of any other origin is refused, not just left without headers. */
function allowOrigin(allowedOrigin: string): RequestHandler {
  return (request, response, next) => {
    const { origin } = request.headers;
    response.vary('origin');
    if (origin === undefined) return next();
    if (origin !== allowedOrigin) return void response.status(403).json({ message: 'Only the Temporal UI may ask from a page.' });
    response.set({ 'access-control-allow-origin': allowedOrigin, 'access-control-allow-credentials': 'true' });
    // The UI stands on another origin, which is the point.
    response.set('cross-origin-resource-policy', 'cross-origin');
    if (request.method !== 'OPTIONS') return next();
    response.set({
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers': ALLOWED_HEADERS,
      'access-control-max-age': PREFLIGHT_SECONDS,
    });
    response.status(204).end();
  };
}

// Temporal's codec protocol has no form for errors; the path stays out, for it may hold the capability.
const answerError: ErrorRequestHandler = (error: unknown, _request, response, next) => {
  if (response.headersSent) return next(error);
  if (error instanceof PayloadDecryptionError) return void response.status(422).json({ message: error.message });
  const problem = toProblem(error);
  response.status(problem.httpStatus).set(problem.headers).json({ message: problem.message });
};

function isSame(given: string, wanted: string): boolean {
  const [left, right] = [Buffer.from(given), Buffer.from(wanted)];
  return left.length === right.length && timingSafeEqual(left, right);
}

function notHere(): Problem {
  return new Problem('not_found', { detail: 'POST payloads to /encode or /decode.' });
}
