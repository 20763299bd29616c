import type { z } from 'zod';
import type { AuditLog } from '../audit/audit-log.js';
import type { RepeatGuard } from '../domain/repeat-guard.js';
import type { dryRunSchema } from './answer-schemas.js';
import { fromAudit } from './availability.js';
import type { LockStatusLook } from './lock-status-look.js';
import type { AuthenticatedCall } from './route.js';
import type { UnlockWish } from './unlock-wish.js';

/** What a dry run tells. */
export type DryRun = z.infer<typeof dryRunSchema>;

interface DryRunParts {
  readonly look: LockStatusLook;
  readonly audit: Pick<AuditLog, 'recentUnlocks'>;
  /** Null: no second person is ever asked. */
  readonly guard: RepeatGuard | null;
}

/**
 * Says what would come of a request, and why, without making it: the lock status is read, on record, and no PUT is sent.
 * @throws Problem where the bank does not tell the lock status, or the dry run cannot be recorded
 */
export async function dryRun(call: AuthenticatedCall, wish: UnlockWish, { look, audit, guard }: DryRunParts): Promise<DryRun> {
  const { customerId, reason = null, reasonCode = null, ticket = null, onBehalfOf = null } = wish;
  const { correlationId, caller } = call;
  const { institutionId } = caller;
  const unlocks = guard === null ? 0 : await fromAudit(audit.recentUnlocks({ institutionId, customerId }, guard.windowMs));
  const { lockStatus, flags, diagnosis } = await look(call, customerId, {
    action: 'customer.unlock_dry_run',
    reason,
    reasonCode,
    ticket,
    onBehalfOf,
    metadata: {
      ...(onBehalfOf === null ? {} : { onBehalfOfAsserted: true }),
      ...(guard === null ? {} : { unlocks, maxUnlocks: guard.maxUnlocks }),
    },
  });
  const isLocked = lockStatus === 'locked';
  const approvalNeeded = isLocked && guard !== null && unlocks >= guard.maxUnlocks;
  return {
    dryRun: true,
    correlationId,
    customerId,
    institutionId,
    lockStatus,
    flags,
    diagnosis,
    wouldSendPut: isLocked,
    approvalNeeded,
    expectedOutcome: isLocked ? 'unlocked' : 'not_locked',
    because:
      because(isLocked, diagnosis) + (approvalNeeded ? ` Before that a second person would have to approve: ${often(unlocks)}.` : ''),
  };
}

function because(isLocked: boolean, diagnosis: string | null): string {
  if (!isLocked) return 'The customer is not locked: no PUT would be sent.';
  return diagnosis === null
    ? 'The customer is locked: a PUT would be sent, and nothing else keeps the customer out.'
    : 'The customer is locked: a PUT would be sent, but an unlock alone does not let the customer in; see the diagnosis.';
}

function often(unlocks: number): string {
  return unlocks === 1 ? 'the customer was unlocked once lately' : `the customer was unlocked ${unlocks} times lately`;
}
