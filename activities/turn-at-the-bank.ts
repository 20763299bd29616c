import type { Pace } from '../src/audit/pace.js';
import type { RetryBudget } from '../src/domain/unlock-request.js';
import { failureTypes, tryAgain } from './failures.js';

/** A turn to send one PUT. */
export interface BankTurn {
  /** Resolves `aheadMs` before it comes, or at once where that is over. */
  comes(aheadMs: number): Promise<void>;
  /** Within how many milliseconds the PUT must be on its way; below zero it needs another turn. */
  leftMs(): number;
}

/** Where no rate is set it is always one's turn. */
const always: BankTurn = { comes: async () => undefined, leftMs: () => Infinity };

/** The least that is waited for a turn within an execution; for a later one Temporal's retry policy brings it back. */
const PATIENCE_MS = 1_500;

/**
 * Takes the next turn at the institution's bank.
 * @returns null where there is none within `withinMs`
 */
export async function takeTurn(pace: Pace | undefined, institutionId: string, withinMs: number): Promise<BankTurn | null> {
  if (pace === undefined) return always;
  const askedMs = performance.now();
  const taken = await pace.takeTurn(institutionId, withinMs);
  if (taken === null) return null;
  // Awaited from the reply on, so never too early; lateness counts from the question on, so it is never underrated.
  const comesMs = performance.now() + taken.waitMs;
  const turnMs = askedMs + taken.queuedMs + taken.waitMs;
  return {
    async comes(aheadMs) {
      const leftMs = comesMs - aheadMs - performance.now();
      if (leftMs > 0) await new Promise((resolve) => setTimeout(resolve, Math.ceil(leftMs)));
    },
    leftMs: () => turnMs + pace.lateMs - performance.now(),
  };
}

/** @throws ApplicationFailure where too many others are before it */
export async function takeTurnOrTryAgain(pace: Pace | undefined, institutionId: string, budget: RetryBudget): Promise<BankTurn> {
  // With a low rate a turn is worth more waiting: the way round by Temporal uses up one of the few that its queue hands out.
  const patienceMs = Math.min(Math.max(PATIENCE_MS, 2 * (pace?.apartMs ?? 0)), budget.activityTimeoutMs / 4);
  const turn = await takeTurn(pace, institutionId, patienceMs);
  if (turn !== null) return turn;
  const delayMs = patienceMs * (0.5 + 0.5 * Math.random());
  throw tryAgain({ type: failureTypes.rate, message: 'others are before it: the rate of unlocks is limited', delayMs });
}
