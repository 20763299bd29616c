import { ApplicationFailure, CancelledFailure } from '@temporalio/activity';
import { AuditConflictError, AuditRefusedError } from '../src/audit/audit-log.js';
import { isDatabaseUnavailable, sqlStateOf } from '../src/audit/failures.js';
import { delayAfter } from '../src/domain/classification.js';
import { SealBrokenError } from '../src/audit/seal.js';
import { UnknownInstitutionError } from '../src/domain/institution.js';
import { waitMs, type Wait } from '../src/domain/retry-after.js';
import type { AskedWait } from '../src/domain/unlock-record.js';
import type { RetryBudget } from '../src/domain/unlock-request.js';
import type { BankAnswer } from '../src/domain/bank-answer.js';
import { NoteError } from '../src/proof/signed-note.js';
import { PublicationConflictError } from '../src/publication/index.js';
import type { LastTry, RetryDetails, Turn } from './contract.js';

/** The failure types that an operator sees in Temporal. */
export const failureTypes = {
  /** The wait that the fast phase left over; not a fault. */
  waiting: 'Waiting',
  /** The worker stops before it could begin; not a fault. */
  handedOver: 'HandedOver',
  bank: 'BankUnavailable',
  /** The receiver of a caller's webhook did not take the message. */
  webhook: 'CallerNotTold',
  /** All turns at the bank within reach are taken (`UPSTREAM_MAX_PER_SECOND`). */
  rate: 'RateLimited',
  /** Another execution is at work on this request, or was a moment ago. */
  attemptInFlight: 'AttemptInFlight',
  /** Postgres is away, or too busy to answer in time. */
  auditUnavailable: 'AuditUnavailable',
  /** Postgres is there and refuses the statement: a right, a constraint, a missing table. It helps only that somebody mends it. */
  auditRefused: 'AuditRefused',
  /** Something unforeseen happened within Latchkey. */
  fault: 'LatchkeyFault',
  /** Rows that stand contradict what was to be written; nobody should retry that. */
  auditConflict: 'AuditConflict',
  /** The log in the database is not the one that was sealed or published: a person must look. */
  sealBroken: 'SealBroken',
  /** The request is for an institution that this worker does not serve; one that is told of it later goes on. */
  unknownInstitution: 'UnknownInstitution',
} as const;

interface TryAgain {
  readonly type: (typeof failureTypes)[keyof typeof failureTypes];
  readonly message: string;
  readonly delayMs: number;
  /** Expected things raise no alarm in the worker's log; they do by default. */
  readonly isExpected?: boolean;
}

/** Ends an execution so that Temporal tries again after `delayMs`. */
export function tryAgain({ type, message, delayMs, isExpected = true }: TryAgain): ApplicationFailure {
  const details: RetryDetails = { notBefore: Date.now() + delayMs, unrecorded: null };
  return ApplicationFailure.create({
    type,
    // A wait that is handed over says so already.
    message: delayMs < 1000 || type === failureTypes.waiting ? message : `${message}; next try at ${clockTime(details.notBefore)}`,
    ...(isExpected ? { category: 'BENIGN' } : {}),
    // Zero would mean Temporal's own back-off.
    nextRetryDelay: Math.max(1, Math.round(delayMs)),
    details: [details],
  });
}

/** Hands the wait that the fast phase found necessary to Temporal's retry policy, where operators see and steer it. */
export function waitYourTurn(turn: Turn, dueInMs: number): ApplicationFailure {
  return tryAgain({ type: failureTypes.waiting, message: turn.because ?? 'waiting for the next try', delayMs: dueInMs });
}

/** Gives an execution back that has not begun, to whichever worker goes on. */
export function handedOver(): ApplicationFailure {
  return tryAgain({ type: failureTypes.handedOver, message: 'the worker stops; another one goes on', delayMs: 0 });
}

/**
 * Waits as the bank's answer asks.
 * @param failures how often it was waited before, from 0
 */
export function tryBankAgain(what: string, answer: BankAnswer, failures: number, budget: RetryBudget): ApplicationFailure {
  const wait: Wait = { kind: delayAfter(answer.meaning) ?? 'back_off', failures, retryAfterMs: answer.retryAfterMs };
  return tryAgain({ type: failureTypes.bank, message: `${what}: ${inWords(answer)}`, delayMs: waitMs(wait, budget, Math.random()) });
}

/**
 * Waits for what is left of a wait that the bank asked for: whoever was to wait was lost. Chance adds as much as it would have then, so that
 * many who were lost together do not come back at once.
 * @param failures how often it was waited before, from 0
 */
export function waitAsAsked(asked: AskedWait, leftMs: number, failures: number, budget: RetryBudget): ApplicationFailure {
  const askedMs = Math.min(asked.forMs, budget.retryAfterMaxMs);
  const addedMs = waitMs({ kind: 'back_off', failures, retryAfterMs: askedMs }, budget, Math.random()) - askedMs;
  return tryAgain({ type: failureTypes.bank, message: 'the bank asked for more time', delayMs: Math.ceil(leftMs) + addedMs });
}

