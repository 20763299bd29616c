import { randomUUID } from 'node:crypto';
import type { AuditLog } from '../audit/audit-log.js';
import { auditEventId } from '../audit/event-id.js';
import { approvalState } from '../domain/approval.js';
import type { AuditEvent, JsonObject } from '../domain/audit-event.js';
import { operatorActions, type OperatorAction } from '../domain/operator-action.js';
import type { UnlockRecord } from '../domain/unlock-record.js';
import { unlockWorkflowId, type Actor, type RequestSource } from '../domain/unlock-request.js';
import type { PendingStep, UnlockExecution, UnlockExecutions } from '../temporal/unlock-executions.js';
import { fromAudit, fromTemporal } from './availability.js';
import { RETRY_AFTER_SECONDS } from './error-codes.js';
import { Problem } from './problem.js';
import { recordOf } from './record-of.js';
import type { UnlockView } from './representation.js';
import type { HttpLog } from './settings.js';
import type { UnlockDesk } from './unlock-desk.js';

interface OperatorDeskParts {
  readonly audit: AuditLog;
  readonly executions: UnlockExecutions;
  readonly desk: UnlockDesk;
  readonly log: HttpLog;
}

/** What somebody does to an unlock request, and why. */
export interface Act {
  readonly action: OperatorAction;
  readonly correlationId: string;
  readonly institutionId: string;
  readonly actor: Actor;
  readonly source: RequestSource;
  readonly reason: string;
  readonly ticket: string | null;
}

export interface OperatorDesk {
  /**
   * Records an operator's action, then has Temporal carry it out. An action that is sent again is another one.
   * @returns the request as it stands then
   * @throws Problem `not_found`; `request_has_ended` or `nothing_to_act_on`, whereupon nothing was changed; 503: where the row was
   * committed before Temporal fell silent, the action stands as asked for and may have been carried out
   */
  act(act: Act): Promise<UnlockView>;
}

export function createOperatorDesk({ audit, executions, desk, log }: OperatorDeskParts): OperatorDesk {
  /** @throws Problem where there is nothing that the action could be done to */
  async function subjectOf(act: Act): Promise<UnlockExecution> {
    const { action, correlationId, institutionId } = act;
    const record = await recordOf(audit, act);
    const execution = record.completed === null ? await fromTemporal(executions.find(correlationId)) : null;
    const owner = record.requested ?? record.completed ?? execution?.request;
    if (owner?.institutionId !== institutionId) throw new Problem('not_found', { detail: 'No unlock request has this correlationId.' });
    if (execution?.state === 'running') {
      const objection = awaitsApproval(record) ? objectionWhileWaiting(action) : objectionTo(action, execution.pending);
      if (objection === null) return execution;
      throw nothingToActOn(objection);
    }
    throw endedProblem(execution === null ? record.completed : (await recordOf(audit, act)).completed);
  }

  /** @returns the row's id */
  async function put(act: Act, { request, runId }: UnlockExecution, metadata: JsonObject = {}): Promise<string> {
    const { correlationId, actor } = act;
    const action = operatorActions[act.action];
    const workflowId = unlockWorkflowId(correlationId);
    // The same action sent twice is two acts, whatever they say.
    const id = auditEventId(workflowId, action, randomUUID());
    const event = {
      id,
      occurredAt: new Date(),
      action,
      correlationId,
      institutionId: act.institutionId,
      customerId: request.customerId,
      actorType: actor.type,
      actorId: actor.id,
      actorName: actor.name,
      onBehalfOf: actor.onBehalfOf,
      reason: act.reason,
      ticket: act.ticket,
      source: { ...act.source },
      workflowId,
      runId,
      metadata: { clientId: actor.clientId, ...(actor.onBehalfOf === null ? {} : { onBehalfOfAsserted: true }), ...metadata },
    };
    await fromAudit(audit.append(event));
    return id;
  }

  return {
    async act(act) {
      const { correlationId } = act;
      const execution = await subjectOf(act);
      const asked = await put(act, execution);
      const done = await onceOnRecord(MAY_BE_DONE, fromTemporal(executions.operate(act.action, execution)));
      if (done === 'nothing_there') {
        const told = put(act, execution, { carriedOut: false, act: asked }).then(() => recordOf(audit, act));
        const { completed } = await onceOnRecord(MAY_BE_DONE, told);
        throw completed === null ? nothingToActOn('The step that it was meant for has just ended.') : endedProblem(completed);
      }
      const after = await desk.look(correlationId, act.institutionId).catch((error: unknown) => {
        log.warn({ err: error, correlationId }, 'an action was carried out, and how the request stands cannot be told');
        return null;
      });
      return after ?? { record: await onceOnRecord(IS_DONE, recordOf(audit, act)), request: execution.request, execution: null };
    },
  };
}

const AGAIN = 'It may safely be sent again, which is recorded as another action.';
const MAY_BE_DONE = `The action is on record, and it is not known whether it was carried out. ${AGAIN}`;
const IS_DONE = `The action is on record and was carried out; how the request stands now cannot be told. ${AGAIN}`;

/**
 * What follows the row of an act: where it is not answered, the caller must not read that nothing was done.
 * @throws Problem 503, which says what is known of the act; anything else as it came
 */
export async function onceOnRecord<T>(whatIsKnown: string, work: Promise<T>): Promise<T> {
  return work.catch((error: unknown) => {
    if (!(error instanceof Problem) || error.code !== 'temporarily_unavailable') throw error;
    const { code, headers, cause } = error;
    throw new Problem(code, { detail: whatIsKnown, headers, cause });
  });
}

/** Why an action means nothing to a request that is running; null: it does. */
function objectionTo(action: OperatorAction, pending: PendingStep | null): Objection | null {
  if (action === 'cancel') return null;
  if (pending === null) {
    return { because: 'The step at hand is being tried for the first time, at once: it cannot be steered.', mayPass: true };
  }
  const { state, paused, isSettling } = pending;
  if (action === 'resume') return paused ? null : { because: 'It is not paused.' };
  if (state === 'cancelling') return { because: 'It is being cancelled.' };
  if (action === 'pause') return isSettling ? { because: 'No PUT follows any more: only the outcome is still to be recorded.' } : null;
  if (paused) return { because: 'It is paused: resume it, and it is tried at once.' };
  if (state === 'running') return { because: 'It is being tried now.', mayPass: true };
  return state === 'due' ? { because: 'Its next try is due now and waits for a worker.' } : null;
}

function awaitsApproval({ approval }: UnlockRecord): boolean {
  return approval !== null && approvalState(approval, null, new Date()) === 'waiting';
}

function objectionWhileWaiting(action: OperatorAction): Objection | null {
  return action === 'cancel' ? null : { because: 'It waits for a second person to approve it.' };
}

interface Objection {
  readonly because: string;
  /** True where waiting a little may help. */
  readonly mayPass?: boolean;
}

export function nothingToActOn(objection: Objection | string): Problem {
  const { because, mayPass = false } = typeof objection === 'string' ? { because: objection } : objection;
  return new Problem('nothing_to_act_on', { detail: because, ...(mayPass && { headers: { 'retry-after': RETRY_AFTER_SECONDS } }) });
}

export function endedProblem(completed: AuditEvent | null): Problem {
  if (completed !== null) return new Problem('request_has_ended', { detail: `The request has ended: ${completed.outcome}.` });
  return new Problem('nothing_to_act_on', {
    detail: 'Temporal no longer carries this request, and no outcome is on record yet. Its operators must look into it.',
  });
}
