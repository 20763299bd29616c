import { log } from '@temporalio/activity';
import type { AuditLog } from '../src/audit/audit-log.js';
import type { AuditAction, AuditEvent } from '../src/domain/audit-event.js';
import type { Observer } from '../src/domain/observer.js';
import type { OperationTrace, OutOfBandOperation } from '../src/domain/out-of-band.js';
import { RECONCILER, subjectOnRecord } from '../src/domain/reconciliation.js';
import { unlockWorkflowId } from '../src/domain/unlock-request.js';
import type { Executions } from './contract.js';
import type { Execution } from './execution.js';
import { createRecorder, type Recorder } from './recorder.js';

/** The clocks of Temporal and of the database may differ by so much. */
const CLOCKS_DIFFER_MS = 10_000;

/** What the front door does under the same name, after its own row. */
const recordedFirst: Partial<Record<OutOfBandOperation, AuditAction>> = {
  cancel: 'customer.unlock.cancel_requested',
  pause_activity: 'customer.unlock.paused',
};

/** Puts on record, once each, what was done to a request's workflow directly in Temporal: what the front door did stands there already. */
export async function tellOutOfBand(
  { observer }: { readonly observer: Observer },
  { operations, events, recorder }: { operations: readonly OperationTrace[]; events: readonly AuditEvent[]; recorder: Recorder },
): Promise<void> {
  for (const trace of operations) {
    if (isOurs(trace, events) || !(await recorder.outOfBand(trace))) continue;
    observer.operatedOutOfBand(trace.operation);
    log.warn('an unlock was steered directly in Temporal', { operation: trace.operation, runId: trace.runId, at: trace.at });
  }
}

/** Tells of pauses while they last: a history says nothing of them. */
export async function tellPauses(
  parts: { readonly audit: AuditLog; readonly executions: Executions; readonly observer: Observer },
  execution: Execution,
): Promise<void> {
  for (const { correlationId, operations } of await parts.executions.listPaused()) {
    if (execution.calledOff()) return;
    const institutionId = await parts.audit.holderOf(correlationId);
    if (institutionId === null) continue;
    const { events } = await parts.audit.eventsOf(correlationId, institutionId);
    const subject = subjectOnRecord(events);
    if (subject === null) continue;
    const recorder = createRecorder(parts.audit, subject, {
      id: execution.id,
      workflowId: unlockWorkflowId(correlationId),
      runId: null,
      activityAttempt: execution.activityAttempt,
      recordedBy: RECONCILER,
    });
    await tellOutOfBand(parts, { operations, events, recorder });
  }
}

function isOurs({ operation, at }: OperationTrace, events: readonly AuditEvent[]): boolean {
  const action = recordedFirst[operation];
  return events.some((event) => event.action === action && event.recordedAt.getTime() <= Date.parse(at) + CLOCKS_DIFFER_MS);
}
