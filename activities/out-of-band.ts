import { log } from '@temporalio/activity';
import type { AuditLog } from '../src/audit/audit-log.js';
import type { AuditAction, AuditEvent } from '../src/domain/audit-event.js';
import type { Observer } from '../src/domain/observer.js';
import { FRONT_DOOR_IDENTITY, type OperationTrace, type OutOfBandOperation } from '../src/domain/out-of-band.js';
import { RECONCILER, subjectOnRecord } from '../src/domain/reconciliation.js';
import { unlockWorkflowId } from '../src/domain/unlock-request.js';
import type { Executions } from './contract.js';
import type { Execution } from './execution.js';
import { createRecorder, type Recorder } from './recorder.js';

/** The clocks of Temporal and of the database may differ by so much. */
const CLOCKS_DIFFER_MS = 10_000;
/** The front door tells Temporal as soon as its row is committed, and gives up soon after. */
const TOLD_WITHIN_MS = 60_000;

/** What the front door does under the same name, after its own row. */
const recordedFirst: Partial<Record<OutOfBandOperation, { readonly action: AuditAction; readonly identity?: string }>> = {
  cancel: { action: 'customer.unlock.cancel_requested' },
  pause_activity: { action: 'customer.unlock.paused', identity: FRONT_DOOR_IDENTITY },
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

/** Tells of pauses while they last: a history says nothing of them. What goes wrong with it must not keep requests from being ended. */
export async function tellPauses(parts: PauseParts, execution: Execution): Promise<void> {
  try {
    for (const paused of await parts.executions.listPaused()) {
      if (execution.calledOff()) return;
      await tellPausesOf(parts, paused, execution);
    }
  } catch (error) {
    log.warn('pauses could not be looked for', { because: error instanceof Error ? error.name : typeof error });
  }
}

interface PauseParts {
  readonly audit: AuditLog;
  readonly executions: Executions;
  readonly observer: Observer;
}

async function tellPausesOf(
  parts: PauseParts,
  { correlationId, operations }: Awaited<ReturnType<Executions['listPaused']>>[number],
  execution: Execution,
): Promise<void> {
  const institutionId = await parts.audit.holderOf(correlationId);
  if (institutionId === null) return;
  const { events } = await parts.audit.eventsOf(correlationId, institutionId);
  const subject = subjectOnRecord(events);
  if (subject === null) return;
  const recorder = createRecorder(parts.audit, subject, {
    id: execution.id,
    workflowId: unlockWorkflowId(correlationId),
    runId: null,
    activityAttempt: execution.activityAttempt,
    recordedBy: RECONCILER,
  });
  await tellOutOfBand(parts, { operations, events, recorder });
}

function isOurs({ operation, at, identity, updateId }: OperationTrace, events: readonly AuditEvent[]): boolean {
  // The front door names the decision's row; whoever else does tells the workflow what is on record.
  if (operation === 'update') return events.some(({ id }) => id === updateId);
  const ours = recordedFirst[operation];
  if (ours === undefined || (ours.identity !== undefined && ours.identity !== identity)) return false;
  const atMs = Date.parse(at);
  return events.some(({ action, recordedAt }) => {
    const beforeMs = atMs - recordedAt.getTime();
    return action === ours.action && beforeMs >= -CLOCKS_DIFFER_MS && beforeMs <= TOLD_WITHIN_MS;
  });
}
