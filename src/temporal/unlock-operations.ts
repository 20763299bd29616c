import { WorkflowNotFoundError, WorkflowUpdateFailedError, type Client } from '@temporalio/client';
import type { ApprovalReading } from '../../activities/contract.js';
import type { OperatorAction } from '../domain/operator-action.js';
import { FRONT_DOOR_IDENTITY } from '../domain/out-of-band.js';
import { unlockWorkflowId } from '../domain/unlock-request.js';
import { CALL_TIMEOUT_MS, callWithin } from './bounded-calls.js';
import { hasCode, NOT_FOUND } from './grpc-code.js';
import type { UnlockExecutions } from './unlock-executions.js';

/** Where the worker must take a task up before there is an answer. */
const DECISION_TIMEOUT_MS = 10_000;

/** A second person's decision as an update of the workflow: see `UnlockExecutions.tellDecision`. */
export function createTellDecision({ client }: { readonly client: Client }): UnlockExecutions['tellDecision'] {
  return (correlationId, decisionId) =>
    callWithin(client, DECISION_TIMEOUT_MS, async () => {
      try {
        const handle = client.workflow.getHandle(unlockWorkflowId(correlationId));
        await handle.executeUpdate<ApprovalReading, []>('approvalDecided', { args: [], updateId: decisionId });
        return 'taken';
      } catch (error) {
        if (isNotFound(error) || error instanceof WorkflowUpdateFailedError) return 'nothing_there';
        throw error;
      }
    });
}

/** The operator's actions as Temporal's own operations: see `UnlockExecutions.operate`. */
export function createOperate({ client }: { readonly client: Client }): UnlockExecutions['operate'] {
  const { workflowService } = client;
  const { namespace } = client.options;

  return async (action, { request, runId, pending }) => {
    const workflowId = unlockWorkflowId(request.correlationId);
    const activity = { namespace, execution: { workflowId, runId }, id: pending?.activityId ?? '', identity: FRONT_DOOR_IDENTITY };
    const unpause = () => workflowService.unpauseActivity(activity);
    const operations: Record<OperatorAction, () => Promise<unknown>> = {
      async cancel() {
        await client.workflow.getHandle(workflowId, runId).cancel();
        // While an execution that was paused holds its step, none of Temporal's time-outs ends it: lost with its worker, it would
        // hold up the cancellation for ever.
        if (pending?.paused === true && pending.state === 'running') await unless(isNotFound, unpause());
      },
      pause: () => workflowService.pauseActivity(activity),
      resume: unpause,
      // One call, where pausing and unpausing would be two: whatever dies in between must not leave the request paused.
      'retry-now': () => workflowService.resetActivity({ ...activity, keepPaused: true }),
    };
    return callWithin(client, CALL_TIMEOUT_MS, () =>
      operations[action]().then(
        () => 'carried_out' as const,
        (error: unknown) => {
          if (isNotFound(error)) return 'nothing_there' as const;
          throw error;
        },
      ),
    );
  };
}

function isNotFound(error: unknown): boolean {
  return error instanceof WorkflowNotFoundError || hasCode(error, NOT_FOUND);
}

async function unless(expected: (error: unknown) => boolean, work: Promise<unknown>): Promise<void> {
  await work.catch((error: unknown) => {
    if (!expected(error)) throw error;
  });
}
