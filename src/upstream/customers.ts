import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { BankAnswer } from '../domain/bank-answer.js';
import { recordableMessage } from '../domain/audit-event.js';
import { FLAG_NAME, type BankDrift } from '../domain/bank-drift.js';
import type { Classifier } from '../domain/classification.js';
import type { Meaning } from '../domain/meaning.js';
import { lockStatusOf, statusFlagNames, type LockStatus, type StatusFlags } from '../domain/lock-status.js';
import type { Observer } from '../domain/observer.js';
import { exchange, parseJson, type Dispatcher } from '../outbound/index.js';
import { inCallSpan, type CallSpan } from './call-span.js';
import { UnsafeCustomerIdError, type CustomerUrl } from './customer-url.js';
import { madeCall } from './made-call.js';
import type { BankToken, TokenSource } from './token.js';

export type StatusReading =
  | {
      readonly kind: 'read';
      readonly lockStatus: LockStatus;
      readonly flags: StatusFlags;
      readonly httpStatus: number;
      readonly durationMs: number;
      readonly drift: readonly BankDrift[];
    }
  | { readonly kind: 'unread'; readonly answer: BankAnswer };

export interface CustomerCall {
  readonly institutionId: string;
  readonly customerId: string;
  readonly correlationId: string;
}

export interface UnlockCall extends CustomerCall {
  /** Its number, for who looks at a trace. */
  readonly attempt?: number;
  /** Within how many milliseconds the PUT must be on its way; one that was held up for longer is not sent. */
  readonly leavesWithinMs: number;
}

/** The bank's customers. No method throws for what the bank or the network does, and none sends a request twice by itself. */
export interface Customers {
  /** Reads the lock status; a stale token is replaced once, since reading twice does no harm. */
  readLockStatus(call: CustomerCall): Promise<StatusReading>;
  /** Sends one unlock PUT, exactly once. A stale token is dropped, so that the next `token()` is a new one. */
  unlock(call: UnlockCall, token: BankToken): Promise<BankAnswer>;
}

interface CustomersParts {
  readonly dispatcher: Dispatcher;
  readonly tokens: TokenSource;
  readonly unlockUrl: CustomerUrl;
  readonly statusUrl: CustomerUrl;
  /** Their paths without a customer, for spans. */
  readonly templates: { readonly PUT: string; readonly GET: string };
  /** Where the flags stand in the status answer; empty: at its root. */
  readonly statusFlagsField: string;
  /** Flags that are known and mean nothing to us: any other is told of. */
  readonly harmlessFlags: ReadonlySet<string>;
  readonly classify: Classifier;
  /** Error codes that are known: any other is told of. */
  readonly knownCodes: ReadonlySet<string>;
  readonly institutionId: string;
  /** What the bank may not put on record, whatever it echoes; the token of a call besides. */
  readonly secrets: readonly string[];
  readonly timeoutMs: number;
  readonly tellsTrace: boolean;
  readonly observer: Observer;
}

const CODE_LIMIT = 64;
const REDACTED = '[redacted]';

const object = z.record(z.string(), z.unknown());
const errorBody = z.object({ code: z.unknown().optional(), message: z.unknown().optional() });
const flag = z
  .boolean()
  .nullish()
  .transform((value) => value ?? undefined);
// Only `locked` decides anything, so only there an unreadable value makes the whole answer unreadable.
const otherFlag = flag.catch(undefined);
const statusFlags: z.ZodType<StatusFlags> = z.object({
  locked: flag,
  active: otherFlag,
  onHold: otherFlag,
  reset: otherFlag,
  registered: otherFlag,
  approved: otherFlag,
  rejected: otherFlag,
});

interface OneCall {
  readonly method: 'GET' | 'PUT';
  readonly url: URL;
  readonly token: BankToken;
  readonly customer: CustomerCall;
  readonly leavesWithinMs: number;
}

