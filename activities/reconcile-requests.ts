import { log } from '@temporalio/activity';
import { UnknownInstitutionError } from '../src/domain/institution.js';
import type { Execution } from './execution.js';
import { isAskingForAnotherTry } from './failures.js';
import { reconcileRequest, type ReconcilerParts } from './reconcile-request.js';

/** Well below what a worker that stops waits for. */
const BUDGET_MS = 20_000;

/** Looks into requests one by one; never sends a PUT. Two of these at once, or the same one again, change nothing more. */
export async function reconcileRequests(
  parts: ReconcilerParts,
  correlationIds: readonly string[],
  execution: Execution,
): Promise<{ readonly again: string[] }> {
  const again: string[] = [];
  for (const [index, correlationId] of correlationIds.entries()) {
    // Those that were not reached go first the next time.
    if (execution.elapsedMs() > BUDGET_MS || execution.calledOff()) return { again: [...correlationIds.slice(index), ...again] };
    execution.throwIfHandingOver();
    try {
      if ((await reconcileRequest(parts, correlationId, execution)) === 'again') again.push(correlationId);
    } catch (error) {
      if (error instanceof UnknownInstitutionError) {
        log.warn('a request of an institution that is not served cannot be looked into', { correlationId });
        continue;
      }
      // One that fails must not keep the others from being looked into.
      again.push(correlationId);
      if (isAskingForAnotherTry(error)) continue;
      log.warn('a request could not be looked into', { correlationId, because: error instanceof Error ? error.name : typeof error });
    }
  }
  return { again };
}
