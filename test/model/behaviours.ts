import type { CustomerSetup } from '../../src/sandbox/index.js';

type Steps = NonNullable<CustomerSetup['script']>;

export const BANK_TIMEOUT_MS = 800;
/** Above what a timer of Temporal may be late by, which is a second: less could not be told from back-off. */
export const RETRY_AFTER_MS = 2_000;
const TOO_LATE_MS = BANK_TIMEOUT_MS + 300;

/** What the bank may do with the next calls for a customer. */
export const behaviours = {
  'answers 503': [{ httpStatus: 503, code: 'UXU_30001' }],
  'answers 503 thrice': [{ httpStatus: 503, code: 'UXU_30002', times: 3 }],
  'answers 503 to the end': [{ httpStatus: 503, code: 'SYSTEM_ERROR', times: 10 }],
  'answers 429': [{ httpStatus: 429, headers: { 'Retry-After': String(RETRY_AFTER_MS / 1_000) } }],
  'says its quota is used up': [{ httpStatus: 500, code: 'CMN_90002' }],
  'answers with a page': [{ httpStatus: 502, body: '<html>Bad Gateway</html>' }],
  'calls the token stale': [{ httpStatus: 401, code: 'UXU_10003' }],
  'calls the token stale twice': [{ httpStatus: 401, code: 'UXU_10001', times: 2 }],
  'refuses (400)': [{ httpStatus: 400, code: 'UXU_10012' }],
  'refuses (403)': [{ httpStatus: 403, code: 'UXU_10002' }],
  'refuses (409)': [{ httpStatus: 409 }],
  'loses the call': [{ loseConnection: 'before_applying' }],
  'loses the answer': [{ loseConnection: 'after_applying' }],
  'is slow': [{ delayMs: 250 }],
  'applies too late': [{ delayMs: TOO_LATE_MS }],
  'answers too late': [{ answerDelayMs: TOO_LATE_MS }],
  'unlocks, and somebody locks again': [{ lockAgain: true }],
  'loses the answer, and somebody locks again': [{ loseConnection: 'after_applying', lockAgain: true }],
  'cannot tell the status': [{ on: 'status', httpStatus: 503, times: 2 }],
  'cannot tell the status for long': [{ on: 'status', httpStatus: 503, times: 8 }],
  'refuses to tell the status': [{ on: 'status', httpStatus: 403, code: 'UXU_10002' }],
  'tells the status slowly': [{ on: 'status', delayMs: 250 }],
  'tells the first status, then too late': [{ on: 'status' }, { on: 'status', answerDelayMs: TOO_LATE_MS }],
  'loses the status': [{ on: 'status', loseConnection: 'before_applying' }],
  'gives no token': [{ on: 'token', httpStatus: 503, times: 2 }],
} as const satisfies Readonly<Record<string, Steps>>;

export type Behaviour = keyof typeof behaviours;

export const scriptOf = (names: readonly Behaviour[]): Steps => names.flatMap((name): Steps => [...behaviours[name]]);
