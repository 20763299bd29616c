import type { Prisma, PrismaClient } from '../../generated/prisma/client.js';
import type { AuditAction, AuditEvent, NewAuditEvent } from '../domain/audit-event.js';
import { AuditConflictError, AuditRefusedError, type AuditLog } from './audit-log.js';
import { sqlStateOf } from './failures.js';
import { parseEvents } from './row.js';

/**
 * What makes two rows the same fact. The rest is circumstance, and may differ when an execution runs again: when it happened and how
 * long it took, in which run and try, the words around it. Of those the first stand.
 */
const facts = [
  'action',
  'correlationId',
  'institutionId',
  'customerId',
  'actorType',
  'actorId',
  'attempt',
  'executionId',
  'result',
  'outcome',
  'verification',
  'httpStatus',
  'upstreamCode',
  'lockStatus',
] as const satisfies readonly (keyof NewAuditEvent)[];

/** Of these the database keeps one row a request, whatever its id. */
const oncePerRequest: readonly AuditAction[] = ['customer.unlock.requested', 'customer.unlock.completed'];
/** And of these one row an attempt. */
const oncePerAttempt: readonly AuditAction[] = ['customer.unlock.attempt_started', 'customer.unlock.attempt_finished'];

/** See `AuditLog.append`. */
export function createAppend({ prisma }: { readonly prisma: PrismaClient }): AuditLog['append'] {
  return async (event) => {
    const count = await insert(prisma, event).catch((error: unknown) => {
      throw refusalOf(error) ?? error;
    });
    if (count === 1) return 'written';
    const standing = await standingRow(prisma, event);
    const differing = facts.filter((fact) => standing[fact] !== (event[fact] ?? null));
    if (differing.length > 0) {
      throw new AuditConflictError(
        `another ${standing.action} stands on record (event ${standing.id}): differs in ${differing.join(', ')}`,
      );
    }
    return 'already_there';
  };
}

/** The database's refusal behind an error, where it is one. */
export function refusalOf(error: unknown): AuditRefusedError | null {
  const state = sqlStateOf(error);
  if (state === 'LK001') return new AuditRefusedError('request_has_ended', { cause: error });
  if (state === 'LK002') return new AuditRefusedError('attempt_is_open', { cause: error });
  if (state === 'LK004') return new AuditRefusedError('attempt_was_overlooked', { cause: error });
  return null;
}

async function standingRow(prisma: PrismaClient, event: NewAuditEvent): Promise<AuditEvent> {
  const { id, action, correlationId = null, attempt = null } = event;
  const likes: Prisma.AuditEventWhereInput[] = [{ id }];
  if (oncePerRequest.includes(action)) likes.push({ action, correlationId });
  if (oncePerAttempt.includes(action)) likes.push({ action, correlationId, attempt });
  const rows = parseEvents(await prisma.auditEvent.findMany({ where: { OR: likes } }));
  const standing = rows.find((row) => row.id === id) ?? rows[0];
  if (standing === undefined) throw new AuditConflictError(`another ${action} stands on record, which another institution wrote`);
  return standing;
}

/**
 * One statement, without a transaction around it: a time-out cannot tear it apart. Spelled out, because `createMany` says the same
 * at four times the cost, and this runs four times an unlock (see docs/performance.md).
 * @returns rows written
 */
function insert(prisma: PrismaClient, event: NewAuditEvent): Promise<number> {
  const { source = null, metadata = {} } = event;
  return prisma.$executeRaw`
    INSERT INTO audit_event (id, occurred_at, action, correlation_id, institution_id, customer_id,
      actor_type, actor_id, actor_name, on_behalf_of, reason, reason_code, ticket, source,
      workflow_id, run_id, attempt, activity_attempt, execution_id, result, outcome, verification,
      http_status, upstream_code, upstream_message, duration_ms, lock_status, metadata)
    VALUES (${event.id}::uuid, ${event.occurredAt}::timestamptz, ${event.action}, ${event.correlationId ?? null}::uuid,
      ${event.institutionId ?? null}, ${event.customerId ?? null}, ${event.actorType ?? null}, ${event.actorId ?? null},
      ${event.actorName ?? null}, ${event.onBehalfOf ?? null}, ${event.reason ?? null}, ${event.reasonCode ?? null},
      ${event.ticket ?? null}, ${source === null ? null : JSON.stringify(source)}::jsonb, ${event.workflowId ?? null},
      ${event.runId ?? null}, ${event.attempt ?? null}::integer, ${event.activityAttempt ?? null}::integer,
      ${event.executionId ?? null}::uuid, ${event.result ?? null}, ${event.outcome ?? null}, ${event.verification ?? null},
      ${event.httpStatus ?? null}::integer, ${event.upstreamCode ?? null}, ${event.upstreamMessage ?? null},
      ${event.durationMs ?? null}::integer, ${event.lockStatus ?? null}, ${JSON.stringify(metadata)}::jsonb)
    ON CONFLICT DO NOTHING`;
}
