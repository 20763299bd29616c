import { log } from '@temporalio/activity';
import { AuditConflictError, type AuditLog } from '../src/audit/audit-log.js';
import type { AuditEvent, JsonObject } from '../src/domain/audit-event.js';
import type { Observer, ReconcilerFinding } from '../src/domain/observer.js';
import { operatorCancelled, proposalFromRecord } from '../src/domain/proposal.js';
import { mendedIn, RECONCILER, sameSubject, subjectOnRecord } from '../src/domain/reconciliation.js';
import { unlockRecord, type UnlockRecord } from '../src/domain/unlock-record.js';
import { unlockWorkflowId, type UnlockSubject } from '../src/domain/unlock-request.js';
import type { Upstream } from '../src/upstream/index.js';
import type { Executions, ExecutionState } from './contract.js';
import type { Execution } from './execution.js';
import { closeOpenAttempts } from './in-flight.js';
import { tellOutOfBand } from './out-of-band.js';
import { seesThatCallerIsTold } from './record-notified.js';
import { createRecorder, type Recorder } from './recorder.js';
import { settleRequest } from './settlement.js';

/** When the reconciler touches what it finds; all in milliseconds. */
export interface ReconcilerSettings {
  /** How long ago a workflow must have closed, or a request whose workflow is gone must have had its deadline. */
  readonly afterMs: number;
  /** How long ago a request must have begun before its missing end is looked into: longer than its deadline. */
  readonly openAfterMs: number;
  /** How long a status that an outcome rests on is asked for in vain before the request ends as `unavailable`. */
  readonly unavailableAfterMs: number;
}

export interface ReconcilerParts {
  readonly upstream: Upstream;
  readonly audit: AuditLog;
  readonly executions: Executions;
  readonly observer: Observer;
  readonly reconciler: ReconcilerSettings;
}

interface Case {
  readonly correlationId: string;
  readonly state: ExecutionState;
  readonly events: readonly AuditEvent[];
  readonly subject: UnlockSubject;
  readonly recorder: Recorder;
}

/** `again`: to be looked into another time; `beyond_mending` where a person must look. */
type Mending = { readonly kind: 'mended' | 'again' } | { readonly kind: 'beyond_mending'; readonly because: string };

/**
 * Ends a request whose workflow can no longer do it, and tells what was found; where both it and the audit log tell an end, compares them.
 * What stands on record is never contradicted by a second row.
 * @throws ApplicationFailure where an attempt may still be on its way
 */
export async function reconcileRequest(parts: ReconcilerParts, correlationId: string, execution: Execution): Promise<'done' | 'again'> {
  // In this order: whatever closed it had written its rows before.
  const state = await parts.executions.stateOf(correlationId);
  const request = state.kind === 'closed' ? state.request : null;
  const institutionId = request?.institutionId ?? (await parts.audit.holderOf(correlationId));
  if (institutionId === null) {
    report(parts, 'not_mended', { correlationId, because: 'nothing that can be read says whom it was for' });
    return 'done';
  }
  const { events, readAt } = await parts.audit.eventsOf(correlationId, institutionId);
  const record = unlockRecord(events);
  const open = record.completed === null;
  if (open && !isDue(state, events, readAt, parts.reconciler.afterMs)) return 'again';

  const onRecord = subjectOnRecord(events);
  const subject = onRecord ?? request;
  if (subject === null) {
    report(parts, 'not_mended', { correlationId, because: 'nothing that can be read says whom it was for' });
    return 'done';
  }
  // Before it is ended: what dies in between must not leave the caller untold.
  const isSeenTo = await seesThatCallerIsTold(parts, events, request, execution);
  const recorder = createRecorder(parts.audit, record.requested === null && request !== null ? request : subject, {
    id: execution.id,
    workflowId: unlockWorkflowId(correlationId),
    runId: state.kind === 'closed' ? state.runId : (events.find((row) => row.runId !== null)?.runId ?? null),
    activityAttempt: execution.activityAttempt,
    recordedBy: RECONCILER,
  });
  if (state.kind === 'closed') await tellOutOfBand(parts, { operations: state.operations, events, recorder });
  const found: Case = { correlationId, state, events, subject, recorder };
  if (open) {
    const differs = onRecord !== null && request !== null && !sameSubject(onRecord, request);
    const mending = differs ? beyondMending('rows and workflow name different customers') : await mend(parts, found);
    if (mending.kind === 'again') return 'again';
    if (mending.kind === 'beyond_mending') await tell(parts, found, 'not_mended', null, { because: mending.because });
  }
  await tellWhatWasFound(parts, found, open ? (await parts.audit.eventsOf(correlationId, institutionId)).events : events);
  return isSeenTo ? 'done' : 'again';
}

