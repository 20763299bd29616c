import {
  ActivityCancellationType,
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  isCancellation,
  patched,
  proxyActivities,
  proxyLocalActivities,
  setCurrentDetails,
  sleep,
  TimeoutFailure,
} from '@temporalio/workflow';
import type { Activities, RetryDetails, Turn, UnrecordedAnswer } from '../activities/contract.js';
import type { RetryBudget } from '../src/domain/unlock-request.js';

/** Why a step came to no report: somebody asked to cancel, or the deadline passed while it was being retried. */
export interface GivenUp {
  readonly kind: 'cancelled' | 'failed';
  /** What could not be put on record: for whoever records the outcome. */
  readonly unrecorded: UnrecordedAnswer | null;
}

export interface Step<Report> {
  /** In words for operators; names the activity in the Temporal UI. */
  readonly summary: string;
  readonly budget: RetryBudget;
  /** Milliseconds since the epoch; null: the step is retried until it succeeds, and cancellation does not end it. */
  readonly deadlineMs: number | null;
  /** The workflow's own scope: it alone hears a request to cancel. */
  readonly root: CancellationScope;
  /** A task queue of its own, which hands out no more than a rate: there is no local try then, which Temporal could not count. */
  readonly queue?: string | null;
  readonly run: (activities: Activities, turn: Turn) => Promise<Report>;
}

const HEARTBEAT_TIMEOUT = '5 seconds';
const FIRST_TRY: Turn = { notBefore: null, because: null, unrecorded: null };

/**
 * One step at two speeds: first as a local activity within the workflow task at hand; if that fails and may be tried again,
 * as a regular activity under Temporal's retry policy, where an operator sees it and can pause, reset or hurry it.
 * With a queue of its own it is a regular activity from the start.
 * @throws what may not be tried again: a contradiction in the audit log, or a fault of our own code
 */
export async function runStep<Report>(step: Step<Report>): Promise<Report | GivenUp> {
  const { summary, budget, deadlineMs, root } = step;
  const queue = step.queue ?? null;
  const local = proxyLocalActivities<Activities>({
    startToCloseTimeout: budget.activityTimeoutMs,
    retry: { maximumAttempts: 1 },
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    summary,
  });
  let turn = FIRST_TRY;
  if (queue === null) {
    try {
      return await step.run(local, FIRST_TRY);
    } catch (error) {
      turn = nextTurn(error);
    }
  }

  if (deadlineMs !== null) {
    const { unrecorded = null } = turn;
    if (root.consideredCancelled) return { kind: 'cancelled', unrecorded };
    if (deadlineMs <= Date.now()) return { kind: 'failed', unrecorded };
  }
  if (queue === null) setCurrentDetails(`${summary}: ${turn.because ?? 'no answer'}. It goes on under Temporal's retry policy.`);
  const regular = proxyActivities<Activities>({
    ...(queue === null ? {} : { taskQueue: queue }),
    startToCloseTimeout: budget.activityTimeoutMs,
    ...(deadlineMs === null ? {} : { scheduleToCloseTimeout: Math.max(1, deadlineMs - Date.now()) }),
    heartbeatTimeout: HEARTBEAT_TIMEOUT,
    retry: { initialInterval: budget.initialIntervalMs, backoffCoefficient: 2, maximumInterval: budget.maxIntervalMs },
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    summary,
  });
  if (deadlineMs === null) return step.run(regular, turn);
  const scope = new CancellationScope();
  root.cancelRequested.catch(() => scope.cancel());
  const work = scope.run(async () => step.run(regular, turn));
  let unrecorded = turn.unrecorded ?? null;
  let ranOut = false;
  try {
    if (!patched('a-paused-step-ends-after-the-deadline')) return await work;
    const ended = await untilOverdue(work, deadlineMs + budget.activityTimeoutMs);
    if (ended !== null) return ended.report;
    scope.cancel();
  } catch (error) {
    unrecorded = nextTurn(error).unrecorded ?? unrecorded;
    ranOut = isOverdue(error);
  }
  // A retryable failure that follows a request to cancel is not retried: it arrives as a failure. One that came after the deadline changes nothing.
  return { kind: root.consideredCancelled && !ranOut ? 'cancelled' : 'failed', unrecorded };
}

/**
 * Waits for a step until even an execution that began just before the deadline must have ended: none of Temporal's own time-outs
 * ends a step that is paused.
 * @returns null where the time was up
 * @throws what the step throws
 */
async function untilOverdue<Report>(work: Promise<Report>, endMs: number): Promise<{ report: Report } | null> {
  const alarm = new CancellationScope();
  const overdue = alarm
    .run(() => sleep(Math.max(1, endMs - Date.now()), { summary: 'Until the step is given up, should it still be there' }))
    .then(
      () => null,
      () => null,
    );
  // A step that ends after that is of no interest.
  work.catch(() => undefined);
  try {
    return await Promise.race([work.then((report) => ({ report })), overdue]);
  } finally {
    alarm.cancel();
  }
}

/** True where Temporal ended a regular activity because its deadline had passed, or would have before the next try. */
function isOverdue(error: unknown): boolean {
  if (!(error instanceof ActivityFailure)) return false;
  return error.retryState === 'TIMEOUT' || (error.cause instanceof TimeoutFailure && error.cause.timeoutType === 'SCHEDULE_TO_CLOSE');
}

/**
 * What a failed try says of the next one.
 * @throws the failure itself, where there must be no next one
 */
function nextTurn(error: unknown): Turn {
  if (isCancellation(error)) return { notBefore: null, because: 'cancelled' };
  // A local activity's failure arrives bare, a regular one's wrapped.
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (cause instanceof TimeoutFailure) {
    return { notBefore: null, because: cause.message, unrecorded: carriedBy(cause.lastHeartbeatDetails).unrecorded ?? null };
  }
  if (!(cause instanceof ApplicationFailure) || cause.nonRetryable === true) throw error;
  const { notBefore = null, unrecorded = null } = carriedBy(cause.details?.[0]);
  return { notBefore, because: cause.message, unrecorded };
}

/** What a failure's details or a heartbeat carry of ours; a failure of other origin carries nothing. */
function carriedBy(details: unknown): Partial<RetryDetails> {
  return typeof details === 'object' && details !== null ? details : {};
}
