import { defineSearchAttributeKey } from '@temporalio/common';
import { CancellationScope, setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow';
import type { CheckReport, SendReport, UnlockResult } from '../activities/contract.js';
import type { Proposal } from '../src/domain/outcome.js';
import type { UnlockRequest } from '../src/domain/unlock-request.js';
import { runStep, type GivenUp } from './step.js';

const unlockOutcome = defineSearchAttributeKey('UnlockOutcome', 'KEYWORD');
const unlockAttempts = defineSearchAttributeKey('UnlockAttempts', 'INT');

/**
 * Carries one unlock request to an outcome that stands in the audit log, whatever dies on the way.
 * The whole of it runs non-cancellable and looks for a request to cancel between attempts: were it cut short,
 * Temporal and the audit log could disagree.
 */
export async function unlockCustomer(request: UnlockRequest): Promise<UnlockResult> {
  const root = CancellationScope.current();
  return CancellationScope.nonCancellable(async () => {
    const proposal = await tryToUnlock(request, root);
    const result = await runStep({
      summary: 'Record the outcome',
      budget: request.budget,
      deadlineMs: null,
      root,
      run: (activities, turn) => activities.recordOutcome(request, proposal, turn),
    });
    if ('kind' in result) throw new Error('the settling step never gives up');
    upsertSearchAttributes([
      { key: unlockOutcome, value: result.outcome },
      { key: unlockAttempts, value: result.attempts },
    ]);
    setCurrentDetails(`**${result.outcome}** after ${result.attempts} attempt(s); verification: ${result.verification ?? 'none needed'}`);
    return result;
  });
}

/** Checks, then sends; tells what the workflow saw, which the audit log may know better. */
async function tryToUnlock(request: UnlockRequest, root: CancellationScope): Promise<Proposal> {
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
  if (checked.kind !== 'locked') return proposalAfterCheck(checked.kind);
  setCurrentDetails('Asking the bank to unlock.');
  const sent = await runStep({
    summary: 'Ask the bank to unlock',
    budget,
    deadlineMs,
    root,
    run: (activities, turn) => activities.sendUnlock(request, { ...turn, mayPut: !root.consideredCancelled }),
  });
  return proposalAfterSending(sent);
}

function proposalAfterCheck(kind: Exclude<(CheckReport | GivenUp)['kind'], 'locked'>): Proposal {
  return kind === 'expired' ? 'failed' : kind;
}

function proposalAfterSending({ kind }: SendReport | GivenUp): Proposal {
  if (kind === 'succeeded') return 'unlocked';
  if (kind === 'found_not_locked') return 'not_locked';
  return kind === 'exhausted' || kind === 'expired' ? 'failed' : kind;
}