async function mend(parts: ReconcilerParts, found: Case): Promise<Mending> {
  try {
    return found.state.kind === 'closed' && found.state.closedAs === 'completed'
      ? await restore(parts, found, found.state)
      : await end(parts, found);
  } catch (error) {
    if (error instanceof AuditConflictError) return beyondMending(error.message);
    throw error;
  }
}

/** Ends the request with what the record bears out. */
async function end({ upstream, reconciler }: ReconcilerParts, { state, events, subject, recorder }: Case): Promise<Mending> {
  const closed = state.kind === 'closed' ? state : null;
  const cancelRequested = operatorCancelled(events) || closed?.cancelRequested === true;
  const maxAttempts = closed?.request?.budget.maxAttempts ?? null;
  const settling = await settleRequest({
    upstream,
    recorder,
    subject,
    propose: (record) => proposalFromRecord(record, { cancelRequested, maxAttempts }),
    mayAskAgain: (record) => askedInVainForMs(record) < reconciler.unavailableAfterMs,
  });
  if (settling.kind === 'settled') return { kind: 'mended' };
  // The first read in vain says since when; the others would fill the record.
  if (firstReadInVain(settling.record) === undefined) {
    await recorder.statusChecked(settling.reading, settling.record.attempts.at(-1)?.attempt ?? 0, { settling: true });
  }
  return { kind: 'again' };
}

/** Temporal tells how it ended, and the audit log has lost it: the workflow's result was copied from the row that is missing now. */
async function restore(
  { upstream }: ReconcilerParts,
  { recorder }: Case,
  { result }: ExecutionState & { readonly kind: 'closed' },
): Promise<Mending> {
  if (result === null) return beyondMending('the workflow has completed, and its result cannot be read');
  const { record, readAt } = await recorder.read();
  if (record.requested === null) await recorder.requested();
  await closeOpenAttempts(recorder, record.attempts, readAt, upstream.timeoutMs);
  const { outcome, verification } = result;
  const counts = { attempts: record.attempts.length, attemptsInTemporal: result.attempts };
  await recorder.completed({ outcome, verification, metadata: { ...counts, diagnosis: null } });
  return { kind: 'mended' };
}

async function tellWhatWasFound(parts: ReconcilerParts, found: Case, rows: readonly AuditEvent[]): Promise<void> {
  for (const { finding, attempt, outcome, verification } of mendedIn(rows)) {
    await tell(parts, found, finding, attempt, outcome === null ? {} : { outcome, verification });
  }
  const { completed, attempts } = unlockRecord(rows);
  const { state } = found;
  if (completed === null || state.kind !== 'closed' || state.closedAs !== 'completed') return;
  const told = state.result && { outcome: state.result.outcome, attempts: state.result.attempts };
  const stands = { outcome: completed.outcome, attempts: attempts.length };
  if (told?.outcome !== stands.outcome || told.attempts !== stands.attempts) {
    await tell(parts, found, 'disagreement', null, { told, stands });
  }
}

/** Once: what is on record as found is not told again. */
async function tell(
  parts: ReconcilerParts,
  { correlationId, state, recorder }: Case,
  finding: ReconcilerFinding,
  attempt: number | null,
  about: JsonObject,
): Promise<void> {
  const temporal = state.kind === 'closed' ? { state: state.closedAs, closedAt: state.closedAt } : { state: state.kind };
  const written = await recorder.reconciled(finding, attempt, { temporal, ...about });
  if (written) report(parts, finding, { correlationId, attempt, temporal, ...about });
}

function report({ observer }: ReconcilerParts, finding: ReconcilerFinding, about: JsonObject): void {
  observer.reconcilerFound(finding);
  log.warn('the reconciler found something', { finding, ...about });
}

/** Nothing that could still be under way is touched: a workflow that runs, or one that closed, or had its deadline, a moment ago. */
function isDue(state: ExecutionState, events: readonly AuditEvent[], readAt: Date, afterMs: number): boolean {
  if (state.kind === 'running') return false;
  if (state.kind === 'closed') return Date.parse(state.closedAt) + afterMs <= Date.now();
  const deadlines = events.map(({ metadata }) => (typeof metadata.deadlineAt === 'string' ? Date.parse(metadata.deadlineAt) : 0));
  const lastMs = Math.max(0, ...deadlines, ...events.map(({ recordedAt }) => recordedAt.getTime()));
  return lastMs + afterMs <= readAt.getTime();
}

function firstReadInVain({ attempts, statusChecks }: UnlockRecord): AuditEvent | undefined {
  const last = attempts.at(-1)?.attempt ?? 0;
  return statusChecks.find(
    ({ metadata }) => metadata.settling === true && metadata.recordedBy === RECONCILER && metadata.afterAttempt === last,
  );
}

function askedInVainForMs(record: UnlockRecord): number {
  const first = firstReadInVain(record);
  return first === undefined ? 0 : Date.now() - first.occurredAt.getTime();
}

function beyondMending(because: string): Mending {
  return { kind: 'beyond_mending', because };
}