/** The same where Temporal's own retry policy says when, unless the bank says so itself. */
export function askBankAgain(what: string, answer: BankAnswer): ApplicationFailure {
  const nextRetryDelay = answer.retryAfterMs === null ? {} : { nextRetryDelay: answer.retryAfterMs };
  return ApplicationFailure.create({ type: failureTypes.bank, message: `${what}: ${inWords(answer)}`, ...nextRetryDelay });
}

/** Has the caller told again after `delayMs`; the last try's details are what is recorded where there is no time left for another one. */
export function tellAgain({
  lastTry,
  ...again
}: Pick<TryAgain, 'message' | 'delayMs'> & { readonly lastTry: LastTry }): ApplicationFailure {
  const failure = tryAgain({ type: failureTypes.webhook, ...again });
  Object.assign(retryDetailsIn(failure.details?.[0]), lastTry);
  return failure;
}

/** The time of an execution was up before the audit log had answered. */
export class RecordingOverdueError extends Error {
  override readonly name = 'RecordingOverdueError';
}

interface FailedExecution {
  readonly activityAttempt: number;
  /** What the next try is still to record. */
  unrecorded(): RetryDetails['unrecorded'];
}

/** Makes whatever an activity's body threw fit for Temporal; messages of unforeseen errors stay out, for they may quote values. */
export function asFailure(error: unknown, execution: FailedExecution, budget: RetryBudget): ApplicationFailure | CancelledFailure {
  if (error instanceof CancelledFailure) return error;
  if (error instanceof AuditConflictError) {
    return ApplicationFailure.create({ type: failureTypes.auditConflict, message: error.message, nonRetryable: true });
  }
  if (error instanceof UnknownInstitutionError) {
    const unknown = { type: failureTypes.unknownInstitution, message: error.message, delayMs: budget.maxIntervalMs };
    return carrying(tryAgain(unknown), execution.unrecorded());
  }
  if (error instanceof ApplicationFailure) return carrying(error, execution.unrecorded());
  const wait: Wait = { kind: 'back_off', failures: execution.activityAttempt - 1, retryAfterMs: null };
  return carrying(tryAgain({ ...unforeseen(error), delayMs: waitMs(wait, budget, Math.random()) }), execution.unrecorded());
}

/** The same for an activity that belongs to no unlock request: its own retry policy says when it is tried again. */
export function asReconcilerFailure(error: unknown): ApplicationFailure | CancelledFailure {
  if (error instanceof ApplicationFailure || error instanceof CancelledFailure) return error;
  const { type, message } = unforeseen(error);
  return ApplicationFailure.create({ type, message });
}

/** True where the seal cannot go on before a person has looked: no further try mends it. */
export function isSealBroken(error: unknown): error is Error {
  return error instanceof SealBrokenError || error instanceof PublicationConflictError || error instanceof NoteError;
}

/** The same for the sealer. */
export function asSealFailure(error: unknown): ApplicationFailure | CancelledFailure {
  if (isSealBroken(error)) return ApplicationFailure.create({ type: failureTypes.sealBroken, message: error.message, nonRetryable: true });
  return asReconcilerFailure(error);
}

/** True for what `tryAgain` made. */
export function isAskingForAnotherTry(error: unknown): boolean {
  return error instanceof ApplicationFailure && error.nonRetryable !== true;
}

function unforeseen(error: unknown): Pick<TryAgain, 'type' | 'message' | 'isExpected'> {
  if (error instanceof AuditRefusedError) return { type: failureTypes.attemptInFlight, message: `not recorded: ${error.message}` };
  if (isDatabaseUnavailable(error) || error instanceof RecordingOverdueError) {
    return { type: failureTypes.auditUnavailable, message: `the audit log cannot be reached${stateInWords(error)}` };
  }
  if (sqlStateOf(error) !== null) {
    return {
      type: failureTypes.auditRefused,
      message: `the audit log refuses what this step needs${stateInWords(error)}`,
      isExpected: false,
    };
  }
  const name = error instanceof Error ? error.name : typeof error;
  return { type: failureTypes.fault, message: `Latchkey could not do or record this step (${name})`, isExpected: false };
}

function stateInWords(error: unknown): string {
  const state = sqlStateOf(error);
  return state === null ? '' : ` (SQLSTATE ${state})`;
}

/** The failure, with what is still to be recorded for whoever tries next. */
function carrying(failure: ApplicationFailure, unrecorded: RetryDetails['unrecorded']): ApplicationFailure {
  Object.assign(retryDetailsIn(failure.details?.[0]), { unrecorded });
  return failure;
}

/** What a failure's details or a heartbeat carry of ours. */
export function retryDetailsIn(details: unknown): Partial<RetryDetails> {
  return typeof details === 'object' && details !== null ? details : {};
}

function inWords(answer: BankAnswer): string {
  if (answer.httpStatus === null) return answer.reason ?? 'no answer';
  return `the bank answered ${answer.httpStatus}${answer.code === null ? '' : ` ${answer.code}`}${answer.reason === null ? '' : `, ${answer.reason}`}`;
}

function clockTime(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(11, 19)} UTC`;
}
