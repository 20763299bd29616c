import { diagnose } from '../domain/diagnosis.js';
import { errorCodes, type ErrorCode } from './error-codes.js';
import { bankError, Problem, problemDetails, type InputFault } from './problem.js';

/** An example as OpenAPI has it. */
export interface Example<Value> {
  readonly summary: string;
  readonly value: Value;
}

export const EXAMPLE_CORRELATION_ID = 'f8187c63-678f-4f0c-9263-46723794661a';
export const EXAMPLE_EVENT_ID = '6d9a3a52-1c1e-5b56-8f0c-2f0f8e0c9a11';
export const EXAMPLE_CUSTOMER_ID = '1234567890';

const fault: InputFault = { pointer: '/header/correlationId', detail: `must be a GUID, such as ${EXAMPLE_CORRELATION_ID}` };

/** What each error may say; the words of an actual answer fit their occasion. */
const details: Readonly<Record<ErrorCode, string>> = {
  validation_failed: 'Correct what `errors` names and send the request again.',
  malformed_json: 'The body cannot be parsed as JSON.',
  missing_token: 'Send an access token in the Authorization header: Bearer <token>.',
  invalid_token: 'The token is refused. It has expired: get a new one.',
  insufficient_scope: 'The token needs the scope institution-users:write.',
  institution_not_served: 'The claim institution_id must name an institution that this deployment serves.',
  foreign_form: 'Nothing was done. Go back to the page, load it again, and send the form once more.',
  not_found: 'No unlock request has this correlationId.',
  customer_not_found: 'Check the customerId.',
  method_not_allowed: 'Use GET, HEAD.',
  request_timeout: 'Send the request again.',
  correlation_id_in_use: 'Send the request under a correlationId of its own.',
  not_locked: diagnose({ locked: false, onHold: true }) ?? '',
  cancelled: 'The unlock was cancelled on request; for another try use a new correlationId.',
  approver_not_allowed: 'Whoever asked for the unlock may not decide on it: another person must.',
  request_has_ended: 'The request has ended: unlocked.',
  nothing_to_act_on: 'It is not paused.',
  not_sealed_yet: 'This audit event is not sealed yet. Ask again in a few seconds.',
  body_too_large: 'Send at most 16 kB.',
  unsupported_media_type: 'Send the body as application/json.',
  rate_limited: 'More than 600 requests a minute came from this caller. Nothing was done with this one.',
  too_many_exports: '4 exports of your institution are under way. Nothing was exported.',
  too_many_streams: 'Read the request instead, or try again when other streams have ended.',
  headers_too_large: 'Send at most 16 kB of headers, and at most 100 of them.',
  internal_error: 'This is no fault of the request. The correlationId leads to its cause in the log.',
  seal_broken: 'An audit event is not what was sealed. Run "latchkey audit verify".',
  upstream_refused: 'The bank does not accept the credentials of Latchkey: its operators must mend that.',
  rejected: 'The bank rejected the unlock and gave no reason.',
  retries_exhausted: 'Attempts or time are used up; for another try use a new correlationId.',
  upstream_unavailable: 'The bank cannot tell the lock status now (status 503, code UXU_30001). Try again later.',
  temporarily_unavailable: 'Temporal does not answer. Send the same request with the same correlationId again.',
  still_running: 'The unlock goes on. Send the same request with the same correlationId again to wait for its end.',
};

function example(code: ErrorCode): Problem {
  return new Problem(code, { detail: details[code], ...(code === 'validation_failed' && { errors: [fault] }) });
}

/** An error as problem details (RFC 9457). */
export function exampleProblem(code: ErrorCode, path: string): Example<ReturnType<typeof problemDetails>> {
  return { summary: errorCodes[code].title, value: problemDetails(example(code), { path, correlationId: EXAMPLE_CORRELATION_ID }) };
}

/** The same error as the drop-in endpoint answers it. */
export function exampleBankError(code: ErrorCode): Example<ReturnType<typeof bankError>> {
  return { summary: errorCodes[code].title, value: bankError(example(code)) };
}

/** The bank's own refusals, as the drop-in endpoint passes them on. */
export const bankRefusals = {
  403: { summary: 'The bank refuses Latchkey a right', value: { status: 403, message: 'User lacks the required role', code: 'UXU_10002' } },
  404: { summary: 'The bank knows no such customer', value: { status: 404, message: 'Customer not found', code: 'UXU_10000' } },
  409: {
    summary: 'The bank refuses, and gives no code',
    value: { status: 409, message: 'Customer cannot be unlocked now', code: 'LATCHKEY_REJECTED' },
  },
  400: { summary: 'The bank takes the request for malformed', value: { status: 400, message: 'Request is not valid', code: 'UXU_10012' } },
} as const;
