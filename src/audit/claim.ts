import { z } from 'zod';
import type { PrismaClient } from '../../generated/prisma/client.js';
import type { AttemptClaim, AuditLog } from './audit-log.js';
import { refusalOf } from './append.js';
import { auditEventId } from './event-id.js';

const claimed = z.array(z.object({ attempt: z.number() }));

/** See `AuditLog.claimAttempt`. */
export function createClaimAttempt({ prisma }: { readonly prisma: PrismaClient }): AuditLog['claimAttempt'] {
  return async (claim) => {
    try {
      const [row] = claimed.parse(await claimNext(prisma, claim));
      if (row !== undefined) return row.attempt;
      // A first try of this very claim may have been under way beside it: its row is visible only now.
      const [own] = claimed.parse(await ownOpenAttempt(prisma, claim));
      return own?.attempt ?? null;
    } catch (error) {
      if (refusalOf(error)?.because === 'request_has_ended') return null;
      throw error;
    }
  };
}

// Numbers have no gaps, so the one after the last reviewed attempt is the only one that may be taken: its id is known beforehand.
// Two claimers meet in the unique index; a claim beside the end of the request meets it in the insert trigger.
function claimNext(prisma: PrismaClient, claim: AttemptClaim): Promise<unknown> {
  const attempt = claim.reviewedAttempt + 1;
  const id = auditEventId(claim.workflowId, 'customer.unlock.attempt_started', attempt);
  return prisma.$queryRaw`
    WITH record AS (
      SELECT action, attempt, result, execution_id, lock_status, metadata FROM audit_event
      WHERE correlation_id = ${claim.correlationId}::uuid
        AND action IN ('customer.unlock.attempt_started', 'customer.unlock.attempt_finished', 'customer.unlock.late_answer',
          'customer.unlock.status_checked', 'customer.unlock.completed')
    ), story AS (
      SELECT
        count(*) FILTER (WHERE action = 'customer.unlock.attempt_started') AS started,
        count(*) FILTER (WHERE action = 'customer.unlock.attempt_finished') AS finished,
        coalesce(bool_or(
          result = 'succeeded' OR (result = 'rejected' AND action = 'customer.unlock.attempt_finished') OR action = 'customer.unlock.completed'
            OR (action = 'customer.unlock.status_checked' AND lock_status = 'not_locked'
              AND metadata ->> 'afterAttempt' = ${String(claim.reviewedAttempt)})
        ), false) AS is_final
      FROM record
    ), taken AS (
      INSERT INTO audit_event (id, occurred_at, action, correlation_id, institution_id, customer_id,
        workflow_id, run_id, attempt, activity_attempt, execution_id)
      SELECT ${id}::uuid, ${claim.occurredAt}::timestamptz, 'customer.unlock.attempt_started', ${claim.correlationId}::uuid,
        ${claim.institutionId}, ${claim.customerId}, ${claim.workflowId}, ${claim.runId}, ${attempt}::integer,
        ${claim.activityAttempt}::integer, ${claim.executionId}::uuid
      FROM story
      WHERE NOT is_final AND started = finished AND started = ${claim.reviewedAttempt}::integer AND started < ${claim.maxAttempts}::integer
      ON CONFLICT DO NOTHING
      RETURNING attempt
    )
    SELECT attempt FROM taken
    UNION ALL
    SELECT own.attempt FROM record own
    WHERE own.execution_id = ${claim.executionId}::uuid AND NOT EXISTS (
      SELECT FROM record finished WHERE finished.action = 'customer.unlock.attempt_finished' AND finished.attempt = own.attempt)`;
}

function ownOpenAttempt(prisma: PrismaClient, { correlationId, executionId }: AttemptClaim): Promise<unknown> {
  return prisma.$queryRaw`
    SELECT own.attempt FROM audit_event own
    WHERE own.correlation_id = ${correlationId}::uuid AND own.action = 'customer.unlock.attempt_started'
      AND own.execution_id = ${executionId}::uuid
      AND NOT EXISTS (
        SELECT FROM audit_event finished
        WHERE finished.correlation_id = own.correlation_id AND finished.action = 'customer.unlock.attempt_finished'
          AND finished.attempt = own.attempt)`;
}
