import type { WorkflowHandle } from '@temporalio/client';
import proto from '@temporalio/proto';
import type { PendingStep } from './unlock-executions.js';

type PendingActivities = Awaited<ReturnType<WorkflowHandle['describe']>>['raw']['pendingActivities'];
type PendingActivity = NonNullable<PendingActivities>[number];

const { PendingActivityState } = proto.temporal.api.enums.v1;

/** The one step that Temporal carries for an unlock; null while it runs within a workflow task, or between steps. */
export function pendingStep(pending: PendingActivities): PendingStep | null {
  // One that was given up at the deadline may stand there beside the step that followed it.
  const activity = pending?.find(({ state }) => state !== PendingActivityState.PENDING_ACTIVITY_STATE_CANCEL_REQUESTED) ?? pending?.[0];
  if (activity === undefined) return null;
  const paused = activity.paused === true;
  // Temporal goes on to name the time that was set before the pause.
  const nextAttemptAt = paused ? null : timeOf(activity.nextAttemptScheduleTime);
  return {
    activityId: activity.activityId ?? '',
    isSettling: activity.activityType?.name === 'recordOutcome',
    state: stateOf(activity),
    paused,
    nextAttemptAt,
  };
}

function stateOf({ state, nextAttemptScheduleTime }: PendingActivity): PendingStep['state'] {
  switch (state) {
    case PendingActivityState.PENDING_ACTIVITY_STATE_CANCEL_REQUESTED:
      return 'cancelling';
    case PendingActivityState.PENDING_ACTIVITY_STATE_STARTED:
    case PendingActivityState.PENDING_ACTIVITY_STATE_PAUSE_REQUESTED:
      return 'running';
    default:
      return timeOf(nextAttemptScheduleTime) === null ? 'due' : 'waiting';
  }
}

function timeOf(time: PendingActivity['nextAttemptScheduleTime']): Date | null {
  return time === null || time === undefined ? null : new Date(Number(time.seconds ?? 0) * 1000 + Math.floor((time.nanos ?? 0) / 1e6));
}
