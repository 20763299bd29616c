import { defineSearchAttributeKey, WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { CancellationScope, log, ParentClosePolicy, setCurrentDetails, startChild, upsertSearchAttributes } from '@temporalio/workflow';
import type { CheckReport, SendReport, UnlockResult, UnrecordedAnswer } from '../activities/contract.js';
import type { Proposal } from '../src/domain/outcome.js';
import type { UnlockRequest } from '../src/domain/unlock-request.js';
import { waitForApproval } from './approval.js';
import { notifyCaller } from './notify-caller.js';
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
    // Side by side: a waiting caller hears of the outcome when they have begun.
    await Promise.all([result.outcome === 'unlocked' ? lookAfter(request) : undefined, tellCaller(request)]);
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

/** Has a workflow of its own tell the caller, where that was promised; whatever comes of that, the outcome stands. */
async function tellCaller({ correlationId, institutionId, notifyCaller: isWished = false }: UnlockRequest): Promise<void> {
  if (!isWished) return;
  try {
    await startChild(notifyCaller, {
      workflowId: `notify-${correlationId}`,
      // By the record it is told once: after a reset nobody needs to look at that again.
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
      parentClosePolicy: ParentClosePolicy.ABANDON,
      args: [{ correlationId, institutionId }],
      typedSearchAttributes: [
        { key: ofCorrelationId, value: correlationId },
        { key: ofInstitutionId, value: institutionId },
      ],
      staticSummary: `Tell the caller of ${correlationId}`,
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) log.warn('the caller will not be told', { correlationId });
  }
}

interface Ending {
  readonly proposal: Proposal;
  /** An answer of the bank that Postgres was away for. */
  readonly unrecorded: UnrecordedAnswer | null;
}

/** Checks, waits for a second person where one must approve, then sends; tells what the workflow saw, which the audit log may know better. */
async function tryToUnlock(request: UnlockRequest, root: CancellationScope): Promise<Ending> {
  const checked = await check(request, root);
  if (checked.kind !== 'approval_needed') return goOn(request, root, checked);
  const decided = await waitForApproval({ request, root, expiresAt: checked.expiresAt, unlocks: checked.unlocks });
  if (decided !== 'approved') return { proposal: decided === 'expired' ? 'failed' : 'cancelled', unrecorded: null };
  const approved = withTimeGrantedAnew(request);
  // Much may have happened since.
  return goOn(approved, root, await check(approved, root));
}

function check(request: UnlockRequest, root: CancellationScope): Promise<CheckReport | GivenUp> {
  setCurrentDetails('Reading the lock status.');
  return runStep({
    summary: 'Check the lock status',
    budget: request.budget,
    deadlineMs: Date.parse(request.budget.deadlineAt),
    root,
    run: (activities, turn) => activities.checkLockStatus(request, turn),
  });
}

async function goOn(request: UnlockRequest, root: CancellationScope, checked: CheckReport | GivenUp): Promise<Ending> {
  if (checked.kind !== 'locked') return { proposal: proposalAfterCheck(checked.kind), unrecorded: null };
  const { budget } = request;
  const queue = request.sendQueue ?? null;
  setCurrentDetails(queue === null ? 'Asking the bank to unlock.' : 'Asking the bank to unlock, at the rate that is set for it.');
  const sent = await runStep({
    summary: 'Ask the bank to unlock',
    budget,
    deadlineMs: Date.parse(budget.deadlineAt),
    root,
    queue,
    run: (activities, turn) => activities.sendUnlock(request, { ...turn, mayPut: !root.consideredCancelled }),
  });
  return { proposal: proposalAfterSending(sent), unrecorded: 'unrecorded' in sent ? sent.unrecorded : null };
}

/** The time in which a PUT may leave begins with the approval. */
function withTimeGrantedAnew(request: UnlockRequest): UnlockRequest {
  const { budget, requestedAt } = request;
  const grantedMs = Date.parse(budget.deadlineAt) - Date.parse(requestedAt);
  return { ...request, budget: { ...budget, deadlineAt: new Date(Date.now() + grantedMs).toISOString() } };
}

function proposalAfterCheck(kind: Exclude<(CheckReport | GivenUp)['kind'], 'locked'>): Proposal {
  if (kind === 'declined') return 'cancelled';
  return kind === 'expired' || kind === 'approval_needed' ? 'failed' : kind;
}

function proposalAfterSending({ kind }: SendReport | GivenUp): Proposal {
  if (kind === 'succeeded') return 'unlocked';
  if (kind === 'found_not_locked') return 'not_locked';
  return kind === 'exhausted' || kind === 'expired' ? 'failed' : kind;
}
