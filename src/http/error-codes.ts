interface ErrorKind {
  readonly httpStatus: number;
  readonly title: string;
}

/** Every error that the front door answers by itself: the code is stable, the words may change. */
export const errorCodes = {
  validation_failed: { httpStatus: 400, title: 'The request is not valid' },
  malformed_json: { httpStatus: 400, title: 'The body is not JSON' },
  missing_token: { httpStatus: 401, title: 'A bearer token is needed' },
  invalid_token: { httpStatus: 401, title: 'The bearer token is not valid' },
  insufficient_scope: { httpStatus: 403, title: 'The token lacks a scope' },
  institution_not_served: { httpStatus: 403, title: 'The token is for no institution served here' },
  not_found: { httpStatus: 404, title: 'Nothing is here' },
  customer_not_found: { httpStatus: 404, title: 'The bank knows no such customer' },
  method_not_allowed: { httpStatus: 405, title: 'This path does not take that method' },
  request_timeout: { httpStatus: 408, title: 'The request did not arrive in time' },
  correlation_id_in_use: { httpStatus: 409, title: 'The correlationId is in use' },
  not_locked: { httpStatus: 409, title: 'The customer is not locked' },
  cancelled: { httpStatus: 409, title: 'The unlock was cancelled' },
  body_too_large: { httpStatus: 413, title: 'The body is too large' },
  unsupported_media_type: { httpStatus: 415, title: 'The body is of the wrong media type' },
  headers_too_large: { httpStatus: 431, title: 'The headers are too large' },
  internal_error: { httpStatus: 500, title: 'Latchkey failed' },
  upstream_refused: { httpStatus: 502, title: 'The bank refused Latchkey' },
  rejected: { httpStatus: 502, title: 'The bank rejected the unlock' },
  retries_exhausted: { httpStatus: 503, title: 'The bank could not be brought to unlock the customer' },
  upstream_unavailable: { httpStatus: 503, title: 'The bank does not answer' },
  temporarily_unavailable: { httpStatus: 503, title: 'Latchkey cannot take the request now' },
  still_running: { httpStatus: 504, title: 'The unlock is still running' },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof errorCodes;

/** The same code as the drop-in endpoint spells it, apart from the bank's own codes. */
export function dropInCode(code: ErrorCode): string {
  return `LATCHKEY_${code.toUpperCase()}`;
}

/** What a caller who is told to come back is told to wait, in seconds. */
export const RETRY_AFTER_SECONDS = '5';
