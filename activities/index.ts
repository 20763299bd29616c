import type { AuditLog } from '../src/audit/audit-log.js';
import type { UnlockRequest } from '../src/domain/unlock-request.js';
import type { Upstream } from '../src/upstream/index.js';
import { checkLockStatus } from './check-lock-status.js';
import type { Activities, Turn } from './contract.js';
import { execute, type Execution } from './execution.js';
import { asFailure } from './failures.js';
import { readLockStatus } from './read-lock-status.js';
import { recordOutcome } from './record-outcome.js';
import { sendUnlock } from './send-unlock.js';

/** What the activities work with; a test hands in the same with other bricks. */
export interface ActivityParts {
  readonly upstream: Upstream;
  readonly audit: AuditLog;
}

/** The activities that the worker registers. */
export function createActivities(parts: ActivityParts): Activities {
  return {
    checkLockStatus: (request, turn) => unlockStep(request, turn, (execution) => checkLockStatus(parts, request, execution)),
    sendUnlock: (request, turn) => unlockStep(request, turn, (execution) => sendUnlock(parts, request, turn, execution)),
    recordOutcome: (request, proposal, turn) =>
      unlockStep(request, turn, (execution) => recordOutcome(parts, request, proposal, execution)),
    readLockStatus: (query) => readLockStatus(parts.upstream, query),
  };
}

function unlockStep<Report>(request: UnlockRequest, turn: Turn, body: (execution: Execution) => Promise<Report>): Promise<Report> {
  return execute(turn, async (execution) => {
    try {
      return await body(execution);
    } catch (error) {
      throw asFailure(error, execution.activityAttempt, request.budget);
    }
  });
}
