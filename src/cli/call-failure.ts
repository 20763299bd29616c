import type { z } from 'zod';
import type { Scope } from '../http/auth.js';
import type { problemSchema } from '../http/problem.js';

/**
 * Why a call of the front door came to nothing: `away`, it never got there; `lost`, it may have been taken, and the answer did not come;
 * `unavailable`, the front door cannot take it now; `token_refused`, 401 or 403; `invalid`, it must be corrected; `refused`, for another reason;
 * `not_understood`, what answers is no front door of this version.
 */
export type FailureKind = 'away' | 'lost' | 'unavailable' | 'token_refused' | 'invalid' | 'refused' | 'not_understood';

interface FailureParts {
  readonly kind: FailureKind;
  /** What to do, a line each. */
  readonly advice?: readonly string[];
  readonly retryAfterMs?: number | null;
  readonly httpStatus?: number | null;
  readonly cause?: unknown;
}

/** A call of the front door that came to nothing, in words for whoever typed the command; no token stands in them. */
export class CallFailure extends Error {
  override readonly name = 'CallFailure';
  readonly kind: FailureKind;
  /** What went wrong, without advice. */
  readonly headline: string;
  readonly advice: readonly string[];
  /** How long the front door asks to be left alone; null where it says nothing. */
  readonly retryAfterMs: number | null;
  readonly httpStatus: number | null;

  constructor(headline: string, { kind, advice = [], retryAfterMs = null, httpStatus = null, cause }: FailureParts) {
    super([headline, ...advice.map((line) => `  ${line}`)].join('\n'), { cause });
    this.kind = kind;
    this.headline = headline;
    this.advice = advice;
    this.retryAfterMs = retryAfterMs;
    this.httpStatus = httpStatus;
  }

  /** The same with more to say on what to do. */
  withAdvice(...lines: readonly string[]): CallFailure {
    const { kind, retryAfterMs, httpStatus, cause } = this;
    return new CallFailure(this.headline, { kind, retryAfterMs, httpStatus, cause, advice: [...this.advice, ...lines] });
  }
}

/** True where the same call may well succeed later. */
export function mayPass({ kind }: CallFailure): boolean {
  return kind === 'away' || kind === 'lost' || kind === 'unavailable';
}

/** Nothing answers there, or the answer did not come. */
export function noAnswer(origin: string, error: unknown): CallFailure {
  const code = codeOf(error);
  const kind = code !== null && NEVER_ARRIVED.test(code) ? 'away' : 'lost';
  const because = code === null ? '' : ` (${code})`;
  if (kind === 'lost') {
    return new CallFailure(`the answer of the front door at ${origin} did not come${because}`, { kind, cause: error });
  }
  return new CallFailure(`${origin} does not answer: is LATCHKEY_URL right?${because}`, { kind, advice: WHERE_TO_LOOK, cause: error });
}

interface Refusal {
  readonly httpStatus: number;
  readonly problem: Omit<z.infer<typeof problemSchema>, 'type' | 'status' | 'instance'>;
  readonly retryAfterMs: number | null;
  /** What the call needs. */
  readonly scope: Scope;
}

/** What stands in LATCHKEY_TOKEN could not even be sent. */
export function noToken(scope: Scope): CallFailure {
  return new CallFailure('what LATCHKEY_TOKEN holds is no token: it has white space or characters that no token has', {
    kind: 'token_refused',
    advice: tokenAdvice(scope),
  });
}

/** The front door's own words on why not, and what to do about it. */
export function refusal({ httpStatus, problem, retryAfterMs, scope }: Refusal): CallFailure {
  const { title, detail, code, errors = [], correlationId } = problem;
  const kind = kindOf(httpStatus, code);
  const faults = errors.map((fault) => `${placeInWords(fault.pointer)} ${fault.detail}`);
  const advice = [
    ...faults,
    ...(kind === 'token_refused' && code !== 'approver_not_allowed' ? tokenAdvice(scope) : []),
    ...(httpStatus >= 500 ? [`correlationId ${correlationId} leads to this call in the front door's log`] : []),
  ];
  // With its faults named below, the sentence that points at `errors` says nothing more.
  const sentences = faults.length > 0 ? `${title}:` : `${title}. ${detail}`;
  return new CallFailure(`${sentences} (${code})`, { kind, advice, retryAfterMs, httpStatus });
}

/** An answer that is no problem of ours: a proxy's, or somebody else's altogether. */
export function strangeAnswer(origin: string, httpStatus: number, retryAfterMs: number | null): CallFailure {
  const kind = httpStatus === 429 || httpStatus >= 500 ? 'unavailable' : 'not_understood';
  const advice = ['Something else than a front door of Latchkey answers there, or stands before it: is LATCHKEY_URL right?'];
  return new CallFailure(`${origin} answers ${httpStatus}`, { kind, advice, retryAfterMs, httpStatus });
}

function kindOf(httpStatus: number, code: string): FailureKind {
  if (httpStatus === 401 || httpStatus === 403) return 'token_refused';
  if (httpStatus === 400 || httpStatus === 413 || httpStatus === 415 || httpStatus === 431) return 'invalid';
  // Trying again does not mend what the bank holds against Latchkey itself.
  if (code === 'upstream_refused' || code === 'seal_broken') return 'refused';
  return httpStatus === 408 || httpStatus === 429 || httpStatus >= 500 ? 'unavailable' : 'refused';
}

/** Where a fault is, as people say it. */
function placeInWords(pointer: string): string {
  const [, where = '', ...rest] = pointer.split('/');
  if (where === '') return 'the body';
  if (rest.length === 0) return where;
  const name = rest.join('/');
  if (where === 'query') return `the filter ${name}`;
  return where === 'header' ? `the header ${name}` : `${name} in the path`;
}

const WHERE_TO_LOOK = [
  'LATCHKEY_URL says where the front door is (default http://127.0.0.1:3000); the environment and .env are read.',
  'To start one here: npm start',
];

function tokenAdvice(scope: Scope): string[] {
  return [
    `LATCHKEY_TOKEN, or the file that LATCHKEY_TOKEN_FILE names, must hold a good access token with the scope ${scope}.`,
    TOKEN_SOURCE,
  ];
}

/** How somebody comes by a token. */
const TOKEN_SOURCE = "Your issuer's operators give it; with the sandbox of npm start: export LATCHKEY_TOKEN=$(npx latchkey token)";

const NEVER_ARRIVED =
  /^(bad port|ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT|.*(CERT|SIGNED|SIGNATURE|TLS|SSL).*)$/;

const BAD_PORT = 'bad port';

/** Never the message: what fetch has against a header quotes it. */
function codeOf(error: unknown): string | null {
  for (let each: unknown = error; each instanceof Error; each = each.cause) {
    if ('code' in each && typeof each.code === 'string') return each.code;
    if (each.name === 'TimeoutError') return 'timed out';
    // Ports that fetch calls nobody on.
    if (each.message === BAD_PORT) return BAD_PORT;
  }
  return null;
}
