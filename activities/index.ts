import type { Pace } from '../src/audit/pace.js';
import type { UnlockRequest } from '../src/domain/unlock-request.js';
import type { Webhooks } from '../src/webhooks/index.js';
import { checkLockStatus } from './check-lock-status.js';
import { checkRelock } from './check-relock.js';
import type { Activities, Turn } from './contract.js';
import { deliverWebhook } from './deliver-webhook.js';
import { execute, type Execution } from './execution.js';
import { asFailure, asReconcilerFailure } from './failures.js';
import { readApproval } from './read-approval.js';
import { compareWithTemporal, findOpenRequests, lookAtRunning } from './find-gaps.js';
import { readLockStatus } from './read-lock-status.js';
import type { ReconcilerParts } from './reconcile-request.js';
import { reconcileRequests } from './reconcile-requests.js';
import { recordNotified } from './record-notified.js';
import { recordOutcome } from './record-outcome.js';
import { sendUnlock } from './send-unlock.js';

export type { ReconcilerSettings } from './reconcile-request.js';

/** What the activities work with; a test hands in the same with other bricks. */
export interface ActivityParts extends ReconcilerParts {
  /** At which rate an institution's PUTs may leave; undefined: as soon as they may. */
  readonly paceOf?: (institutionId: string) => Pace | undefined;
  /** Where callers are told that their requests have ended; absent: no caller is known to have a webhook. */
  readonly webhooks?: Webhooks;
  /** Once it is aborted, no execution begins anything new: the worker stops, and another goes on. */
  readonly handOver?: AbortSignal;
}

const AT_ONCE: Turn = { notBefore: null, because: null };

/** The activities that the worker registers. */
export function createActivities(parts: ActivityParts): Activities {
  const { handOver = new AbortController().signal } = parts;

  function unlockStep<Report>(request: UnlockRequest, turn: Turn, body: (execution: Execution) => Promise<Report>): Promise<Report> {
    return execute({ turn, handOver }, async (execution) => {
      try {
        execution.throwIfHandingOver();
        return await body(execution);
      } catch (error) {
        throw asFailure(error, execution, request.budget);
      }
    });
  }

  function reconcilerStep<Report>(body: (execution: Execution) => Promise<Report>): Promise<Report> {
    return execute({ turn: AT_ONCE, handOver }, async (execution) => {
      try {
        execution.throwIfHandingOver();
        return await body(execution);
      } catch (error) {
        throw asReconcilerFailure(error);
      }
    });
  }

  return {
    checkLockStatus: (request, turn) => unlockStep(request, turn, (execution) => checkLockStatus(parts, request, execution)),
    readApproval: (request) => unlockStep(request, AT_ONCE, (execution) => readApproval(parts, request, execution)),
    sendUnlock: (request, turn) => unlockStep(request, turn, (execution) => sendUnlock(parts, request, turn, execution)),
    recordOutcome: (request, proposal, turn) =>
      unlockStep(request, turn, (execution) => recordOutcome(parts, request, proposal, execution)),
    readLockStatus: (query) => readLockStatus(parts.upstream, query),
    checkRelock: (watch) => reconcilerStep((execution) => checkRelock(parts, watch, execution)),
    deliverWebhook: (notification) => reconcilerStep((execution) => deliverWebhook(parts, notification, execution)),
    recordNotified: (notification, end) => reconcilerStep((execution) => recordNotified(parts, notification, end, execution)),
    compareWithTemporal: (progress) => reconcilerStep((execution) => compareWithTemporal(parts, progress, execution)),
    findOpenRequests: (scannedTo) => reconcilerStep((execution) => findOpenRequests(parts, scannedTo, execution)),
    lookAtRunning: (place) => reconcilerStep((execution) => lookAtRunning(parts, place, execution)),
    reconcileRequests: (correlationIds) => reconcilerStep((execution) => reconcileRequests(parts, correlationIds, execution)),
  };
}
