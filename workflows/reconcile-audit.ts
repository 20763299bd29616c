import { isCancellation, patched, proxyActivities, setCurrentDetails, workflowInfo } from '@temporalio/workflow';
import type { Activities, ComparisonProgress, ReconcilerProgress, Suspects } from '../activities/contract.js';

/** What is found beyond this is left to the next run. */
const ROUNDS = 5;
/** Beyond this nothing new is looked for until some of those that wait are done. */
const MOST_WAITING = 1_000;
const FROM_THE_BEGINNING: ReconcilerProgress = { waiting: [], comparison: { comparedUntil: null, under: null }, scannedTo: '0' };

/**
 * Looks for unlock requests that can no longer end by themselves, and ends them. Runs by a schedule, which hands each run the result of
 * the last one that completed; without it a run goes through everything.
 */
export async function reconcileAudit(): Promise<ReconcilerProgress> {
  const activities = proxyActivities<Activities>({
    startToCloseTimeout: '2 minutes',
    heartbeatTimeout: '10 seconds',
    retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '10 seconds', maximumAttempts: 4 },
  });
  const waiting = new Set<string>();
  const lookInto = async (correlationIds: readonly string[]): Promise<void> => {
    if (correlationIds.length === 0) return;
    for (const correlationId of correlationIds) waiting.delete(correlationId);
    for (const correlationId of (await activities.reconcileRequests(correlationIds)).again) waiting.add(correlationId);
  };
  const goThrough = async <Progress>(from: Progress, next: (at: Progress) => Promise<Suspects<Progress>>): Promise<Progress> => {
    let at = from;
    for (let round = 0; round < ROUNDS && waiting.size < MOST_WAITING; round += 1) {
      const { correlationIds, progress, more } = await next(at);
      await lookInto(correlationIds.filter((correlationId) => !waiting.has(correlationId)));
      at = progress;
      if (!more) break;
    }
    return at;
  };

  const left = progressIn(workflowInfo().lastResult);
  await lookInto(left.waiting);
  const comparison = await goThrough(left.comparison, (at) => activities.compareWithTemporal(at));
  const scannedTo = await goThrough(isOfAnotherLog(left.comparison, comparison) ? FROM_THE_BEGINNING.scannedTo : left.scannedTo, (at) =>
    activities.findOpenRequests(at),
  );
  if (patched('running-requests-are-counted')) {
    await activities.lookAtRunning({ waiting: [...waiting], scannedTo }).catch((error: unknown) => {
      // What the run has come to is worth more than a count.
      if (isCancellation(error)) throw error;
    });
  }
  setCurrentDetails(
    `Requests to look into again: ${waiting.size}. Closed workflows compared until ${comparison.comparedUntil ?? 'none yet'}.`,
  );
  return { waiting: [...waiting], comparison, scannedTo };
}

/** True where the log was restored from a backup since: positions were given out anew, and ends that stood in it may be gone. */
function isOfAnotherLog({ logNumber: before = null }: ComparisonProgress, { logNumber: now = null }: ComparisonProgress): boolean {
  return before !== null && before !== now;
}

/** What another version left behind is no use: a new beginning costs time alone. */
function progressIn(value: unknown): ReconcilerProgress {
  return isProgress(value) ? value : FROM_THE_BEGINNING;
}

function isProgress(value: unknown): value is ReconcilerProgress {
  if (typeof value !== 'object' || value === null) return false;
  if (!('waiting' in value && 'comparison' in value && 'scannedTo' in value)) return false;
  const { waiting, comparison, scannedTo } = value;
  const isPlace = typeof comparison === 'object' && comparison !== null && 'comparedUntil' in comparison && 'under' in comparison;
  return Array.isArray(waiting) && isPlace && typeof scannedTo === 'string' && /^\d+$/.test(scannedTo);
}
