import type { AuditLog } from '../src/audit/audit-log.js';
import { AuditConflictError } from '../src/audit/audit-log.js';
import { auditEventId } from '../src/audit/event-id.js';
import type { AttemptResult } from '../src/domain/attempt.js';
import { recordableMessage, type AuditAction, type JsonObject, type NewAuditEvent } from '../src/domain/audit-event.js';
import type { BankAnswer } from '../src/domain/bank-answer.js';
import { diagnose } from '../src/domain/diagnosis.js';
import { flagsAsJson } from '../src/domain/lock-status.js';
import type { NotificationEnd } from '../src/domain/notification.js';
import type { ReconcilerFinding } from '../src/domain/observer.js';
import { driftAsJson } from '../src/domain/bank-drift.js';
import type { OperationTrace } from '../src/domain/out-of-band.js';
import type { RepeatGuard } from '../src/domain/repeat-guard.js';
import type { RECONCILER } from '../src/domain/reconciliation.js';
import { unlockRecord, type UnlockRecord } from '../src/domain/unlock-record.js';
import type { UnlockRequest, UnlockSubject } from '../src/domain/unlock-request.js';
import type { StatusReading } from '../src/upstream/index.js';
import type { Execution } from './execution.js';

/** On whose behalf rows are written. */
export interface Writer extends Pick<Execution, 'id' | 'workflowId' | 'activityAttempt'> {
  /** Null where the workflow is gone and no row names its run. */
  readonly runId: string | null;
  /** Stands in the rows' metadata where it was not the request's own workflow. */
  readonly recordedBy?: typeof RECONCILER;
}

/** Writes and reads the audit rows of one unlock request, for one execution. */
export interface Recorder {
  /** @returns false where the request was on record already, or nothing but its subject is known */
  requested(): Promise<boolean>;
  /**
   * @param afterAttempt the attempt that it follows, 0 before the first: one execution reads once after each
   * @param purpose `settling`: the read was to tell how the request ended
   */
  statusChecked(reading: StatusReading, afterAttempt: number, purpose?: { readonly settling: true }): Promise<void>;
  /** Records that a second person must approve. */
  approvalRequired(about: { readonly unlocks: number; readonly guard: RepeatGuard; readonly expiresAt: Date }): Promise<void>;
  /**
   * Records the bank's answer to an attempt; where the attempt was closed meanwhile, as a late answer.
   * @param answeredAt when it came; now, by default
   * @returns false where it came late
   */
  attemptFinished(attempt: number, result: AttemptResult, answer: BankAnswer, answeredAt?: Date): Promise<boolean>;
  /** Closes an attempt of which nobody will bring the answer any more. */
  attemptLost(attempt: number): Promise<void>;
  /** @returns false where another execution has settled the request: what stands, stands */
  completed(ending: Pick<NewAuditEvent, 'outcome' | 'verification' | 'lockStatus' | 'metadata'>): Promise<boolean>;
  /**
   * Records what the reconciler found, and did about it; once for each finding, and attempt where it is about one.
   * @returns false where it was on record already
   */
  reconciled(finding: ReconcilerFinding, attempt: number | null, metadata: JsonObject): Promise<boolean>;
  /**
   * Records what was found some time after the unlock.
   * @returns false where it was on record already
   */
  relockChecked(reading: StatusReading, afterMs: number): Promise<boolean>;
  /**
   * Records how telling the request's caller ended.
   * @returns false where it was on record already
   */
  notified(webhookId: string, end: NotificationEnd): Promise<boolean>;
  /**
   * Records what somebody did directly in Temporal; once for each operation.
   * @returns false where it was on record already
   */
  outOfBand(trace: OperationTrace): Promise<boolean>;
  read(): Promise<{ readonly record: UnlockRecord; readonly readAt: Date }>;
}

