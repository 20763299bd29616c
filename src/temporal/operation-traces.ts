import proto from '@temporalio/proto';
import type { OperationTrace, OutOfBandOperation } from '../domain/out-of-band.js';

type HistoryEvent = proto.temporal.api.history.v1.IHistoryEvent;
type PendingActivity = proto.temporal.api.workflow.v1.IPendingActivityInfo;
type Timestamp = proto.google.protobuf.ITimestamp;

const { WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW } = proto.temporal.api.enums.v1.WorkflowTaskFailedCause;

interface Told {
  readonly operation: OutOfBandOperation;
  readonly identity?: string | null;
  readonly reason?: string | null | undefined;
  readonly updateId?: string | null;
}

/** What the history of one run tells of those who did something to it, oldest first. */
export function operationsIn(events: readonly HistoryEvent[], runId: string): OperationTrace[] {
  return events.flatMap((event) => {
    const told = toldBy(event);
    if (told === null) return [];
    const { operation, identity, reason, updateId } = told;
    const at = timeOf(event.eventTime);
    const key = `${runId}/${String(event.eventId)}`;
    return [{ operation, key, at, runId, identity: orNull(identity), reason: orNull(reason), ...(updateId != null && { updateId }) }];
  });
}

/** Who paused what of a run. */
export function pausesIn(pending: readonly PendingActivity[], runId: string): OperationTrace[] {
  return pending.flatMap(({ activityId, pauseInfo }) => {
    if (pauseInfo === null || pauseInfo === undefined) return [];
    const at = timeOf(pauseInfo.pauseTime);
    const { identity, reason } = pauseInfo.manual ?? { identity: pauseInfo.rule?.identity, reason: pauseInfo.rule?.reason };
    return [
      {
        operation: 'pause_activity' as const,
        key: `${runId}/${activityId ?? ''}/${at}`,
        at,
        runId,
        identity: orNull(identity),
        reason: orNull(reason),
      },
    ];
  });
}

function toldBy(event: HistoryEvent): Told | null {
  const {
    workflowExecutionTerminatedEventAttributes: terminated,
    workflowExecutionCancelRequestedEventAttributes: cancelRequested,
    workflowExecutionSignaledEventAttributes: signaled,
    workflowExecutionUpdateAcceptedEventAttributes: updated,
    workflowExecutionOptionsUpdatedEventAttributes: optionsUpdated,
    workflowTaskFailedEventAttributes: taskFailed,
  } = event;
  if (terminated) return { operation: 'terminate', identity: terminated.identity ?? null, reason: terminated.reason };
  if (cancelRequested) return { operation: 'cancel', identity: cancelRequested.identity ?? null, reason: cancelRequested.cause };
  if (signaled) return { operation: 'signal', identity: signaled.identity ?? null, reason: signaled.signalName };
  if (updated) {
    const { meta, input } = updated.acceptedRequest ?? {};
    return { operation: 'update', identity: meta?.identity ?? null, reason: input?.name, updateId: meta?.updateId ?? null };
  }
  if (optionsUpdated) return { operation: 'change_options' };
  if (taskFailed?.cause === WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW) {
    return { operation: 'reset', identity: taskFailed.identity ?? null, reason: taskFailed.failure?.message };
  }
  return null;
}

function timeOf(time: Timestamp | null | undefined): string {
  return new Date(Number(time?.seconds ?? 0) * 1_000 + Math.floor((time?.nanos ?? 0) / 1e6)).toISOString();
}

function orNull(text: string | null | undefined): string | null {
  return text === undefined || text === '' ? null : text;
}
