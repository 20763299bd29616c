import { z } from 'zod';
import type { ZodOpenApiContentObject, ZodOpenApiResponseObject } from 'zod-openapi';
import { dropInCode, errorCodes, RETRY_AFTER_SECONDS, type ErrorCode } from './error-codes.js';
import { exampleBankError, exampleProblem, type Example } from './example-errors.js';
import { bankErrorSchema, problemSchema } from './problem.js';

const correlationHeader = z.object({
  correlationId: z
    .string()
    .meta({ format: 'uuid', description: 'Of the unlock request, or of this call: give it to whoever looks into the log' }),
});
export const retryAfter = z
  .string()
  .meta({ description: 'Seconds to wait before the same request is sent again', example: RETRY_AFTER_SECONDS });
const rateLimitHeaders = z.object({
  'ratelimit-policy': z.string().optional().meta({
    description:
      'Where a rate is limited: how many requests (q) in how many seconds (w), by policy (draft-ietf-httpapi-ratelimit-headers-11)',
    example: '"caller";q=600;w=60, "institution";q=6000;w=60',
  }),
  ratelimit: z.string().optional().meta({
    description:
      'Where a rate is limited: about how many requests are left (r), and after how many seconds all of them are there again (t)',
    example: '"caller";r=588;t=42, "institution";r=5880;t=42',
  }),
});
const answerHeaders = correlationHeader.extend(rateLimitHeaders.shape);
const retryHeader = z.object({
  'retry-after': retryAfter.optional().meta({ description: 'Where the same request is worth sending again: after how many seconds' }),
});
const challengeHeader = z.object({ 'www-authenticate': z.string().optional().meta({ description: 'What the token lacks (RFC 6750)' }) });

export type Examples = Readonly<Record<string, Example<unknown>>>;

interface Good {
  readonly headers?: z.ZodObject;
  readonly examples?: Examples;
}

/** A good answer, for the API's description. */
export function good(
  description: string,
  schema: z.ZodType | null,
  { headers = z.object({}), examples = {} }: Good = {},
): ZodOpenApiResponseObject {
  return {
    description,
    headers: answerHeaders.extend(headers.shape),
    ...(schema !== null && { content: { 'application/json': { schema, examples: { ...examples } } } }),
  };
}

const GUARDED: readonly ErrorCode[] = [
  'validation_failed',
  'missing_token',
  'invalid_token',
  'insufficient_scope',
  'institution_not_served',
  'rate_limited',
];
const ALWAYS: readonly ErrorCode[] = ['internal_error', 'temporarily_unavailable'];

interface Errors {
  /** The codes of this route's own, beside those that every route with a scope has. */
  readonly codes?: readonly ErrorCode[];
  /** A path that leads to the route, for the examples; null: the drop-in endpoint, which answers in the bank's shape. */
  readonly path: string | null;
  /** What the bank answers under a status of ours, as the drop-in endpoint passes it on. */
  readonly alsoBank?: Readonly<Record<number, Example<z.infer<typeof bankErrorSchema>> | undefined>>;
}

/** The errors of a route with a scope, by status, an example for each code. */
export function failures({ codes = [], path, alsoBank = {} }: Errors): Record<`${4 | 5}${string}`, ZodOpenApiResponseObject> {
  const all = [...GUARDED, ...codes, ...ALWAYS];
  const statuses = [...new Set([...all.map((code) => errorCodes[code].httpStatus), ...Object.keys(alsoBank).map(Number)])];
  return Object.fromEntries(
    statuses.map((httpStatus) => {
      const here = all.filter((code) => errorCodes[code].httpStatus === httpStatus);
      const bank = alsoBank[httpStatus];
      const says = here.map((code) => `\`${path === null ? dropInCode(code) : code}\`: ${errorCodes[code].title}`);
      if (bank !== undefined) says.push("the bank's own refusal, with its message and code");
      return [
        httpStatus,
        { description: says.join('; '), headers: failureHeaders(httpStatus, here), content: failureContent(here, path, bank) },
      ];
    }),
  );
}

function failureHeaders(httpStatus: number, codes: readonly ErrorCode[]): z.ZodObject {
  if (httpStatus === 401 || httpStatus === 403) return correlationHeader.extend(challengeHeader.shape);
  const comesBack = httpStatus === 503 || httpStatus === 429 || codes.includes('nothing_to_act_on') || codes.includes('not_sealed_yet');
  return comesBack ? answerHeaders.extend(retryHeader.shape) : answerHeaders;
}

function failureContent(codes: readonly ErrorCode[], path: string | null, bank: Example<unknown> | undefined): ZodOpenApiContentObject {
  if (path !== null) {
    const examples = Object.fromEntries(codes.map((code) => [code, exampleProblem(code, path)]));
    return { 'application/problem+json': { schema: problemSchema, examples } };
  }
  const examples = Object.fromEntries(codes.map((code) => [dropInCode(code), exampleBankError(code)]));
  return { 'application/json': { schema: bankErrorSchema, examples: { ...examples, ...(bank !== undefined && { the_bank: bank }) } } };
}
