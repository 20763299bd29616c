import { hasSucceeded, type Attempt } from './attempt.js';
import { needsStatusRead } from './classification.js';
import type { LockStatus } from './lock-status.js';

/** How an unlock request ended. */
export const outcomes = ['unlocked', 'not_locked', 'rejected', 'failed', 'cancelled'] as const;
export type Outcome = (typeof outcomes)[number];

/** What the status read after an attempt that succeeded or is unknown found. */
export const verifications = ['confirmed', 'attributed', 'still_locked', 'unavailable'] as const;
export type Verification = (typeof verifications)[number];

/** What the workflow saw happen; the audit log decides what came of it. */
export type Proposal = Outcome;

/** What stands in the audit log at the end. */
export interface Settlement {
  readonly outcome: Outcome;
  readonly verification: Verification | null;
}

interface Evidence {
  readonly proposal: Proposal;
  /** All closed: an open attempt is closed as `unknown` first. */
  readonly attempts: readonly Attempt[];
  /** The last status read after the last attempt; `unavailable` where it could not be had, null where none was needed. */
  readonly lockStatus: LockStatus | 'unavailable' | null;
}

/** True where the outcome rests on a status read after the last attempt. */
export function outcomeNeedsStatusRead(attempts: readonly Attempt[]): boolean {
  return (
    attempts.some((attempt) => hasSucceeded(attempt) || attempt.result === 'unknown') || needsStatusRead(attempts.at(-1)?.meaning ?? null)
  );
}

/** Decides how an unlock request ended, from the attempts on record and the last look at the lock status. */
export function settle({ proposal, attempts, lockStatus }: Evidence): Settlement {
  if (attempts.some(hasSucceeded)) {
    return {
      outcome: 'unlocked',
      verification: lockStatus === 'not_locked' ? 'confirmed' : lockStatus === 'locked' ? 'still_locked' : 'unavailable',
    };
  }
  if (attempts.some(({ result }) => result === 'unknown')) {
    if (lockStatus === 'not_locked') return { outcome: 'unlocked', verification: 'attributed' };
    if (lockStatus === 'locked') return { outcome: withoutSuccess(proposal, attempts), verification: 'still_locked' };
    return { outcome: lastWasRejected(attempts) ? 'rejected' : 'failed', verification: 'unavailable' };
  }
  if (lockStatus === 'not_locked' && attempts.length > 0) return { outcome: 'not_locked', verification: null };
  return { outcome: withoutSuccess(proposal, attempts), verification: null };
}

function withoutSuccess(proposal: Proposal, attempts: readonly Attempt[]): Outcome {
  if (lastWasRejected(attempts)) return 'rejected';
  if (proposal === 'cancelled' || proposal === 'rejected') return proposal;
  // The first check may find a customer not locked; nothing else is claimed that no row bears out.
  return proposal === 'not_locked' && attempts.length === 0 ? 'not_locked' : 'failed';
}

function lastWasRejected(attempts: readonly Attempt[]): boolean {
  return attempts.at(-1)?.result === 'rejected';
}
