import { z } from 'zod';
import { dropInCode, errorCodes, problemType, type ErrorCode } from './error-codes.js';

/** One fault in what the caller sent; the pointer is `/field` in the body, else `/query/…`, `/header/…` or `/path/…`. */
export interface InputFault {
  readonly pointer: string;
  readonly detail: string;
}

interface ProblemParts {
  readonly detail: string;
  readonly errors?: readonly InputFault[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

/** An answer that is an error; whoever throws it inside the front door decides what the caller reads. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly code: ErrorCode;
  readonly errors: readonly InputFault[];
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: ErrorCode, { detail, errors = [], headers = {}, cause }: ProblemParts) {
    super(detail, { cause });
    this.code = code;
    this.errors = errors;
    this.headers = headers;
  }

  get httpStatus(): number {
    return errorCodes[this.code].httpStatus;
  }
}

export const problemSchema = z
  .strictObject({
    type: z.string().meta({ format: 'uri-reference', description: "The code's entry in the catalogue of errors, which this API serves" }),
    title: z.string().meta({ description: 'The kind of error, the same for every occurrence' }),
    status: z.int().meta({ description: "The answer's HTTP status" }),
    detail: z.string().meta({ description: 'What went wrong this time and what to do' }),
    instance: z.string().meta({ format: 'uri-reference', description: 'The path that was asked for' }),
    correlationId: z.string().meta({ format: 'uuid', description: 'Leads to this call in the log' }),
    code: z.string().meta({ description: 'Stable, and what programs should look at; the other words may change' }),
    errors: z
      .array(z.strictObject({ pointer: z.string(), detail: z.string() }))
      .optional()
      .meta({ description: 'Each pointer leads into the body, or is /query/…, /header/… or /path/…' }),
  })
  .meta({ id: 'Problem', description: 'RFC 9457 problem details' });

interface Occasion {
  readonly path: string;
  readonly correlationId: string;
}

/** Longer than any id: a token that strayed into a path must not be given back, or be found where errors are kept. */
const NO_ID = /[^/]{257,}/g;

/** The error as problem details (RFC 9457). */
export function problemDetails(problem: Problem, { path, correlationId }: Occasion): z.infer<typeof problemSchema> {
  return {
    type: problemType(problem.code),
    title: errorCodes[problem.code].title,
    status: problem.httpStatus,
    detail: problem.message,
    // Raw bytes may stand in a path that was never valid, but `instance` is a URI reference.
    instance: path.replace(NO_ID, '...').replace(/[^\x21-\x7e]|["<>\\^`{|}]/g, encodeURIComponent),
    correlationId,
    code: problem.code,
    ...(problem.errors.length > 0 && { errors: [...problem.errors] }),
  };
}

export const bankErrorSchema = z
  .strictObject({
    status: z.int().meta({ description: "The answer's HTTP status" }),
    message: z.string().meta({ description: "In words: the bank's own, or Latchkey's with what to do" }),
    code: z.string().meta({ description: "The bank's own code, or one of Latchkey's from the catalogue of errors" }),
  })
  .meta({ id: 'BankError', description: "An error in the bank's own shape; Latchkey's codes start with LATCHKEY_" });

/** The error in the bank's own shape, for the drop-in endpoint. */
export function bankError(problem: Problem): z.infer<typeof bankErrorSchema> {
  // This shape has no `errors`, so the message names the faults itself.
  const faults = problem.errors.map(({ pointer, detail }) => `${pointer === '' ? 'the body' : pointer} ${detail}`);
  const message = faults.length === 0 ? problem.message : `Correct this and send the request again: ${faults.join('; ')}`;
  return { status: problem.httpStatus, message, code: dropInCode(problem.code) };
}

const bodyReaderErrorSchema = z.object({ status: z.int(), type: z.string() });

/** Reads what was thrown on the way; whatever nobody foresaw is `internal_error`, with its cause for the log alone. */
export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof URIError) return invalid([{ pointer: '/path', detail: 'holds a percent-encoding that cannot be decoded' }]);
  const reading = bodyReaderErrorSchema.safeParse(error);
  if (reading.success && reading.data.status === 413) return new Problem('body_too_large', { detail: 'Send at most 16 kB.' });
  if (reading.success && reading.data.status === 415) {
    return new Problem('unsupported_media_type', { detail: 'Send the body as application/json in UTF-8, without a content encoding.' });
  }
  if (reading.success && reading.data.type === 'entity.parse.failed') {
    return new Problem('malformed_json', { detail: 'The body cannot be parsed as JSON.' });
  }
  if (reading.success && reading.data.status === 400) return invalid([{ pointer: '', detail: 'did not arrive whole' }]);
  return new Problem('internal_error', {
    detail: 'This is no fault of the request. The correlationId leads to its cause in the log.',
    cause: error,
  });
}

/** Bad input, every fault named. */
export function invalid(errors: readonly InputFault[]): Problem {
  return new Problem('validation_failed', { detail: 'Correct what `errors` names and send the request again.', errors });
}
