import { AuditConflictError, type AuditLog } from '../audit/audit-log.js';
import { auditEventId } from '../audit/event-id.js';
import type { AuditEvent } from '../domain/audit-event.js';
import { isToBeTold } from '../domain/notification.js';
import { unlockRecord, type UnlockRecord } from '../domain/unlock-record.js';
import { unlockWorkflowId, type UnlockRequest } from '../domain/unlock-request.js';
import type { UnlockExecution, UnlockExecutions } from '../temporal/unlock-executions.js';
import { fromAudit, fromTemporal } from './availability.js';
import { Problem } from './problem.js';
import { recordOf } from './record-of.js';
import { actorOfEvent, type UnlockView } from './representation.js';
import type { HttpLog } from './settings.js';
import type { Waits } from './waits.js';

interface DeskParts {
  readonly audit: AuditLog;
  readonly executions: UnlockExecutions;
  readonly waits: Waits;
  readonly log: HttpLog;
}

interface Wait {
  readonly waitMs: number;
  readonly signal: AbortSignal;
}

/** Where unlock requests are taken in and looked up, whichever route they come by. */
export interface UnlockDesk {
  /**
   * Takes an unlock request in, or joins the one that has its correlationId. When this resolves, the request is durable.
   * @throws Problem `correlation_id_in_use` for another customer or institution; 503 where audit log or Temporal are away
   */
  accept(request: UnlockRequest): Promise<UnlockView>;
  /**
   * Waits until an accepted request has ended or the time is up, and looks again; never throws, since the acceptance stands.
   * @returns null where too many wait already
   */
  waitFor(accepted: UnlockView, request: UnlockRequest, wait: Wait): Promise<UnlockView | null>;
  /** @returns null where this institution has no such request */
  look(correlationId: string, institutionId: string): Promise<UnlockView | null>;
}

export function createUnlockDesk({ audit, executions, waits, log }: DeskParts): UnlockDesk {
  async function accept(request: UnlockRequest): Promise<UnlockView> {
    const { correlationId, institutionId } = request;
    const { events, takesRows, takenElsewhere } = await fromAudit(audit.eventsOf(correlationId, institutionId));
    if (takenElsewhere) throw inUse();
    const record = unlockRecord(events);
    for (const row of [record.requested, record.completed]) if (row !== null) refuseOtherSubject(row, request);
    if (record.completed !== null) {
      await recordJoining(request, record.requested?.actorId ?? null);
      return { record, request: null, execution: null };
    }
    // Fails where it is so, and with that ends a connection to a server that a failover has made a standby.
    if (!takesRows) await fromAudit(audit.ping(institutionId));
    const first = record.requested === null ? request : asFirstRequested(record.requested, request);
    const start = await fromTemporal(executions.start(first));
    if (start.kind === 'started') {
      await recordJoining(request, first.actor.id);
      return { record, request: first, execution: null };
    }
    refuseOtherSubject(start.execution.request, request);
    await recordJoining(request, record.requested?.actorId ?? start.execution.request.actor.id);
    return viewOf(await recordOf(audit, request), start.execution);
  }

  /** The first request stands; that another actor wants the same is an event of its own, once for each. */
  async function recordJoining(request: UnlockRequest, firstActorId: string | null): Promise<void> {
    const { actor, correlationId } = request;
    if (firstActorId === actor.id) return;
    const workflowId = unlockWorkflowId(correlationId);
    const action = 'customer.unlock.joined';
    const joined = audit.append({
      id: auditEventId(workflowId, action, actor.id),
      occurredAt: new Date(request.requestedAt),
      action,
      correlationId,
      institutionId: request.institutionId,
      customerId: request.customerId,
      actorType: actor.type,
      actorId: actor.id,
      actorName: actor.name,
      onBehalfOf: actor.onBehalfOf,
      source: { ...request.source },
      workflowId,
      metadata: { clientId: actor.clientId },
    });
    await fromAudit(joined).catch((error: unknown) => {
      // The same actor has joined before, from another address or under another name: that row stands.
      if (!(error instanceof AuditConflictError)) throw error;
    });
  }

  async function find(place: Place): Promise<UnlockView | null> {
    const { correlationId } = place;
    const record = await recordOf(audit, place);
    if (record.completed !== null) return { record, request: null, execution: null };
    const execution = await fromTemporal(executions.find(correlationId)).catch((error: unknown) => {
      // With a row on record the answer only loses the time of the next attempt.
      if (record.requested === null) throw error;
      log.warn({ err: error, correlationId }, 'the next attempt cannot be told');
      return null;
    });
    if (execution === null) return record.requested === null ? null : { record, request: null, execution: null };
    return viewOf(execution.state === 'closed' ? await recordOf(audit, place) : record, execution);
  }

  return {
    accept,
    async waitFor(accepted, request, { waitMs, signal }) {
      if (accepted.record.completed !== null || waitMs <= 0) return accepted;
      const leave = waits.take(request.actor);
      if (leave === null) return null;
      try {
        if (!signal.aborted) await executions.waitUntilClosed(request.correlationId, waitMs, signal);
        return (await find(request)) ?? accepted;
      } catch (error) {
        log.warn({ err: error, correlationId: request.correlationId }, 'the wait for an accepted unlock broke off');
        return accepted;
      } finally {
        leave();
      }
    },
    async look(correlationId, institutionId) {
      const view = await find({ correlationId, institutionId });
      const owner = view?.record.requested ?? view?.request ?? view?.record.completed;
      return view !== null && owner?.institutionId === institutionId ? view : null;
    },
  };
}

/** Where an unlock request stands. */
type Place = Pick<UnlockRequest, 'correlationId' | 'institutionId'>;

function viewOf(record: UnlockRecord, execution: UnlockExecution): UnlockView {
  return { record, request: execution.request, execution };
}

type Subject = Pick<AuditEvent, 'customerId' | 'institutionId'>;

function refuseOtherSubject(known: Subject, request: UnlockRequest): void {
  if (known.customerId === request.customerId && known.institutionId === request.institutionId) return;
  throw inUse();
}

function inUse(): Problem {
  return new Problem('correlation_id_in_use', { detail: 'Send the request under a correlationId of its own.' });
}

/** A request whose workflow is gone starts again as it was first accepted, its deadline included. */
function asFirstRequested(requested: AuditEvent, request: UnlockRequest): UnlockRequest {
  const { occurredAt, reason, reasonCode, ticket } = requested;
  const deadlineMs = Date.parse(request.budget.deadlineAt) - Date.parse(request.requestedAt);
  return {
    ...request,
    actor: actorOfEvent(requested) ?? request.actor,
    reason,
    reasonCode,
    ticket,
    requestedAt: occurredAt.toISOString(),
    notifyCaller: isToBeTold(requested),
    budget: { ...request.budget, deadlineAt: new Date(occurredAt.getTime() + deadlineMs).toISOString() },
  };
}
