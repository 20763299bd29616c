import { CancellationScope, condition, defineUpdate, setCurrentDetails, setHandler, sleep } from '@temporalio/workflow';
import type { ApprovalReading } from '../activities/contract.js';
import type { UnlockRequest } from '../src/domain/unlock-request.js';
import { runStep } from './step.js';

/** Tells the workflow that a decision is on record, which it then reads: what comes with the update itself would be anybody's word. */
export const approvalDecided = defineUpdate<ApprovalReading>('approvalDecided');

interface Wait {
  readonly request: UnlockRequest;
  /** The workflow's own scope: it alone hears a request to cancel. */
  readonly root: CancellationScope;
  /** RFC 3339 */
  readonly expiresAt: string;
  /** Of the customer, in the window. */
  readonly unlocks: number;
}

/** Waits for a second person's decision, until it expires or somebody cancels the request. */
export async function waitForApproval({
  request,
  root,
  expiresAt,
  unlocks,
}: Wait): Promise<'approved' | 'declined' | 'expired' | 'cancelled'> {
  let cancelled = root.consideredCancelled;
  let expired = false;
  let over = false;
  let decision: 'approved' | 'declined' | null = null;
  const read = (): Promise<ApprovalReading> =>
    CancellationScope.nonCancellable(async () => {
      const reading = await runStep({
        summary: 'Read what a second person decided',
        budget: request.budget,
        deadlineMs: null,
        root,
        run: (activities) => activities.readApproval(request),
      });
      return typeof reading === 'string' ? reading : 'undecided';
    });
  setHandler(
    approvalDecided,
    async () => {
      const reading = await read();
      if (reading !== 'undecided') decision = reading;
      return reading;
    },
    {
      validator: () => {
        if (over) throw new Error('no decision is waited for any more');
      },
      description: 'A decision on the approval stands in the audit log. Sent by the front door; without such a row it changes nothing.',
    },
  );
  root.cancelRequested.catch(() => {
    cancelled = true;
  });
  setCurrentDetails(`Waits until ${expiresAt} for a second person to approve: the customer was unlocked ${unlocks} time(s) lately.`);
  const alarm = new CancellationScope();
  const leftMs = Math.max(1, Date.parse(expiresAt) - Date.now());
  alarm
    .run(() => sleep(leftMs, { summary: 'Until the approval expires' }))
    .then(
      () => (expired = true),
      () => undefined,
    );
  await condition(() => decision !== null || cancelled || expired);
  alarm.cancel();
  over = true;
  if (decision !== null) return decision;
  if (cancelled) return 'cancelled';
  // Of a decision whose telling was lost the record knows.
  const reading = await read();
  return reading === 'undecided' ? 'expired' : reading;
}
