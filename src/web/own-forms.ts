import { timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import express, { type Request, type Response } from 'express';
import { Problem } from '../http/problem.js';

const LIMIT_BYTES = 16 * 1024;
const readBytes = express.raw({ limit: LIMIT_BYTES, inflate: false, type: 'application/x-www-form-urlencoded' });

/**
 * Reads what a form sent.
 * @throws Problem, or the body reader's own error: see `toProblem`
 */
export async function readForm(request: Request, response: Response): Promise<URLSearchParams> {
  await new Promise<void>((resolve, reject) => {
    readBytes(request, response, (error?: unknown) => {
      const failure: unknown = error;
      if (error === undefined) resolve();
      else reject(failure);
    });
  });
  const body: unknown = request.body;
  if (!(body instanceof Uint8Array)) throw new Problem('unsupported_media_type', { detail: 'Use the form on the page.' });
  return new URLSearchParams(new TextDecoder().decode(body));
}

/**
 * Holds that a form was sent by a page of ours in the same session: the browser says where it comes from, and the form brings what
 * only a page of this session was told.
 * @throws Problem 403
 */
export function refuseForeignForm(headers: IncomingHttpHeaders, form: URLSearchParams, own: { formToken: string; origin: string }): void {
  const { origin, 'sec-fetch-site': site } = headers;
  // A browser names the origin of every form; who sends none is no page of ours.
  const isOwn = origin === own.origin && (site === undefined || site === 'same-origin');
  if (!isOwn || !isSame(form.get('formToken') ?? '', own.formToken)) {
    throw new Problem('foreign_form', { detail: 'Nothing was done. Go back to the page, load it again, and send the form once more.' });
  }
}

function isSame(given: string, wanted: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(wanted)];
  return one.length === other.length && timingSafeEqual(one, other);
}
