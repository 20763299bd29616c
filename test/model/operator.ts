import { randomUUID } from 'node:crypto';
import type { Client, WorkflowHandle } from '@temporalio/client';
import proto from '@temporalio/proto';
import type { Request } from './evidence.js';

interface OperatorParts {
  readonly client: Client;
  readonly requestOf: (name: string) => Request;
  readonly handleOf: (name: string) => WorkflowHandle;
}

/** Somebody with Temporal's own tools; where there is nothing to act on, nothing is done. */
export function createOperator({ client, requestOf, handleOf }: OperatorParts) {
  const { workflowService } = client;

  async function carriedOut(operation: () => Promise<unknown>): Promise<boolean> {
    return operation().then(
      () => true,
      () => false,
    );
  }

  async function pendingActivity(name: string) {
    const handle = handleOf(name);
    const pending = (await handle.describe()).raw.pendingActivities?.[0];
    if (pending === undefined) throw new Error('nothing is pending');
    return { namespace: 'default', execution: { workflowId: handle.workflowId }, id: pending.activityId ?? '', identity: 'operator' };
  }

  async function unpause(name: string): Promise<void> {
    requestOf(name).hurried = true;
    await carriedOut(async () => workflowService.unpauseActivity(await pendingActivity(name)));
  }

  return {
    unpause,
    async unpauseIfPaused(name: string): Promise<void> {
      const { pendingActivities } = (await handleOf(name).describe()).raw;
      if (pendingActivities?.[0]?.paused === true) await unpause(name);
    },
    async cancel(name: string): Promise<void> {
      const request = requestOf(name);
      request.cancelTried = true;
      if (await carriedOut(() => handleOf(name).cancel())) request.cancelledAtMs ??= Date.now();
    },
    pause: (name: string) => carriedOut(async () => workflowService.pauseActivity(await pendingActivity(name))),
    async resetActivity(name: string): Promise<void> {
      requestOf(name).hurried = true;
      await carriedOut(async () => workflowService.resetActivity(await pendingActivity(name)));
    },
    /** To before the first step. */
    async resetWorkflow(name: string): Promise<void> {
      requestOf(name).reset = true;
      const { ResetWorkflowExecutionRequest } = proto.temporal.api.workflowservice.v1;
      await carriedOut(async () => {
        const { workflowId, runId } = await handleOf(name).describe();
        const wish = { workflowTaskFinishEventId: 4, requestId: randomUUID(), reason: 'the model' };
        const reset = ResetWorkflowExecutionRequest.fromObject({ namespace: 'default', workflowExecution: { workflowId, runId }, ...wish });
        await workflowService.resetWorkflowExecution(reset);
      });
    },
    async terminate(name: string): Promise<void> {
      requestOf(name).terminated = true;
      await carriedOut(() => handleOf(name).terminate());
    },
  };
}
