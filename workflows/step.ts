import {
  ActivityCancellationType,
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  isCancellation,
  proxyActivities,
  proxyLocalActivities,
  setCurrentDetails,
  TimeoutFailure,
} from '@temporalio/workflow';
import type { Activities, Turn } from '../activities/contract.js';
import type { RetryBudget } from '../src/domain/unlock-request.js';

/** Why a step came to no report: somebody asked to cancel, or the deadline passed while it was being retried. */
export type GivenUp = { readonly kind: 'cancelled' | 'failed' };

export interface Step<Report> {
  /** In words for operators; names the activity in the Temporal UI. */
  readonly summary: string;
  readonly budget: RetryBudget;
  /** Milliseconds since the epoch; null: the step is retried until it succeeds, and cancellation does not end it. */
  readonly deadlineMs: number | null;
  /** The workflow's own scope: it alone hears a request to cancel. */
  readonly root: CancellationScope;
  readonly run: (activities: Activities, turn: Turn) => Promise<Report>;
}

const HEARTBEAT_TIMEOUT = '5 seconds';
const FIRST_TRY: Turn = { notBefore: null, because: null };

/**
 * One step at two speeds: first as a local activity within the workflow task at hand; if that fails and may be tried again,
 * as a regular activity under Temporal's retry policy, where an operator sees it and can pause, reset or hurry it.
 * @throws what may not be tried again: a contradiction in the audit log, or a fault of our own code
 */
export async function runStep<Report>(step: Step<Report>): Promise<Report | GivenUp> {
  const { summary, budget, deadlineMs, root } = step;
  const local = proxyLocalActivities<Activities>({
    startToCloseTimeout: budget.activityTimeoutMs,
    retry: { maximumAttempts: 1 },
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    summary,
  });
  let turn: Turn;
  try {
    return await step.run(local, FIRST_TRY);
  } catch (error) {
    turn = nextTurn(error);
  }

  if (deadlineMs !== null) {
    if (root.consideredCancelled) return { kind: 'cancelled' };
    if (deadlineMs <= Date.now()) return { kind: 'failed' };
  }
  setCurrentDetails(`${summary}: ${turn.because ?? 'no answer'}. It goes on under Temporal's retry policy.`);
  const regular = proxyActivities<Activities>({
    startToCloseTimeout: budget.activityTimeoutMs,
    ...(deadlineMs === null ? {} : { scheduleToCloseTimeout: Math.max(1, deadlineMs - Date.now()) }),
    heartbeatTimeout: HEARTBEAT_TIMEOUT,
    retry: { initialInterval: budget.initialIntervalMs, backoffCoefficient: 2, maximumInterval: budget.maxIntervalMs },
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    summary,
  });
  if (deadlineMs === null) return step.run(regular, turn);
  try {
    return await new CancellationScope().run(async () => {
      const scope = CancellationScope.current();
      root.cancelRequested.catch(() => scope.cancel());
      return step.run(regular, turn);
    });
  } catch (error) {
    nextTurn(error);
    // A retryable failure that follows a request to cancel is not retried: it arrives as a failure.
    return { kind: root.consideredCancelled ? 'cancelled' : 'failed' };
  }
}

/**
 * What a failed try says of the next one.
 * @throws the failure itself, where there must be no next one
 */
function nextTurn(error: unknown): Turn {
  if (isCancellation(error)) return { notBefore: null, because: 'cancelled' };
  // A local activity's failure arrives bare, a regular one's wrapped.
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (cause instanceof TimeoutFailure) return { notBefore: null, because: cause.message };
  if (!(cause instanceof ApplicationFailure) || cause.nonRetryable === true) throw error;
  return { notBefore: notBeforeIn(cause.details?.[0]), because: cause.message };
}

/** `RetryDetails`, if the failure carries them. */
function notBeforeIn(details: unknown): number | null {
  const carried = typeof details === 'object' && details !== null && 'notBefore' in details ? details.notBefore : null;
  return typeof carried === 'number' ? carried : null;
}
