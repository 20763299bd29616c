import { WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError, type Client } from '@temporalio/client';
import { decodeTypedSearchAttributes } from '@temporalio/common/lib/converter/payload-search-attributes.js';
import { decodeFromPayloadsAtIndex } from '@temporalio/common/lib/internal-non-workflow/index.js';
import { defineSearchAttributeKey, type Payload } from '@temporalio/common';
import proto from '@temporalio/proto';
import { z } from 'zod';
import type { ClosedExecution, Executions, ExecutionState, NotificationState, UnlockResult } from '../../activities/contract.js';
import { notificationResults, notifyWorkflowId, type NotificationEnd } from '../domain/notification.js';
import { outcomes, verifications } from '../domain/outcome.js';
import type { OperationTrace } from '../domain/out-of-band.js';
import { parseCorrelationId, unlockWorkflowId } from '../domain/unlock-request.js';
import type { notifyCaller } from '../../workflows/index.js';
import { operationsIn, pausesIn } from './operation-traces.js';
import { taskQueue } from './settings.js';
import { unlockRequestPayload } from './unlock-request-payload.js';

interface ExecutionsParts {
  readonly client: Client;
  readonly taskQueue?: string;
}

const CALL_TIMEOUT_MS = 10_000;
const PAGE = 500;
const unlockOutcome = defineSearchAttributeKey('UnlockOutcome', 'KEYWORD');
const unlockAttempts = defineSearchAttributeKey('UnlockAttempts', 'INT');
const ofCorrelationId = defineSearchAttributeKey('CorrelationId', 'KEYWORD');
const ofInstitutionId = defineSearchAttributeKey('InstitutionId', 'KEYWORD');
const kinds = [
  { kind: 'unlock', prefix: unlockWorkflowId('') },
  { kind: 'notification', prefix: notifyWorkflowId('') },
] as const;
const { WORKFLOW_EXECUTION_STATUS_COMPLETED } = proto.temporal.api.enums.v1.WorkflowExecutionStatus;

const unlockResult: z.ZodType<UnlockResult> = z.object({
  outcome: z.enum(outcomes),
  verification: z.enum(verifications).nullable(),
  attempts: z.number(),
});

const notificationEnd: z.ZodType<NotificationEnd> = z.object({
  result: z.enum(notificationResults),
  tries: z.number(),
  httpStatus: z.number().nullable(),
  host: z.string().nullable(),
});

