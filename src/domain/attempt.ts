import type { Meaning } from './meaning.js';

/** How one PUT ended; `unknown`: it may have been applied. */
export const attemptResults = ['succeeded', 'rejected', 'retryable', 'unknown'] as const;
export type AttemptResult = (typeof attemptResults)[number];

/** One PUT for which the intent was committed, as the audit log has it; the last fields are null while it is out. */
export interface Attempt {
  readonly attempt: number;
  readonly executionId: string | null;
  readonly startedAt: Date;
  /** When the intent was committed, by the database's clock. */
  readonly claimedAt: Date;
  readonly finishedAt: Date | null;
  readonly result: AttemptResult | null;
  readonly httpStatus: number | null;
  readonly upstreamCode: string | null;
  readonly upstreamMessage: string | null;
  readonly durationMs: number | null;
  /** What the bank's answer was read as (see `classification`); null while out, or where no answer came. */
  readonly meaning: Meaning | null;
  /** What an answer said that came when the attempt had been closed as `unknown`; null where none came. */
  readonly lateResult: AttemptResult | null;
}

/** An attempt is open from its intent until its result is on record. */
export function openAttempts(attempts: readonly Attempt[]): Attempt[] {
  return attempts.filter((attempt) => attempt.result === null);
}

/** True where the bank said that this attempt unlocked the customer, be it late. */
export function hasSucceeded({ result, lateResult }: Attempt): boolean {
  return result === 'succeeded' || lateResult === 'succeeded';
}