/** @param request the subject alone where nothing else of it is known */
export function createRecorder(audit: AuditLog, request: UnlockRequest | UnlockSubject, writer: Writer): Recorder {
  const { correlationId, institutionId, customerId } = request;
  const mark = writer.recordedBy === undefined ? {} : { recordedBy: writer.recordedBy };

  function write(action: AuditAction, key: string | number, { metadata, ...columns }: Partial<NewAuditEvent>) {
    return audit.append({
      id: auditEventId(writer.workflowId, action, key),
      occurredAt: new Date(),
      action,
      correlationId,
      institutionId,
      customerId,
      workflowId: writer.workflowId,
      runId: writer.runId,
      activityAttempt: writer.activityAttempt,
      metadata: { ...metadata, ...mark },
      ...columns,
    });
  }

  return {
    async requested() {
      if (!('actor' in request)) return false;
      const { actor } = request;
      const written = await write('customer.unlock.requested', 'once', {
        occurredAt: new Date(request.requestedAt),
        actorType: actor.type,
        actorId: actor.id,
        actorName: actor.name,
        onBehalfOf: actor.onBehalfOf,
        reason: request.reason,
        reasonCode: request.reasonCode,
        ticket: request.ticket,
        source: { ...request.source },
        metadata: {
          clientId: actor.clientId,
          ...(actor.onBehalfOf === null ? {} : { onBehalfOfAsserted: true }),
          deadlineAt: request.budget.deadlineAt,
          ...(request.notifyCaller === true ? { notifyCaller: true } : {}),
        },
      });
      return written === 'written';
    },
    async statusChecked(reading, afterAttempt, purpose) {
      const { metadata, ...columns } = readingColumns(reading);
      await write('customer.unlock.status_checked', `${writer.id}/${afterAttempt}`, {
        ...columns,
        metadata: { ...metadata, afterAttempt, ...purpose },
      });
    },
    async approvalRequired({ unlocks, guard: { maxUnlocks, windowMs }, expiresAt }) {
      const metadata = { unlocks, maxUnlocks, windowMs, expiresAt: expiresAt.toISOString() };
      await write('customer.unlock.approval_required', 'once', { metadata });
    },
    async attemptFinished(attempt, result, answer, answeredAt = new Date()) {
      const columns = { occurredAt: answeredAt, attempt, result, ...answerColumns(answer) };
      try {
        await write('customer.unlock.attempt_finished', attempt, columns);
        return true;
      } catch (error) {
        if (!(error instanceof AuditConflictError)) throw error;
        await write('customer.unlock.late_answer', attempt, columns);
        return false;
      }
    },
    async attemptLost(attempt) {
      try {
        await write('customer.unlock.attempt_finished', attempt, {
          attempt,
          result: 'unknown',
          metadata: { meaning: 'no_answer', reason: 'no answer was recorded: the worker stopped' },
        });
      } catch (error) {
        // Its answer was recorded in the meantime, which is better than none.
        if (!(error instanceof AuditConflictError)) throw error;
      }
    },
    async completed(ending) {
      try {
        await write('customer.unlock.completed', 'once', ending);
        return true;
      } catch (error) {
        if (!(error instanceof AuditConflictError)) throw error;
        return false;
      }
    },
    async reconciled(finding, attempt, about) {
      const key = attempt === null ? finding : `${finding}/${attempt}`;
      return (await write('customer.unlock.reconciled', key, { attempt, metadata: { finding, ...about } })) === 'written';
    },
    async relockChecked(reading, afterMs) {
      const { metadata, ...columns } = readingColumns(reading);
      return (await write('customer.unlock.relock_checked', 'once', { ...columns, metadata: { ...metadata, afterMs } })) === 'written';
    },
    async notified(webhookId, { result, tries, httpStatus, host }) {
      // The column for a status is the bank's.
      const metadata = { delivered: result === 'delivered', result, tries, httpStatus, webhookId, host };
      return (await write('customer.unlock.notified', 'once', { id: webhookId, metadata })) === 'written';
    },
    async outOfBand({ operation, key, at, runId, identity, reason }) {
      // No column names who it was: nobody has verified it.
      const told = { operation, identity: recordableMessage(identity), reason: recordableMessage(reason) };
      return (await write('operator.out_of_band', key, { occurredAt: new Date(at), runId, metadata: told })) === 'written';
    },
    async read() {
      const { events, readAt } = await audit.eventsOf(correlationId, institutionId);
      const record = unlockRecord(events);
      if (record.requested !== null && (record.requested.customerId !== customerId || record.requested.institutionId !== institutionId)) {
        throw new AuditConflictError('this correlationId is on record for another customer');
      }
      return { record, readAt };
    },
  };
}

function answerColumns(answer: BankAnswer): Partial<NewAuditEvent> {
  return {
    httpStatus: answer.httpStatus,
    upstreamCode: answer.code,
    upstreamMessage: answer.message,
    durationMs: answer.durationMs,
    metadata: {
      meaning: answer.meaning,
      ...(answer.reason === null ? {} : { reason: answer.reason }),
      ...(answer.retryAfterMs === null ? {} : { retryAfterMs: answer.retryAfterMs }),
      ...driftAsJson(answer.drift),
    },
  };
}

function readingColumns(reading: StatusReading): Partial<NewAuditEvent> {
  if (reading.kind === 'unread') return { lockStatus: 'unknown', ...answerColumns(reading.answer) };
  const { lockStatus, httpStatus, durationMs, flags, drift } = reading;
  const metadata = { flags: flagsAsJson(flags), diagnosis: diagnose(flags), ...driftAsJson(drift) };
  return { lockStatus, httpStatus, durationMs, metadata };
}
