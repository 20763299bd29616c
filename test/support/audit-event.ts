import { randomUUID } from 'node:crypto';
import type { AuditEvent } from '../../src/domain/audit-event.js';

const nothing = {
  correlationId: null,
  institutionId: null,
  customerId: null,
  actorType: null,
  actorId: null,
  actorName: null,
  onBehalfOf: null,
  reason: null,
  reasonCode: null,
  ticket: null,
  source: null,
  workflowId: null,
  runId: null,
  attempt: null,
  activityAttempt: null,
  executionId: null,
  result: null,
  outcome: null,
  verification: null,
  httpStatus: null,
  upstreamCode: null,
  upstreamMessage: null,
  durationMs: null,
  lockStatus: null,
} as const;

/** A row of the audit log as it is read, null where nothing is said. */
export function auditEvent(columns: Partial<AuditEvent> & Pick<AuditEvent, 'action'>): AuditEvent {
  const moment = new Date('2026-01-31T09:30:00.000Z');
  return { id: randomUUID(), position: 1n, occurredAt: moment, recordedAt: moment, ...nothing, metadata: {}, ...columns };
}