/** The unlock workflows as the reconciler sees them, through a Temporal client. */
export function createExecutions({ client, taskQueue: queue = taskQueue }: ExecutionsParts): Executions {
  const { namespace, loadedDataConverter } = client.options;

  /** Temporal's client sets no deadline of its own. */
  const within = <Result>(call: () => Promise<Result>): Promise<Result> =>
    client.connection.withDeadline(Date.now() + CALL_TIMEOUT_MS, call);

  /** Null where it is encrypted with a key that is gone, or is not of this form. */
  async function read<Value>(payloads: readonly Payload[] | null | undefined, schema: z.ZodType<Value>): Promise<Value | null> {
    try {
      return schema.parse(await decodeFromPayloadsAtIndex(loadedDataConverter, 0, [...(payloads ?? [])]));
    } catch {
      return null;
    }
  }

  return {
    async listClosed({ since, until, pageToken }) {
      const { executions, nextPageToken } = await within(() =>
        client.workflowService.listWorkflowExecutions({
          namespace,
          pageSize: PAGE,
          query: [
            "WorkflowType IN ('unlockCustomer', 'notifyCaller')",
            `TaskQueue = '${queue}'`,
            "ExecutionStatus != 'Running'",
            ...(since === null ? [] : [`CloseTime >= '${since}'`]),
            `CloseTime < '${until}'`,
          ].join(' AND '),
          ...(pageToken === null ? {} : { nextPageToken: Buffer.from(pageToken, 'base64') }),
        }),
      );
      return { executions: executions.flatMap(asClosed), nextPageToken: asText(nextPageToken) };
    },

    async stateOf(correlationId): Promise<ExecutionState> {
      const handle = client.workflow.getHandle(unlockWorkflowId(correlationId));
      try {
        const { closeTime, runId, status } = await within(() => handle.describe());
        if (closeTime === undefined) return { kind: 'running' };
        const run = client.workflow.getHandle(handle.workflowId, runId);
        const { events } = await within(() => run.fetchHistory());
        const input = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads;
        const result = events?.at(-1)?.workflowExecutionCompletedEventAttributes?.result?.payloads;
        const askedToCancel = events?.some((event) => Boolean(event.workflowExecutionCancelRequestedEventAttributes)) ?? false;
        return {
          kind: 'closed',
          operations: operationsIn(events ?? [], runId),
          closedAs: status.name.toLowerCase(),
          closedAt: closeTime.toISOString(),
          runId,
          cancelRequested: askedToCancel || status.name === 'CANCELLED',
          request: await read(input, unlockRequestPayload),
          result: result === undefined ? null : await read(result, unlockResult),
        };
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return { kind: 'gone' };
        throw error;
      }
    },

    async operationsOn(correlationId, runId): Promise<readonly OperationTrace[]> {
      try {
        const { events } = await within(() => client.workflow.getHandle(unlockWorkflowId(correlationId), runId).fetchHistory());
        return operationsIn(events ?? [], runId);
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return [];
        throw error;
      }
    },

    async lastFailureOf({ workflowId, runId, activityId }) {
      const { raw } = await within(() => client.workflow.getHandle(workflowId, runId).describe());
      const { lastAttemptCompleteTime = null, lastFailure = null } =
        raw.pendingActivities?.find((each) => each.activityId === activityId) ?? {};
      if (lastAttemptCompleteTime === null) return { kind: 'none' };
      return lastFailure === null ? { kind: 'taken_away' } : { kind: 'kept', type: lastFailure.applicationFailureInfo?.type ?? null };
    },

    async listPaused() {
      const { executions } = await within(() =>
        client.workflowService.listWorkflowExecutions({
          namespace,
          pageSize: PAGE,
          query: `WorkflowType = 'unlockCustomer' AND TaskQueue = '${queue}' AND ExecutionStatus = 'Running' AND TemporalPauseInfo IS NOT NULL`,
        }),
      );
      const paused = [];
      for (const { correlationId, runId } of executions.flatMap(asClosed)) {
        try {
          const { raw } = await within(() => client.workflow.getHandle(unlockWorkflowId(correlationId), runId).describe());
          paused.push({ correlationId, operations: pausesIn(raw.pendingActivities ?? [], runId) });
        } catch (error) {
          if (!(error instanceof WorkflowNotFoundError)) throw error;
        }
      }
      return paused;
    },

    async notifyCaller(notification): Promise<NotificationState> {
      const { correlationId, institutionId } = notification;
      const workflowId = notifyWorkflowId(correlationId);
      try {
        await within(() =>
          client.workflow.start<typeof notifyCaller>('notifyCaller', {
            taskQueue: queue,
            workflowId,
            workflowIdReusePolicy: 'REJECT_DUPLICATE',
            workflowIdConflictPolicy: 'FAIL',
            args: [notification],
            typedSearchAttributes: [
              { key: ofCorrelationId, value: correlationId },
              { key: ofInstitutionId, value: institutionId },
            ],
            staticSummary: `Tell the caller of ${correlationId}`,
          }),
        );
        return { kind: 'running' };
      } catch (error) {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      }
      const { closeTime, runId } = await within(() => client.workflow.getHandle(workflowId).describe());
      if (closeTime === undefined) return { kind: 'running' };
      const { events } = await within(() => client.workflow.getHandle(workflowId, runId).fetchHistory());
      const result = events?.at(-1)?.workflowExecutionCompletedEventAttributes?.result?.payloads;
      const end = result === undefined ? null : await read(result, notificationEnd);
      return { kind: 'closed', runId, operations: operationsIn(events ?? [], runId), end };
    },
  };
}

type ListedExecution = proto.temporal.api.workflow.v1.IWorkflowExecutionInfo;

function asClosed({ execution, status, historyLength, searchAttributes }: ListedExecution): ClosedExecution[] {
  const workflowId = execution?.workflowId ?? '';
  const found = kinds.find(({ prefix }) => workflowId.startsWith(prefix));
  const correlationId = found === undefined ? null : parseCorrelationId(workflowId.slice(found.prefix.length));
  if (found === undefined || correlationId === null) return [];
  const attributes = decodeTypedSearchAttributes(searchAttributes?.indexedFields);
  return [
    {
      kind: found.kind,
      correlationId,
      completed: status === WORKFLOW_EXECUTION_STATUS_COMPLETED,
      outcome: attributes.get(unlockOutcome) ?? null,
      attempts: attributes.get(unlockAttempts) ?? null,
      runId: execution?.runId ?? '',
      historyLength: Number(historyLength ?? 0),
    },
  ];
}

function asText(pageToken: Uint8Array): string | null {
  return pageToken.length === 0 ? null : Buffer.from(pageToken).toString('base64');
}
