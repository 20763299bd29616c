import { randomUUID } from 'node:crypto';
import pg from 'pg';
import type { AttemptClaim } from '../../src/audit/audit-log.js';
import { auditEventId } from '../../src/audit/event-id.js';
import type { AuditAction, NewAuditEvent } from '../../src/domain/audit-event.js';
import { unlockWorkflowId } from '../../src/domain/unlock-request.js';

const operator = { actorType: 'user', actorId: 'operator-1' } as const;

/** What each action needs to be legal, and no more. */
const needs: Partial<Record<AuditAction, Partial<NewAuditEvent>>> = {
  'customer.unlock.requested': { actorType: 'user', actorId: 'agent-1' },
  'customer.unlock.joined': { actorType: 'user', actorId: 'agent-2' },
  'customer.unlock.status_checked': { lockStatus: 'locked' },
  'customer.unlock.approved': { ...operator, reason: 'known' },
  'customer.unlock.declined': { ...operator, reason: 'unknown' },
  'customer.unlock.attempt_started': { attempt: 1, executionId: '11111111-1111-4111-8111-111111111111' },
  'customer.unlock.attempt_finished': { attempt: 1, result: 'succeeded', httpStatus: 204, durationMs: 12 },
  'customer.unlock.late_answer': { attempt: 1, result: 'succeeded', httpStatus: 204 },
  'customer.unlock.cancel_requested': operator,
  'customer.unlock.paused': operator,
  'customer.unlock.resumed': operator,
  'customer.unlock.retried_now': operator,
  'customer.unlock.completed': { outcome: 'unlocked', verification: 'confirmed' },
  'customer.unlock.relock_checked': { lockStatus: 'not_locked' },
  'customer.unlock.notified': { metadata: { delivered: true } },
  'customer.unlock_dry_run': { actorType: 'user', actorId: 'agent-1', lockStatus: 'locked' },
  'customer.lock_status.viewed': { actorType: 'user', actorId: 'agent-1', lockStatus: 'locked' },
  'audit.viewed': { actorType: 'user', actorId: 'auditor-1' },
  'audit.exported': { actorType: 'user', actorId: 'auditor-1' },
  'audit.export_ended': { actorType: 'user', actorId: 'auditor-1' },
};

/** A legal event of this action about one customer, with the id that its writer would give it. */
export function sample(action: AuditAction, columns: Partial<NewAuditEvent> = {}): NewAuditEvent {
  const correlationId = columns.correlationId ?? randomUUID();
  const workflowId = unlockWorkflowId(correlationId);
  const event = {
    occurredAt: new Date(),
    action,
    correlationId,
    institutionId: 'bank-1',
    customerId: 'customer-1',
    workflowId,
    runId: 'run-1',
    activityAttempt: 1,
    ...needs[action],
    ...columns,
  };
  return { id: auditEventId(workflowId, action, event.attempt ?? 0), ...event };
}

export function sampleClaim(correlationId: string, claim: Partial<AttemptClaim> = {}): AttemptClaim {
  return {
    correlationId,
    institutionId: 'bank-1',
    customerId: 'customer-1',
    workflowId: unlockWorkflowId(correlationId),
    runId: 'run-1',
    activityAttempt: 1,
    executionId: randomUUID(),
    reviewedAttempt: 0,
    maxAttempts: 20,
    occurredAt: new Date(),
    ...claim,
  };
}

/** Runs one statement over a connection of its own; `settings` are those of the session, such as the role. */
export async function sql(
  databaseUrl: string,
  text: string,
  values: readonly unknown[] = [],
  settings = '',
): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: databaseUrl, options: settings });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text, [...values])).rows;
  } finally {
    await client.end();
  }
}

/** An insert of the event by its columns, as somebody with no manners would write it. */
export function insertOf(event: object): { readonly text: string; readonly values: readonly unknown[] } {
  const columns = Object.keys(event).map((name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
  const places = columns.map((_, index) => `$${index + 1}`);
  return { text: `INSERT INTO audit_event (${columns.join(', ')}) VALUES (${places.join(', ')})`, values: Object.values(event) };
}
