import { ApplicationFailure, CancelledFailure } from '@temporalio/activity';
import { AuditConflictError } from '../src/audit/audit-log.js';
import { delayAfter } from '../src/domain/classification.js';
import { waitMs, type Wait } from '../src/domain/retry-after.js';
import type { RetryBudget } from '../src/domain/unlock-request.js';
import type { BankAnswer } from '../src/upstream/index.js';
import type { RetryDetails, Turn } from './contract.js';

/** The failure types that an operator sees in Temporal. */
export const failureTypes = {
  /** The wait that the fast phase left over; not a fault. */
  waiting: 'Waiting',
  bank: 'BankUnavailable',
  /** An attempt is open that another execution may still be sending. */
  attemptInFlight: 'AttemptInFlight',
  /** The audit table cannot be read or written, or something unforeseen happened. */
  house: 'LatchkeyUnavailable',
  /** Rows that stand contradict what was to be written; nobody should retry that. */
  auditConflict: 'AuditConflict',
} as const;

interface TryAgain {
  readonly type: (typeof failureTypes)[keyof typeof failureTypes];
  readonly message: string;
  readonly delayMs: number;
}

/** Ends an execution so that Temporal tries again after `delayMs`; expected, so it raises no alarm in the worker's log. */
export function tryAgain({ type, message, delayMs }: TryAgain): ApplicationFailure {
  const details: RetryDetails = { notBefore: Date.now() + delayMs };
  return ApplicationFailure.create({
    type,
    // A wait that is handed over says so already.
    message: delayMs < 1000 || type === failureTypes.waiting ? message : `${message}; next try at ${clockTime(details.notBefore)}`,
    category: 'BENIGN',
    // Zero would mean Temporal's own back-off.
    nextRetryDelay: Math.max(1, Math.round(delayMs)),
    details: [details],
  });
}

/** Hands the wait that the fast phase found necessary to Temporal's retry policy, where operators see and steer it. */
export function waitYourTurn(turn: Turn, dueInMs: number): ApplicationFailure {
  return tryAgain({ type: failureTypes.waiting, message: turn.because ?? 'waiting for the next try', delayMs: dueInMs });
}

/**
 * Waits as the bank's answer asks.
 * @param failures how often it was waited before, from 0
 */
export function tryBankAgain(what: string, answer: BankAnswer, failures: number, budget: RetryBudget): ApplicationFailure {
  const wait: Wait = { kind: delayAfter(answer.meaning) ?? 'back_off', failures, retryAfterMs: answer.retryAfterMs };
  return tryAgain({ type: failureTypes.bank, message: `${what}: ${inWords(answer)}`, delayMs: waitMs(wait, budget, Math.random()) });
}

/** Makes whatever an activity's body threw fit for Temporal; messages of unforeseen errors stay out, for they may quote values. */
export function asFailure(error: unknown, activityAttempt: number, budget: RetryBudget): Error {
  if (error instanceof ApplicationFailure || error instanceof CancelledFailure) return error;
  if (error instanceof AuditConflictError) {
    return ApplicationFailure.create({ type: failureTypes.auditConflict, message: error.message, nonRetryable: true });
  }
  const wait: Wait = { kind: 'back_off', failures: activityAttempt - 1, retryAfterMs: null };
  return tryAgain({
    type: failureTypes.house,
    message: `Latchkey could not do or record this step (${error instanceof Error ? error.name : typeof error})`,
    delayMs: waitMs(wait, budget, Math.random()),
  });
}

function inWords(answer: BankAnswer): string {
  if (answer.httpStatus === null) return answer.reason ?? 'no answer';
  return `the bank answered ${answer.httpStatus}${answer.code === null ? '' : ` ${answer.code}`}${answer.reason === null ? '' : `, ${answer.reason}`}`;
}

function clockTime(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(11, 19)} UTC`;
}
