import { refuseCaller, refuseCorrelationId, refuseTokenRequest, refuseTransactionId } from './bank-checks.js';
import type { BankAccount } from './bank-checks.js';
import type { BankTokens } from './bank-tokens.js';
import type { BankCall, BankEndpoint, CallLog, OpenCall } from './call-log.js';
import type { Customer, Customers } from './customers.js';
import { BodyTooLargeError, decodeSegment, header, readBody } from './exchange.js';
import type { Exchange, Handler } from './exchange.js';
import { errorAnswer, jsonAnswer, playStep } from './script-player.js';
import type { BankAnswer } from './script-player.js';

interface BankParts {
  readonly account: BankAccount;
  readonly customers: Customers;
  readonly tokens: BankTokens;
  readonly calls: CallLog;
  readonly closing: AbortSignal;
  readonly log: (line: string) => void;
}

interface Route {
  readonly endpoint: Exclude<BankEndpoint, 'other'>;
  readonly method: string;
  readonly path: RegExp;
  /** The flags stand at the root of the answer, and the call is identified by its transactionId. */
  readonly flat?: true;
}

// Both generations of the bank's hosts: with and without the `/digitalbanking/…` prefixes.
const routes: readonly Route[] = [
  { endpoint: 'token', method: 'POST', path: /^(?:\/digitalbanking)?\/oauth2\/v1\/token$/ },
  { endpoint: 'unlock', method: 'PUT', path: /^(?:\/digitalbanking\/ux-users)?\/v1\/customers\/([^/]+):unlock-user$/ },
  { endpoint: 'status', method: 'GET', path: /^(?:\/digitalbanking\/ux-users)?\/v1\/customers\/([^/:]+)$/ },
  { endpoint: 'status', method: 'GET', path: /^(?:\/digitalbanking\/ux-users)?\/v1\/user-status\/([^/:]+)$/, flat: true },
];

const BODY_LIMIT_BYTES = 16 * 1024;

/** The simulated bank: token, lock status and unlock. A call for anything else is logged too, and answered 404 or 405. */
export function createBank({ account, customers, tokens, calls, closing, log }: BankParts): Handler {
  const token = async ({ request, response }: Exchange, form: string): Promise<void> => {
    const refusal = refuseTokenRequest(request, form, account);
    const step = refusal === null ? customers.takeTokenStep() : null;
    const ordinaryAnswer = (): BankAnswer => refusal ?? jsonAnswer(200, tokens.issue());
    await playStep({ step, response, closing, apply: nothing, lockAgain: nothing, ordinaryAnswer });
  };

  const status = async ({ request, response, query }: Exchange, customerId: string, flat: boolean, call: OpenCall): Promise<void> => {
    const refusal =
      refuseCaller(request, tokens, account.institutionId) ??
      (flat ? refuseTransactionId(request) : refuseCorrelationId(request)) ??
      (query.get('userIdType') === 'CUSTOMER_ID' ? null : errorAnswer(400, 'UXU_10011', 'userIdType must be CUSTOMER_ID')) ??
      refuseUnknown(customers, customerId);
    const step = refusal === null ? customers.takeStep(customerId, 'status') : null;
    const ordinaryAnswer = (): BankAnswer => {
      const customer = customers.get(customerId);
      if (refusal !== null || customer === null) return refusal ?? unknownCustomer;
      call.told(customer.state.locked);
      return jsonAnswer(200, userStatus(customerId, customer, flat));
    };
    await playStep({ step, response, closing, apply: nothing, lockAgain: nothing, ordinaryAnswer });
  };

  const unlock = async ({ request, response, query }: Exchange, customerId: string, body: string, call: OpenCall): Promise<void> => {
    const refusal =
      refuseCaller(request, tokens, account.institutionId) ??
      refuseCorrelationId(request) ??
      (body === '' && query.size === 0 ? null : errorAnswer(400, 'UXU_10012', 'An unlock has neither body nor query')) ??
      refuseUnknown(customers, customerId);
    const step = refusal === null ? customers.takeStep(customerId, 'unlock') : null;
    // A customer who is not locked is a no-op to the bank: the caller's own check must find that out.
    const apply = (): void => (refusal === null ? call.applied(customers.unlock(customerId)) : undefined);
    const lockAgain = (): void => customers.lock(customerId);
    await playStep({ step, response, closing, apply, lockAgain, ordinaryAnswer: () => refusal ?? { httpStatus: 204, body: null } });
  };

  return async (exchange) => {
    const { request, response, method, path } = exchange;
    const onThisPath = routes.filter((candidate) => candidate.path.test(path));
    const route = onThisPath.find((candidate) => candidate.method === method);
    const segment = route?.path.exec(path)?.[1];
    const customerId = segment === undefined ? null : (decodeSegment(segment) ?? segment);
    const call = calls.arrived({
      endpoint: route?.endpoint ?? 'other',
      method,
      path: request.url ?? '/',
      customerId,
      correlationId: header(request, 'correlationid'),
      institutionId: header(request, 'institutionid'),
      transactionId: header(request, 'transactionid'),
    });
    response.once('close', () => log(describe(call.ended(response.writableFinished ? response.statusCode : 'connection lost'))));

    const plainly = (answer: BankAnswer): Promise<void> =>
      playStep({ step: null, response, closing, apply: nothing, lockAgain: nothing, ordinaryAnswer: () => answer });
    if (route === undefined && onThisPath.length > 0) return plainly(errorAnswer(405, 'CMN_90005', 'Method not allowed'));
    if (route === undefined) return plainly(errorAnswer(404, 'CMN_90005', 'No such resource'));
    try {
      const body = await readBody(request, BODY_LIMIT_BYTES);
      if (route.endpoint === 'token') await token(exchange, body);
      else if (route.endpoint === 'status') await status(exchange, customerId ?? '', route.flat === true, call);
      else await unlock(exchange, customerId ?? '', body, call);
    } catch (error) {
      if (!(error instanceof BodyTooLargeError)) throw error;
      await plainly(errorAnswer(413, 'CMN_90005', error.message));
    }
  };
}

const unknownCustomer = errorAnswer(404, 'UXU_10000', 'Customer not found');

function nothing(): void {}

function refuseUnknown(customers: Customers, customerId: string): BankAnswer | null {
  return customers.get(customerId) === null ? unknownCustomer : null;
}

// Personal-looking fields come along, as they do at the bank, so that a test can prove that they go no further.
function userStatus(customerId: string, { state }: Customer, flat: boolean): object {
  const { failedLoginCount, ...flags } = state;
  return {
    customerId,
    loginId: `login-${customerId}`,
    firstName: 'Sandra',
    lastName: 'Sandbox',
    emailAddress: `${customerId}@customer.example`,
    mobilePhone: '+1 555 0100',
    ...(flat ? flags : { userStatus: flags }),
    failedLoginCount,
  };
}

function describe({ method, path, answer, applied, wasLocked }: BankCall): string {
  const effect = applied ? (wasLocked === true ? ', unlocked' : ', was not locked') : '';
  return `bank ${method} ${path} -> ${answer ?? 'open'}${effect}`;
}
