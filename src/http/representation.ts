import { approvalState, type Approval } from '../domain/approval.js';
import type { AuditEvent } from '../domain/audit-event.js';
import type { RequestSummary } from '../audit/audit-log.js';
import type { UnlockRecord } from '../domain/unlock-record.js';
import { unlockWorkflowId, type Actor, type UnlockRequest } from '../domain/unlock-request.js';
import type { UnlockExecution } from '../temporal/unlock-executions.js';
import type { UnlockAnswer } from './answer-schemas.js';
import type { HttpSettings } from './settings.js';

/** All that is known of one unlock request: its rows and, before the first one, the request itself. */
export interface UnlockView {
  readonly record: UnlockRecord;
  readonly request: UnlockRequest | null;
  /** Null where Temporal was not asked, or does not know it. */
  readonly execution: UnlockExecution | null;
}

/** Where one unlock request is read. */
export function unlockPath(correlationId: string): string {
  return `/v1/unlocks/${correlationId}`;
}

/** Where its audit events come as they happen. */
export function eventsPath(correlationId: string): string {
  return `${unlockPath(correlationId)}/events`;
}

type LinkSettings = Pick<HttpSettings, 'temporalUiUrl' | 'namespace'>;

/**
 * One unlock request as callers read it; links come from settings alone, never from a header.
 * @throws Error where the view holds neither a row that names the customer nor the request
 */
export function represent({ record, request, execution }: UnlockView, links: LinkSettings): UnlockAnswer {
  const origin = originOfEvent(record.requested) ?? (request && originOfRequest(request)) ?? originOfEvent(record.completed);
  if (origin === null) throw new Error('nothing on record says whom this unlock request was for');
  const { completed } = record;
  return {
    ...origin,
    state: completed === null ? 'running' : 'completed',
    outcome: completed?.outcome ?? null,
    verification: completed?.verification ?? null,
    diagnosis: diagnosisOf(record),
    completedAt: completed?.occurredAt.toISOString() ?? null,
    attempts: record.attempts.map(({ attempt, startedAt, finishedAt, result, httpStatus, upstreamCode, upstreamMessage, durationMs }) => ({
      attempt,
      startedAt: startedAt.toISOString(),
      finishedAt: finishedAt?.toISOString() ?? null,
      result,
      httpStatus,
      upstreamCode,
      upstreamMessage,
      durationMs,
    })),
    nextAttemptAt: completed === null ? (execution?.pending?.nextAttemptAt?.toISOString() ?? null) : null,
    paused: completed === null ? execution && (execution.pending?.paused ?? false) : false,
    approval: record.approval && representApproval(record.approval, completed),
    links: {
      self: unlockPath(origin.correlationId),
      events: eventsPath(origin.correlationId),
      temporal: temporalLink(origin.correlationId, links),
    },
  };
}

function representApproval(approval: Approval, completed: AuditEvent | null): UnlockAnswer['approval'] {
  const { unlocks, windowMs, requiredAt, expiresAt, decision } = approval;
  const decider = decision && actorOfEvent(decision.event);
  return {
    state: approvalState(approval, completed, new Date()),
    unlocks,
    windowMs,
    requiredAt: requiredAt.toISOString(),
    expiresAt: expiresAt.toISOString(),
    decidedAt: decision?.event.occurredAt.toISOString() ?? null,
    decidedBy: decider && requestedBy(decider),
    reason: decision?.event.reason ?? null,
  };
}

/** One line on an unlock request, for lists inside other answers. */
export function summarize({ correlationId, requestedAt, outcome, verification }: RequestSummary) {
  const state: UnlockAnswer['state'] = outcome === null ? 'running' : 'completed';
  return {
    correlationId,
    state,
    outcome,
    verification,
    requestedAt: requestedAt.toISOString(),
    links: { self: unlockPath(correlationId) },
  };
}

/** What the newest read of the lock status says in plain words. */
export function diagnosisOf({ completed, statusChecks }: UnlockRecord): string | null {
  const newestFirst = [...(completed === null ? [] : [completed]), ...statusChecks.toReversed()];
  const diagnosis = newestFirst.find(({ metadata }) => 'diagnosis' in metadata)?.metadata.diagnosis;
  return typeof diagnosis === 'string' ? diagnosis : null;
}

type Origin = Pick<
  UnlockAnswer,
  'correlationId' | 'customerId' | 'institutionId' | 'requestedAt' | 'requestedBy' | 'reason' | 'reasonCode' | 'ticket'
>;

function originOfRequest({
  correlationId,
  customerId,
  institutionId,
  requestedAt,
  actor,
  reason,
  reasonCode,
  ticket,
}: UnlockRequest): Origin {
  return { correlationId, customerId, institutionId, requestedAt, requestedBy: requestedBy(actor), reason, reasonCode, ticket };
}

function originOfEvent(event: AuditEvent | null): Origin | null {
  if (event === null) return null;
  const { correlationId, customerId, institutionId, occurredAt, reason, reasonCode, ticket } = event;
  if (correlationId === null || customerId === null || institutionId === null) return null;
  const actor = actorOfEvent(event);
  const requestedAt = occurredAt.toISOString();
  return { correlationId, customerId, institutionId, requestedAt, requestedBy: actor && requestedBy(actor), reason, reasonCode, ticket };
}

/** Who a row says was acting; null where it names nobody. */
export function actorOfEvent({ actorType: type, actorId: id, actorName: name, onBehalfOf, metadata }: AuditEvent): Actor | null {
  if (type === null || id === null) return null;
  return { type, id, name, clientId: typeof metadata.clientId === 'string' ? metadata.clientId : null, onBehalfOf };
}

function requestedBy({ type, id, name, clientId, onBehalfOf }: Actor): NonNullable<UnlockAnswer['requestedBy']> {
  return { type, id, name, clientId, onBehalfOf: onBehalfOf === null ? null : { id: onBehalfOf, asserted: true } };
}

function temporalLink(correlationId: string, { temporalUiUrl, namespace }: LinkSettings): string | null {
  if (temporalUiUrl === null) return null;
  return `${temporalUiUrl.replace(/\/$/, '')}/namespaces/${encodeURIComponent(namespace)}/workflows/${unlockWorkflowId(correlationId)}`;
}
