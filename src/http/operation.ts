import { z } from 'zod';
import type { ZodOpenApiResponseObject } from 'zod-openapi';
import { errorCodes, type ErrorCode } from './error-codes.js';
import { bankErrorSchema, problemSchema } from './problem.js';

const correlationHeader = z.object({ correlationId: z.string().meta({ format: 'uuid', description: 'Of the unlock request, or of this call' }) });

/** A good answer, for the API's description. */
export function good(description: string, schema: z.ZodType | null, headers: z.ZodObject = z.object({})): ZodOpenApiResponseObject {
  return {
    description,
    headers: correlationHeader.extend(headers.shape),
    ...(schema !== null && { content: { 'application/json': { schema } } }),
  };
}

const GUARDED: readonly ErrorCode[] = ['validation_failed', 'missing_token', 'invalid_token', 'insufficient_scope', 'institution_not_served'];
const ALWAYS: readonly ErrorCode[] = ['internal_error', 'temporarily_unavailable'];

interface Errors {
  readonly codes?: readonly ErrorCode[];
  readonly shape?: 'problem' | 'bank';
}

/** The errors of a route with a scope, by status: those that every such route has, and its own. */
export function failures({ codes = [], shape = 'problem' }: Errors): Record<`${4 | 5}${string}`, ZodOpenApiResponseObject> {
  const all = [...GUARDED, ...codes, ...ALWAYS];
  const statuses = [...new Set(all.map((code) => errorCodes[code].httpStatus))];
  const bankShape = { 'application/json': { schema: bankErrorSchema } };
  const content = shape === 'bank' ? bankShape : { 'application/problem+json': { schema: problemSchema } };
  return Object.fromEntries(
    statuses.map((httpStatus) => {
      const description = all.filter((code) => errorCodes[code].httpStatus === httpStatus).map(describe).join('; ');
      return [httpStatus, { description, headers: correlationHeader, content }];
    }),
  );
}

function describe(code: ErrorCode): string {
  return `\`${code}\`: ${errorCodes[code].title}`;
}
