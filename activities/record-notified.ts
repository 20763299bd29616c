import { log } from '@temporalio/activity';
import type { AuditLog } from '../src/audit/audit-log.js';
import { isToBeTold, notifyWorkflowId, type Notification, type NotificationEnd } from '../src/domain/notification.js';
import type { Observer } from '../src/domain/observer.js';
import { RECONCILER, subjectOnRecord } from '../src/domain/reconciliation.js';
import { unlockRecord } from '../src/domain/unlock-record.js';
import type { UnlockRequest } from '../src/domain/unlock-request.js';
import type { AuditEvent } from '../src/domain/audit-event.js';
import type { Executions } from './contract.js';
import { webhookId } from './deliver-webhook.js';
import type { Execution } from './execution.js';
import { tellOutOfBand } from './out-of-band.js';
import { createRecorder, type Recorder, type Writer } from './recorder.js';

interface Parts {
  readonly audit: AuditLog;
  readonly observer: Observer;
}

/** Puts on record, once, how telling a request's caller ended. */
export async function recordNotified(
  parts: Parts,
  { correlationId, institutionId }: Notification,
  end: NotificationEnd,
  execution: Execution,
): Promise<void> {
  const { events } = await parts.audit.eventsOf(correlationId, institutionId);
  const subject = subjectOnRecord(events);
  if (subject === null) throw new Error('nothing on record says whom this unlock request was for');
  await record(parts, createRecorder(parts.audit, subject, execution), correlationId, end);
}

async function record({ observer }: Parts, recorder: Recorder, correlationId: string, end: NotificationEnd): Promise<void> {
  if (!(await recorder.notified(webhookId(correlationId), end))) return;
  observer.callerTold(end.result);
  const { result, tries, httpStatus, host } = end;
  if (result !== 'delivered')
    log.warn('a caller could not be told how its request ended', { correlationId, result, tries, httpStatus, host });
}

interface TellingParts extends Parts {
  readonly executions: Executions;
}

/**
 * Sees to it that the caller of a request is told, whose own workflow could not see to it any more; where the workflow that told it was
 * ended by somebody, records that instead. What goes wrong with it must not keep the request from being ended.
 * @returns false where it is to be seen to another time
 * @param events all that is on record of the request
 * @param request as its workflow was given it; null where that cannot be read
 */
export async function seesThatCallerIsTold(
  parts: TellingParts,
  events: readonly AuditEvent[],
  request: UnlockRequest | null,
  execution: Pick<Execution, 'id' | 'activityAttempt'>,
): Promise<boolean> {
  try {
    await seeThatCallerIsTold(parts, events, request, execution);
    return true;
  } catch (error) {
    log.warn('it could not be seen to that a caller is told', { because: error instanceof Error ? error.name : typeof error });
    return false;
  }
}

async function seeThatCallerIsTold(
  parts: TellingParts,
  events: readonly AuditEvent[],
  request: UnlockRequest | null,
  execution: Pick<Execution, 'id' | 'activityAttempt'>,
): Promise<void> {
  const subject = subjectOnRecord(events) ?? request;
  const { requested } = unlockRecord(events);
  const isWished = requested === null ? request?.notifyCaller === true : isToBeTold(requested);
  if (subject === null || !isWished || events.some(({ action }) => action === 'customer.unlock.notified')) return;
  const { correlationId, institutionId } = subject;
  const state = await parts.executions.notifyCaller({ correlationId, institutionId });
  if (state.kind === 'running') return;
  const writer: Writer = {
    id: execution.id,
    workflowId: notifyWorkflowId(correlationId),
    runId: state.runId,
    activityAttempt: execution.activityAttempt,
    recordedBy: RECONCILER,
  };
  const recorder = createRecorder(parts.audit, subject, writer);
  await tellOutOfBand(parts, { operations: state.operations, events, recorder });
  await record(parts, recorder, correlationId, state.end ?? { result: 'stopped', tries: 0, httpStatus: null, host: null });
}
