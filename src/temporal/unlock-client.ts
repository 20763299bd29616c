import { createHash, randomUUID } from 'node:crypto';
import {
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
  WorkflowNotFoundError,
  type Client,
  type WorkflowHandle,
} from '@temporalio/client';
import { decodeFromPayloadsAtIndex } from '@temporalio/common/lib/internal-non-workflow/index.js';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { canonicalize } from '../proof/canonical-json.js';
import { unlockWorkflowId, type UnlockRequest } from '../domain/unlock-request.js';
import type { readLockStatus, unlockCustomer } from '../../workflows/index.js';
import { CALL_TIMEOUT_MS, callWithin } from './bounded-calls.js';
import { pendingStep } from './pending-step.js';
import { searchAttributesOf } from './search-attributes.js';
import { taskQueue } from './settings.js';
import { TemporalUnavailableError, type UnlockExecution, type UnlockExecutions } from './unlock-executions.js';
import { createOperate, createTellDecision } from './unlock-operations.js';
import { unlockRequestPayload } from './unlock-request-payload.js';

interface UnlockClientParts {
  readonly client: Client;
  readonly customerRefKey: string;
  /** How long a look at the lock status may take, in milliseconds. */
  readonly readTimeoutMs: number;
  readonly taskQueue?: string;
  /** The client of a worker in this process: an unlock started through it may begin there at once. */
  readonly eagerClient?: Client | undefined;
  /** The origin of the pages for people; absent or null: there are none. */
  readonly pagesUrl?: (() => string | null) | undefined;
}

const SECOND_START_TIMEOUT_MS = 2_000;
const HISTORY_TIMEOUT_MS = 10_000;
const PING_TIMEOUT_MS = 2_000;
const WAIT_AGAIN_MS = 500;

/** The unlock workflows through a Temporal client. */
export function createUnlockClient({
  client,
  eagerClient,
  customerRefKey,
  readTimeoutMs,
  taskQueue: queue = taskQueue,
  pagesUrl = () => null,
}: UnlockClientParts): UnlockExecutions {
  const { connection } = client;
  const { namespace } = client.options;

  function startOnce(request: UnlockRequest, timeoutMs: number, through: Client): Promise<unknown> {
    const start = () =>
      through.workflow.start<typeof unlockCustomer>('unlockCustomer', {
        taskQueue: queue,
        workflowId: unlockWorkflowId(request.correlationId),
        workflowIdReusePolicy: 'REJECT_DUPLICATE',
        workflowIdConflictPolicy: 'FAIL',
        args: [request],
        typedSearchAttributes: searchAttributesOf(request, customerRefKey),
        staticSummary: `Unlock request ${request.correlationId}`,
        staticDetails: staticDetails(request, pagesUrl()),
        ...(through === eagerClient ? { requestEagerStart: true } : {}),
      });
    return callWithin(through, timeoutMs, start);
  }

  async function find(correlationId: string): Promise<UnlockExecution | null> {
    const workflowId = unlockWorkflowId(correlationId);
    try {
      return await callWithin(client, CALL_TIMEOUT_MS, async () => {
        const description = await client.workflow.getHandle(workflowId).describe();
        const execution = { workflowId, runId: description.runId };
        const { history } = await client.workflowService.getWorkflowExecutionHistory({ namespace, execution, maximumPageSize: 1 });
        const input = history?.events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads;
        const request = unlockRequestPayload.parse(await decodeFromPayloadsAtIndex(client.options.loadedDataConverter, 0, input));
        const running = description.status.name === 'RUNNING';
        return {
          request,
          runId: description.runId,
          state: running ? 'running' : 'closed',
          pending: running ? pendingStep(description.raw.pendingActivities) : null,
        };
      });
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return null;
      throw error;
    }
  }

  return {
    async start(request) {
      try {
        try {
          await startOnce(request, CALL_TIMEOUT_MS, eagerClient ?? client);
        } catch (error) {
          if (!(error instanceof TemporalUnavailableError)) throw error;
          // The reply may have been lost after its effect; the same id finds out.
          await startOnce(request, SECOND_START_TIMEOUT_MS, client);
        }
        return { kind: 'started' };
      } catch (error) {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
        const execution = await find(request.correlationId);
        if (execution === null) throw new TemporalUnavailableError('Temporal knows the workflow and does not show it');
        return { kind: 'exists', execution };
      }
    },

    find,

    async waitUntilClosed(correlationId, waitMs, signal) {
      const time = AbortSignal.timeout(waitMs);
      const either = AbortSignal.any([time, signal]);
      const handle: WorkflowHandle<typeof unlockCustomer> = client.workflow.getHandle(unlockWorkflowId(correlationId));
      while (!either.aborted) {
        try {
          await connection.withAbortSignal(either, () => handle.result());
          return 'closed';
        } catch (error) {
          if (error instanceof WorkflowFailedError) return 'closed';
          if (either.aborted) break;
          await pause(WAIT_AGAIN_MS, either);
        }
      }
      return 'running';
    },

    operate: createOperate({ client }),

    tellDecision: createTellDecision({ client }),

    async readLockStatus(query) {
      try {
        return await callWithin(client, readTimeoutMs, () =>
          client.workflow.execute<typeof readLockStatus>('readLockStatus', {
            taskQueue: queue,
            workflowId: `read-lock-status-${randomUUID()}`,
            workflowExecutionTimeout: readTimeoutMs,
            args: [query],
            typedSearchAttributes: searchAttributesOf(query, customerRefKey),
            staticSummary: `Read a lock status, ${query.correlationId}`,
          }),
        );
      } catch (error) {
        if (!(error instanceof WorkflowFailedError)) throw error;
        return { kind: 'unavailable', httpStatus: null, upstreamCode: null, upstreamMessage: null, meaning: 'no_answer' };
      }
    },

    async historyOf(correlationId) {
      const workflowId = unlockWorkflowId(correlationId);
      try {
        return await callWithin(client, HISTORY_TIMEOUT_MS, async () => {
          const { runId, status } = await client.workflow.getHandle(workflowId).describe();
          const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
          // As bytes the same history may come in many forms: its maps have no order.
          const json = canonicalize(JSON.parse(historyToJSON(history)));
          const sha256 = createHash('sha256').update(json).digest('hex');
          return { workflowId, runId, events: history.events?.length ?? 0, sha256, status: status.name.toLowerCase() };
        });
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return null;
        throw error;
      }
    },

    async ping() {
      await callWithin(client, PING_TIMEOUT_MS, () => client.workflowService.describeNamespace({ namespace }));
    },
  };
}

function staticDetails({ correlationId, institutionId, budget }: UnlockRequest, pagesUrl: string | null): string {
  return [
    ...(pagesUrl === null ? [] : [`[This request on the desk](${new URL(`/unlocks/${correlationId}`, pagesUrl).href})`, '']),
    `Institution \`${institutionId}\`; at most ${budget.maxAttempts} attempts until ${budget.deadlineAt}.`,
    '',
    'A pending activity may be paused, unpaused and reset here; cancelling takes effect between attempts. As far as Temporal tells what is done here, it goes on record as `operator.out_of_band`, under the name that Temporal was told; `POST /v1/unlocks/{correlationId}:pause` and its kin do the same with a verified name and a reason. Who asked for the unlock, and every attempt, stands in the audit log under the same correlationId.',
  ].join('\n');
}

async function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, delayMs);
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
  });
}
