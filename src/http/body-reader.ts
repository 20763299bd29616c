import express, { type Request, type Response } from 'express';
import { invalid, Problem } from './problem.js';
import type { Route } from './route.js';

const LIMIT_BYTES = 16 * 1024;

const readJson = express.json({ limit: LIMIT_BYTES, inflate: false, strict: false, type: isJson });
const readText = express.text({ limit: LIMIT_BYTES, inflate: false, type: () => true });

/**
 * Reads the body as a route wants it; only called once the caller is known.
 * @throws Problem, or the body reader's own error: see `toProblem`
 */
export async function readBody(kind: Route['body'], request: Request, response: Response): Promise<unknown> {
  if (kind === 'none' || !hasBody(request)) {
    if (kind === 'json') throw invalid([{ pointer: '', detail: 'is missing: send a JSON object' }]);
    return undefined;
  }
  if (kind === 'json' && !isJson(request)) throw new Problem('unsupported_media_type', { detail: 'Send the body as application/json.' });
  const read = kind === 'json' ? readJson : readText;
  await new Promise<void>((resolve, reject) => {
    read(request, response, (error?: unknown) => (error === undefined ? resolve() : reject(error)));
  });
  const body: unknown = request.body;
  if (kind === 'empty' && !saysNothing(body)) throw invalid([{ pointer: '', detail: 'must be empty: this endpoint takes no body' }]);
  return body;
}

function hasBody({ headers }: Request): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

// Some clients send `null` or `{}` where the bank's endpoint wants nothing.
function saysNothing(body: unknown): boolean {
  return body === undefined || (typeof body === 'string' && /^\s*(null|\{\s*\})?\s*$/.test(body));
}

function isJson(request: { headers: { 'content-type'?: string | undefined } }): boolean {
  return /^\s*application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? '');
}
