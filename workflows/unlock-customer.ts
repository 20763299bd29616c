import { defineSearchAttributeKey, WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { CancellationScope, ParentClosePolicy, setCurrentDetails, startChild, upsertSearchAttributes } from '@temporalio/workflow';
import type { CheckReport, SendReport, UnlockResult, UnrecordedAnswer } from '../activities/contract.js';
import type { Proposal } from '../src/domain/outcome.js';
import type { UnlockRequest } from '../src/domain/unlock-request.js';
import { runStep, type GivenUp } from './step.js';
import { watchRelock } from './watch-relock.js';

const unlockOutcome = defineSearchAttributeKey('UnlockOutcome', 'KEYWORD');
const ofCorrelationId = defineSearchAttributeKey('CorrelationId', 'KEYWORD');
const ofInstitutionId = defineSearchAttributeKey('InstitutionId', 'KEYWORD');
/** An hour or so, as it backs off. */
const RELOCK_TRIES = 12;
const unlockAttempts = defineSearchAttributeKey('UnlockAttempts', 'INT');

/**
 * Carries one unlock request to an outcome that stands in the audit log, whatever dies on the way.
 * The whole of it runs non-cancellable and looks for a request to cancel between attempts: were it cut short,
 * Temporal and the audit log could disagree.
 */
export async function unlockCustomer(request: UnlockRequest): Promise<UnlockResult> {
  const root = CancellationScope.current();
  return CancellationScope.nonCancellable(async () => {
    const { proposal, unrecorded } = await tryToUnlock(request, root);
    const result = await runStep({
      summary: 'Record the outcome',
      budget: request.budget,
      deadlineMs: null,
      root,
      run: (activities, turn) => activities.recordOutcome(request, proposal, { ...turn, unrecorded: turn.unrecorded ?? unrecorded }),
    });
    if ('kind' in result) throw new Error('the settling step never gives up');
    upsertSearchAttributes([
      { key: unlockOutcome, value: result.outcome },
      { key: unlockAttempts, value: result.attempts },
    ]);
    setCurrentDetails(`**${result.outcome}** after ${result.attempts} attempt(s); verification: ${result.verification ?? 'none needed'}`);
    if (result.outcome === 'unlocked') await lookAfter(request);
    return result;
  });
}

/** Has a workflow of its own look later, where that is wished: this one ends now. */
async function lookAfter({ correlationId, institutionId, customerId, relockWatchMs = null }: UnlockRequest): Promise<void> {
  if (relockWatchMs === null) return;
  try {
    await startChild(watchRelock, {
      workflowId: `relock-watch-${correlationId}`,
      parentClosePolicy: ParentClosePolicy.ABANDON,
      args: [{ correlationId, institutionId, customerId, afterMs: relockWatchMs, tries: RELOCK_TRIES }],
      typedSearchAttributes: [
        { key: ofCorrelationId, value: correlationId },
        { key: ofInstitutionId, value: institutionId },
      ],
      staticSummary: `Look after ${correlationId}`,
    });
  } catch (error) {
    // After a reset one looks already.
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}

interface Ending {
  readonly proposal: Proposal;
  /** An answer of the bank that Postgres was away for. */
  readonly unrecorded: UnrecordedAnswer | null;
}

/** Checks, then sends; tells what the workflow saw, which the audit log may know better. */
async function tryToUnlock(request: UnlockRequest, root: CancellationScope): Promise<Ending> {
  const { budget } = request;
  const deadlineMs = Date.parse(budget.deadlineAt);
  setCurrentDetails('Reading the lock status.');
  const checked = await runStep({
    summary: 'Check the lock status',
    budget,
    deadlineMs,
    root,
    run: (activities, turn) => activities.checkLockStatus(request, turn),
  });
  if (checked.kind !== 'locked') return { proposal: proposalAfterCheck(checked.kind), unrecorded: null };
  const queue = request.sendQueue ?? null;
  setCurrentDetails(queue === null ? 'Asking the bank to unlock.' : 'Asking the bank to unlock, at the rate that is set for it.');
  const sent = await runStep({
    summary: 'Ask the bank to unlock',
    budget,
    deadlineMs,
    root,
    queue,
    run: (activities, turn) => activities.sendUnlock(request, { ...turn, mayPut: !root.consideredCancelled }),
  });
  return { proposal: proposalAfterSending(sent), unrecorded: 'unrecorded' in sent ? sent.unrecorded : null };
}

function proposalAfterCheck(kind: Exclude<(CheckReport | GivenUp)['kind'], 'locked'>): Proposal {
  return kind === 'expired' ? 'failed' : kind;
}

function proposalAfterSending({ kind }: SendReport | GivenUp): Proposal {
  if (kind === 'succeeded') return 'unlocked';
  if (kind === 'found_not_locked') return 'not_locked';
  return kind === 'exhausted' || kind === 'expired' ? 'failed' : kind;
}
