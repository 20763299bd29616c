import { AuditConflictError, type AuditLog } from '../audit/audit-log.js';
import { auditEventId } from '../audit/event-id.js';
import { approvalState, decisionActions, objectionToApprover, type ApprovalDecision } from '../domain/approval.js';
import type { AuditEvent } from '../domain/audit-event.js';
import { unlockWorkflowId, type RequestSource } from '../domain/unlock-request.js';
import type { UnlockExecutions } from '../temporal/unlock-executions.js';
import { ForbiddenProblem, type Caller } from './auth.js';
import { fromAudit, fromTemporal } from './availability.js';
import { endedProblem, nothingToActOn, onceOnRecord } from './operator-desk.js';
import { Problem } from './problem.js';
import { recordOf } from './record-of.js';
import type { UnlockView } from './representation.js';
import type { UnlockDesk } from './unlock-desk.js';

interface ApprovalDeskParts {
  readonly audit: AuditLog;
  readonly executions: UnlockExecutions;
  readonly desk: UnlockDesk;
}

/** What a second person decides, and why. */
export interface Decision extends Caller {
  readonly decision: ApprovalDecision;
  readonly correlationId: string;
  readonly source: RequestSource;
  readonly reason: string;
  readonly ticket: string | null;
}

export interface ApprovalDesk {
  /**
   * Records a second person's decision, then has the workflow read it. The first decision stands; the same one sent again is the same one.
   * @returns the request as it stands then
   * @throws Problem `not_found`; `approver_not_allowed`; `request_has_ended` or `nothing_to_act_on`, whereupon nothing was decided; 503:
   * where the row was committed before Temporal fell silent, the decision stands, and the workflow reads it when it is told again, or
   * when the time for it is over
   */
  decide(decision: Decision): Promise<UnlockView>;
}

export function createApprovalDesk({ audit, executions, desk }: ApprovalDeskParts): ApprovalDesk {
  /** A request that was accepted a moment ago has no row yet. */
  async function whyUnseen({ correlationId, institutionId }: Decision): Promise<Problem> {
    const accepted = await desk.look(correlationId, institutionId);
    if (accepted !== null) return nothingToActOn({ because: 'It does not wait for a second person.', mayPass: true });
    return new Problem('not_found', { detail: 'No unlock request has this correlationId.' });
  }

  async function put(wish: Decision, requested: AuditEvent): Promise<string> {
    const { correlationId, institutionId, actor, reason, ticket, source } = wish;
    const workflowId = unlockWorkflowId(correlationId);
    // One id for whatever is decided: the database keeps one decision a request.
    const id = auditEventId(workflowId, 'customer.unlock.approved', 'decision');
    const event = {
      id,
      occurredAt: new Date(),
      action: decisionActions[wish.decision],
      correlationId,
      institutionId,
      customerId: requested.customerId,
      actorType: actor.type,
      actorId: actor.id,
      actorName: actor.name,
      reason,
      ticket,
      source: { ...source },
      workflowId,
      metadata: { clientId: actor.clientId },
    };
    await fromAudit(audit.append(event)).catch((error: unknown) => {
      throw error instanceof AuditConflictError ? nothingToActOn('Somebody has decided already.') : error;
    });
    return id;
  }

  return {
    async decide(wish) {
      const { correlationId, institutionId, actor } = wish;
      const record = await recordOf(audit, wish);
      const { requested, completed, approval } = record;
      if (requested === null) throw await whyUnseen(wish);
      if (completed !== null) throw endedProblem(completed);
      if (approval === null) throw nothingToActOn('It does not wait for a second person.');
      const objection = objectionToApprover(actor, requested);
      if (objection !== null) throw new ForbiddenProblem('approver_not_allowed', { actor, institutionId }, { detail: objection });
      if (approvalState(approval, null, new Date()) === 'expired') throw nothingToActOn('The time to decide is over.');
      const { decision } = approval;
      if (decision !== null && (decision.kind !== wish.decision || decision.event.actorId !== actor.id)) {
        throw nothingToActOn('Somebody has decided already.');
      }
      const decisionId = await put(wish, requested);
      const told = await onceOnRecord(IS_DECIDED, fromTemporal(executions.tellDecision(correlationId, decisionId)));
      const view = await onceOnRecord(IS_DECIDED, desk.look(correlationId, institutionId));
      if (told === 'nothing_there' && view?.record.completed != null && decision === null) throw endedProblem(view.record.completed);
      return view ?? { record: await onceOnRecord(IS_DECIDED, recordOf(audit, wish)), request: null, execution: null };
    },
  };
}

const IS_DECIDED =
  'The decision is on record, and it is not known whether the unlock goes by it yet. Send it again: it stays the one decision.';
