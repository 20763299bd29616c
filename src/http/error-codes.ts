export interface ErrorKind {
  readonly httpStatus: number;
  readonly title: string;
  /** What has happened; for the catalogue, in a sentence or two. */
  readonly meaning: string;
  /** What the caller does about it. */
  readonly remedy: string;
  /** Absent: the drop-in endpoint answers it as well as all others. */
  readonly only?: 'drop-in' | 'others';
}

/** Every error that the front door answers by itself: the code is stable, the words may change. */
export const errorCodes = {
  validation_failed: {
    httpStatus: 400,
    title: 'The request is not valid',
    meaning: 'Path, query, headers or body break a rule of this API. Nothing was done and nothing has reached the bank.',
    remedy: 'Correct every place that `errors` points at (in the drop-in, that `message` names) and send the request again.',
  },
  malformed_json: {
    httpStatus: 400,
    title: 'The body is not JSON',
    meaning: 'The body claims to be JSON and cannot be parsed as such.',
    remedy: 'Send one JSON object in UTF-8.',
    only: 'others',
  },
  missing_token: {
    httpStatus: 401,
    title: 'A bearer token is needed',
    meaning: 'The request came without an `Authorization` header.',
    remedy: 'Get an access token from the issuer and send it: `Authorization: Bearer <token>`.',
  },
  invalid_token: {
    httpStatus: 401,
    title: 'The bearer token is not valid',
    meaning: 'The token has expired, is for somebody else, lacks a claim, or none of the issuer’s keys has signed it. `detail` says which.',
    remedy: 'Get a new token. If a new one is refused too, compare its issuer, audience and `typ` with the settings of this deployment.',
  },
  insufficient_scope: {
    httpStatus: 403,
    title: 'The token lacks a scope',
    meaning: 'The token is good, but does not allow this.',
    remedy: 'Ask the issuer’s operators for the scope that `detail` and the `WWW-Authenticate` header name.',
  },
  institution_not_served: {
    httpStatus: 403,
    title: 'The token is for no institution served here',
    meaning: 'The claim `institution_id` is absent, or names an institution that this deployment does not serve.',
    remedy: 'Use a token of an institution that is served here.',
  },
  approver_not_allowed: {
    httpStatus: 403,
    title: 'Somebody else must decide',
    meaning: 'A second person must approve or decline this unlock: a person with a token of their own, and not the one who asked for it.',
    remedy: 'Have a colleague decide who holds the scope `unlocks:approve`.',
    only: 'others',
  },
  foreign_form: {
    httpStatus: 403,
    title: 'The form did not come from its page',
    meaning: 'On the pages alone: a form was sent from elsewhere, or from a page of an earlier sign-in. Nothing was done.',
    remedy: 'Load the page again and send the form once more.',
    only: 'others',
  },
  not_found: {
    httpStatus: 404,
    title: 'Nothing is here',
    meaning: 'The path is not known, or your institution has nothing under the correlationId or id that it names.',
    remedy: 'Check the path and the id in it. What belongs to another institution is not found either.',
    only: 'others',
  },
  customer_not_found: {
    httpStatus: 404,
    title: 'The bank knows no such customer',
    meaning: 'The bank was asked for the lock status and knows no customer of this id.',
    remedy: 'Check the customerId.',
    only: 'others',
  },
  method_not_allowed: {
    httpStatus: 405,
    title: 'This path does not take that method',
    meaning: 'The path exists, the method does not.',
    remedy: 'Use a method that the `Allow` header names.',
  },
  request_timeout: {
    httpStatus: 408,
    title: 'The request did not arrive in time',
    meaning: 'Headers or body came too slowly: 10 s for the headers, 30 s for the whole request.',
    remedy: 'Send the request again, with the same correlationId.',
    only: 'others',
  },
  correlation_id_in_use: {
    httpStatus: 409,
    title: 'The correlationId is in use',
    meaning: 'The correlationId belongs to an unlock request for another customer or institution.',
    remedy: 'Send this request under a new correlationId. Reuse one only to repeat the very same request.',
  },
  not_locked: {
    httpStatus: 409,
    title: 'The customer is not locked',
    meaning:
      'The drop-in’s answer for the outcome `not_locked`: the customer was not locked, so the bank was not asked to unlock them, or no attempt had an effect.',
    remedy: 'The message says what keeps the customer out instead. With `NOT_LOCKED_POLICY=accept` this is answered with 204.',
    only: 'drop-in',
  },
  cancelled: {
    httpStatus: 409,
    title: 'The unlock was cancelled',
    meaning: 'The drop-in’s answer for the outcome `cancelled`: the unlock was stopped on request, and no attempt succeeded.',
    remedy: 'For another try use a new correlationId.',
    only: 'drop-in',
  },
  request_has_ended: {
    httpStatus: 409,
    title: 'The unlock request has ended',
    meaning: 'An operator’s action came when the request had its outcome already.',
    remedy: 'Read the request: its outcome stands. For another try use a new correlationId.',
    only: 'others',
  },
  nothing_to_act_on: {
    httpStatus: 409,
    title: 'There is nothing to act on',
    meaning: 'The request is under way, but not at a point where this action means anything. `detail` says why, and nothing was changed.',
    remedy: 'Read the request, then decide again. With a `Retry-After` the same action may find something to act on after those seconds.',
    only: 'others',
  },
  not_sealed_yet: {
    httpStatus: 409,
    title: 'It is not sealed yet',
    meaning: 'A row is sealed a second or so after it was written, once every transaction before it has ended. This one waits for it.',
    remedy: 'Ask again after the seconds in `Retry-After`. If it stays so, the sealer does not run: tell the operators of Latchkey.',
    only: 'others',
  },
  body_too_large: {
    httpStatus: 413,
    title: 'The body is too large',
    meaning: 'The body has more than 16 kB.',
    remedy: 'Send less.',
  },
  unsupported_media_type: {
    httpStatus: 415,
    title: 'The body is of the wrong media type',
    meaning: 'The body is not declared as JSON in UTF-8, or is compressed.',
    remedy: 'Send `Content-Type: application/json` and no `Content-Encoding`.',
  },
  rate_limited: {
    httpStatus: 429,
    title: 'Too many requests',
    meaning:
      'The caller, or all callers of its institution together, sent more requests in this minute than this deployment takes. Nothing was done with this one; what was accepted before goes on.',
    remedy: 'Send the same request with the same correlationId after the seconds in `Retry-After`. `RateLimit` tells what is left.',
  },
  too_many_exports: {
    httpStatus: 429,
    title: 'Too many exports are under way',
    meaning: 'Other exports of your institution are still being taken. Nothing was exported.',
    remedy: 'Wait until one of them has ended, then ask again.',
    only: 'others',
  },
  too_many_streams: {
    httpStatus: 429,
    title: 'Too many streams are open',
    meaning: 'This caller, or all callers of this process together, keep as many streams of events open as it takes. The request goes on.',
    remedy: 'Close streams that nobody looks at, or read the request now and then instead.',
    only: 'others',
  },
  headers_too_large: {
    httpStatus: 431,
    title: 'The headers are too large',
    meaning: 'Request line and headers have more than 16 kB together, or there are more than 100 headers.',
    remedy: 'Send fewer or shorter headers.',
    only: 'others',
  },
  internal_error: {
    httpStatus: 500,
    title: 'Latchkey failed',
    meaning: 'A fault of Latchkey itself. Whether an unlock was accepted is told by `GET /v1/unlocks/{correlationId}`.',
    remedy:
      'Send the same request with the same correlationId again; give the operators the correlationId, which leads to the cause in the log.',
  },
  seal_broken: {
    httpStatus: 500,
    title: 'The seal of the audit log does not hold',
    meaning: 'Rows, or what the database keeps of their hashes, are not what was signed: somebody has changed them, or they are damaged.',
    remedy: 'Tell whoever answers for the audit log at once. `latchkey audit verify` names what is wrong.',
    only: 'others',
  },
  upstream_refused: {
    httpStatus: 502,
    title: 'The bank refused Latchkey',
    meaning: 'The bank does not accept Latchkey’s own credentials, or refused to tell the lock status. The caller has done nothing wrong.',
    remedy: 'Tell the operators of Latchkey. Trying again does not help until they have mended it.',
  },
  rejected: {
    httpStatus: 502,
    title: 'The bank rejected the unlock',
    meaning:
      'The drop-in’s answer for the outcome `rejected` where the bank’s own status cannot be passed on. Otherwise its status, message and code come as they were recorded; where it gave no code, this one stands in.',
    remedy: 'The message is the bank’s. Mend what it names and use a new correlationId.',
    only: 'drop-in',
  },
  retries_exhausted: {
    httpStatus: 503,
    title: 'The bank could not be brought to unlock the customer',
    meaning: 'The drop-in’s answer for the outcome `failed`: attempts or time are used up.',
    remedy: 'Read the lock status, then use a new correlationId: the old one answers the same for ever.',
    only: 'drop-in',
  },
  upstream_unavailable: {
    httpStatus: 503,
    title: 'The bank does not answer',
    meaning: 'The lock status was asked for and the bank does not tell it now.',
    remedy: 'Try again after the seconds in `Retry-After`.',
    only: 'others',
  },
  temporarily_unavailable: {
    httpStatus: 503,
    title: 'Latchkey cannot take the request now',
    meaning: 'The audit log, Temporal or the token issuer does not answer. Nothing is accepted that could not be kept.',
    remedy:
      'Send the same request with the same correlationId after the seconds in `Retry-After`: if it was taken in after all, that joins it.',
  },
  still_running: {
    httpStatus: 504,
    title: 'The unlock is still running',
    meaning:
      'The drop-in has waited as long as it may, or not at all because too many answers are being waited for. The unlock goes on and is not lost.',
    remedy: 'Send the same request with the same correlationId after the seconds in `Retry-After`, or read the request under `Location`.',
    only: 'drop-in',
  },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof errorCodes;

/** The same code as the drop-in endpoint spells it, apart from the bank's own codes. */
export function dropInCode(code: ErrorCode): string {
  return `LATCHKEY_${code.toUpperCase()}`;
}

/** The problem's `type`: a reference to its entry in the catalogue, which the front door serves. */
export function problemType(code: ErrorCode): string {
  return `/docs/errors#${code}`;
}

/** What a caller who is told to come back is told to wait, in seconds. */
export const RETRY_AFTER_SECONDS = '5';
