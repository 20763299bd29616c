import express, { type Request, type Response } from 'express';
import { invalid, Problem } from './problem.js';
import type { Route } from './route.js';

const LIMIT_BYTES = 16 * 1024;

const readBytes = express.raw({ limit: LIMIT_BYTES, inflate: false, type: () => true });

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
  if (kind === 'json' && !isUtf8(request)) throw new Problem('unsupported_media_type', { detail: 'Send the body in UTF-8.' });
  await new Promise<void>((resolve, reject) => {
    readBytes(request, response, (error?: unknown) => {
      const failure: unknown = error;
      if (error === undefined) resolve();
      else reject(failure);
    });
  });
  const body: unknown = request.body;
  const bytes = body instanceof Uint8Array ? body : new Uint8Array();
  if (kind === 'json') return parseJson(bytes);
  if (!saysNothing(new TextDecoder().decode(bytes))) throw invalid([{ pointer: '', detail: 'must be empty: this endpoint takes no body' }]);
  return undefined;
}

// A lenient decoder would put U+FFFD for what it cannot read, and the audit log would keep words that nobody sent.
function parseJson(bytes: Uint8Array): unknown {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new Problem('malformed_json', { detail: 'The body is not UTF-8.' });
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new Problem('malformed_json', { detail: 'The body cannot be parsed as JSON.' });
  }
}

function hasBody({ headers }: Request): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

// Some clients send `null` or `{}` where the bank's endpoint wants nothing.
function saysNothing(body: string): boolean {
  return /^\s*(null|\{\s*\})?\s*$/.test(body);
}

function isJson({ headers }: Request): boolean {
  return /^\s*application\/json\s*(;|$)/i.test(headers['content-type'] ?? '');
}

function isUtf8({ headers }: Request): boolean {
  const charset = /;\s*charset\s*=\s*"?([^\s;"]*)/i.exec(headers['content-type'] ?? '')?.[1];
  return charset === undefined || /^utf-?8$/i.test(charset);
}
