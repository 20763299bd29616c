import type { z } from 'zod';
import type { dryRunSchema } from './answer-schemas.js';
import type { LockStatusLook } from './lock-status-look.js';
import type { AuthenticatedCall } from './route.js';
import type { UnlockWish } from './unlock-wish.js';

/** What a dry run tells. */
export type DryRun = z.infer<typeof dryRunSchema>;

/**
 * Says what would come of a request, and why, without making it: the lock status is read, on record, and no PUT is sent.
 * @throws Problem where the bank does not tell the lock status, or the dry run cannot be recorded
 */
export async function dryRun(call: AuthenticatedCall, wish: UnlockWish, look: LockStatusLook): Promise<DryRun> {
  const { customerId, reason = null, reasonCode = null, ticket = null, onBehalfOf = null } = wish;
  const { lockStatus, flags, diagnosis } = await look(call, customerId, {
    action: 'customer.unlock_dry_run',
    reason,
    reasonCode,
    ticket,
    onBehalfOf,
    ...(onBehalfOf === null ? {} : { metadata: { onBehalfOfAsserted: true } }),
  });
  const { correlationId, caller } = call;
  const isLocked = lockStatus === 'locked';
  return {
    dryRun: true,
    correlationId,
    customerId,
    institutionId: caller.institutionId,
    lockStatus,
    flags,
    diagnosis,
    wouldSendPut: isLocked,
    expectedOutcome: isLocked ? 'unlocked' : 'not_locked',
    because: because(isLocked, diagnosis),
  };
}

function because(isLocked: boolean, diagnosis: string | null): string {
  if (!isLocked) return 'The customer is not locked: no PUT would be sent.';
  return diagnosis === null
    ? 'The customer is locked: a PUT would be sent, and nothing else keeps the customer out.'
    : 'The customer is locked: a PUT would be sent, but an unlock alone does not let the customer in; see the diagnosis.';
}