export function createCustomers(parts: CustomersParts): Customers {
  const { dispatcher, tokens, classify, institutionId, timeoutMs, observer } = parts;

  async function call(method: 'GET' | 'PUT', toUrl: CustomerUrl, customer: CustomerCall & Partial<UnlockCall>, token: BankToken) {
    const { customerId, leavesWithinMs = timeoutMs, attempt = null } = customer;
    let url: URL;
    try {
      url = toUrl(customerId);
    } catch (error) {
      if (!(error instanceof UnsafeCustomerIdError)) throw error;
      return { answer: noAnswer('bad_request', error.message, 0), body: null };
    }
    const endpoint = method === 'PUT' ? 'unlock' : 'status';
    const span = { endpoint, method, url, template: parts.templates[method], attempt, tellsTrace: parts.tellsTrace } as const;
    return inCallSpan(span, (within) => exchangeWithin(within, { method, url, token, customer, leavesWithinMs }));
  }

  async function exchangeWithin(span: CallSpan, { method, url, token, customer, leavesWithinMs }: OneCall) {
    const headers = {
      authorization: `Bearer ${token.value}`,
      accept: 'application/json',
      correlationId: customer.correlationId,
      institutionId,
      transactionId: randomUUID(),
      ...span.headers,
    };
    const got = span.answered(await exchange({ dispatcher, url, method, headers, timeoutMs, leavesWithinMs }));
    observer.bankCalled(madeCall(method === 'PUT' ? 'unlock' : 'status', got));
    if (got.kind !== 'answered') return { answer: noAnswer(got.kind, got.reason, got.durationMs), body: null };
    const { httpStatus, retryAfterMs, durationMs } = got;
    const error =
      httpStatus >= 200 && httpStatus < 300 ? { code: null, message: null } : readError(got.body, [token.value, ...parts.secrets]);
    // One that is not known could be anything.
    if (error.code !== null) span.refused(parts.knownCodes.has(error.code) ? error.code : 'unknown');
    const meaning = classify(httpStatus, error.code);
    if (meaning === 'stale_token') tokens.invalidate(token.generation);
    const drift = noted(method, [
      ...(error.code === null || parts.knownCodes.has(error.code) ? [] : [{ kind: 'unknown_code' as const, what: error.code }]),
      ...(method === 'PUT' && httpStatus >= 200 && httpStatus < 300 ? driftOfBody(got.body) : []),
    ]);
    return { answer: { meaning, httpStatus, ...error, reason: null, retryAfterMs, durationMs, ...drift }, body: got.body };
  }

  function noted(method: 'GET' | 'PUT', drift: readonly BankDrift[]): { readonly drift?: readonly BankDrift[] } {
    for (const each of drift) observer.bankDrifted(method === 'PUT' ? 'unlock' : 'status', each);
    return drift.length === 0 ? {} : { drift };
  }

  async function readOnce(customer: CustomerCall): Promise<StatusReading> {
    const got = await tokens.get();
    if (got.kind === 'unavailable') return { kind: 'unread', answer: withoutToken(got) };
    const { answer, body } = await call('GET', parts.statusUrl, customer, got.token);
    if (answer.meaning !== 'unlocked' || answer.httpStatus === null) return { kind: 'unread', answer };
    const status = readStatus(body, parts);
    if (status === null) {
      const drift = noted('GET', [{ kind: 'unexpected_body', what: 'a status without flags that can be read' }]);
      return { kind: 'unread', answer: { ...answer, meaning: 'unwell', reason: 'the status answer could not be read', ...drift } };
    }
    noted('GET', status.drift);
    const { flags, drift } = status;
    const { httpStatus, durationMs } = answer;
    return { kind: 'read', lockStatus: lockStatusOf(flags), flags, httpStatus, durationMs, drift };
  }

  return {
    async readLockStatus(customer) {
      const reading = await readOnce(customer);
      return reading.kind === 'unread' && reading.answer.meaning === 'stale_token' ? readOnce(customer) : reading;
    },
    async unlock(customer, token) {
      return (await call('PUT', parts.unlockUrl, customer, token)).answer;
    },
  };
}

/** A token that cannot be had, told as an answer: nothing was sent to the customer's resource. */
export function withoutToken(result: {
  readonly reason: string;
  readonly httpStatus: number | null;
  readonly retryAfterMs: number | null;
}): BankAnswer {
  const reason = result.reason;
  return { ...noAnswer(result.httpStatus === 429 ? 'too_fast' : 'not_sent', reason, 0), retryAfterMs: result.retryAfterMs };
}

/** What is known of a call to which the bank did not answer, or which was never sent. */
export function noAnswer(meaning: Meaning, reason: string, durationMs: number): BankAnswer {
  return { meaning, httpStatus: null, code: null, message: null, reason, retryAfterMs: null, durationMs };
}

function readError(body: string | null, secrets: readonly string[]): { code: string | null; message: string | null } {
  const parsed = errorBody.safeParse(parseJson(body));
  if (!parsed.success) return { code: null, message: null };
  const { code, message } = parsed.data;
  // Before it is cut: a part of a secret is one too.
  const clean = (text: string): string => secrets.reduce((rest, secret) => rest.replaceAll(secret, REDACTED), text);
  return {
    code:
      typeof code === 'string' && code !== '' ? recordableMessage(clean(code), CODE_LIMIT) : typeof code === 'number' ? String(code) : null,
    message: typeof message === 'string' ? recordableMessage(clean(message)) : null,
  };
}

/** Of an unlock that succeeded nothing is expected, `null` or a text that is no JSON. */
function driftOfBody(body: string | null): BankDrift[] {
  const value = parseJson(body);
  if (value === undefined || value === null) return [];
  return [{ kind: 'unexpected_body', what: Array.isArray(value) ? 'a JSON array' : `a JSON ${typeof value}` }];
}

/** Told of one answer at most. */
const TOLD_FLAGS = 5;
const knownFlags = new Set<string>(statusFlagNames);

interface StatusRead {
  readonly flags: StatusFlags;
  readonly drift: readonly BankDrift[];
}

type StatusForm = Pick<CustomersParts, 'statusFlagsField' | 'harmlessFlags'>;

function readStatus(body: string | null, { statusFlagsField: field, harmlessFlags }: StatusForm): StatusRead | null {
  const root = object.safeParse(parseJson(body));
  if (!root.success) return null;
  const stated = object.safeParse(field === '' ? root.data : root.data[field]);
  const parsed = statusFlags.safeParse(stated.data);
  if (!stated.success || !parsed.success) return null;
  const flags = parsed.data;
  // At the root any object would do, an error's too; one that states no flag is no status.
  if (field === '' && Object.values(flags).every((value) => value === undefined)) return null;
  return { flags, drift: driftOfFlags(stated.data, field === '' ? null : harmlessFlags) };
}

/**
 * What is no flag although its name is known; and flags that are not known.
 * @param harmless flags that are known besides; null: not only flags stand there, so none is unknown
 */
function driftOfFlags(stated: Readonly<Record<string, unknown>>, harmless: ReadonlySet<string> | null): BankDrift[] {
  return Object.entries(stated)
    .flatMap(([name, value]): BankDrift[] => {
      const what = FLAG_NAME.test(name) ? name : 'a name that is none';
      if (knownFlags.has(name)) return typeof value === 'boolean' || value === null ? [] : [{ kind: 'unreadable_flag', what }];
      return harmless?.has(name) === false && typeof value === 'boolean' ? [{ kind: 'unknown_flag', what }] : [];
    })
    .slice(0, TOLD_FLAGS);
}
