import proto from '@temporalio/proto';
import { unlockWorkflowId } from '../src/domain/unlock-request.js';
import { createTemporalClient } from '../src/temporal/client.js';
import { mean } from './percentile.js';

const { EventType } = proto.temporal.api.enums.v1;

/** Means over a sample of closed workflows. */
export interface HistoryCost {
  readonly events: number;
  readonly bytes: number;
  readonly workflowTasks: number;
}

interface Sample {
  readonly address: string;
  readonly namespace: string;
  readonly correlationIds: readonly string[];
}

const SAMPLES = 50;

/** Looks at up to 50 of the unlocks' workflows, spread over all of them; bytes are what the server says of its history. */
export async function costOfHistories({ address, namespace, correlationIds }: Sample): Promise<HistoryCost> {
  const { client, connection } = createTemporalClient({ address, namespace, tls: undefined, apiKey: undefined });
  const every = Math.max(1, Math.floor(correlationIds.length / SAMPLES));
  try {
    const costs = [];
    for (const correlationId of correlationIds.filter((_, index) => index % every === 0).slice(0, SAMPLES)) {
      const execution = { workflowId: unlockWorkflowId(correlationId) };
      const { workflowExecutionInfo } = await client.workflowService.describeWorkflowExecution({ namespace, execution });
      const { history } = await client.workflowService.getWorkflowExecutionHistory({ namespace, execution });
      const events = history?.events ?? [];
      costs.push({
        events: events.length,
        bytes: Number(workflowExecutionInfo?.historySizeBytes ?? NaN),
        workflowTasks: events.filter(({ eventType }) => eventType === EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED).length,
      });
    }
    return {
      events: mean(costs.map(({ events }) => events)),
      bytes: mean(costs.map(({ bytes }) => bytes)),
      workflowTasks: mean(costs.map(({ workflowTasks }) => workflowTasks)),
    };
  } finally {
    await connection.close();
  }
}

const REQUESTS = /^service_requests\{namespace="([^"]*)",operation="(\w+)",service_name="frontend"\} (\S+)$/gm;

/** The server tells what it counted a moment ago. */
const METRICS_LAG_MS = 2_500;

/** How often the server's front end was called for a namespace so far, by operation, as its metrics tell. */
export async function callsToTemporal(metricsUrl: string, namespace: string): Promise<Map<string, number>> {
  await new Promise((resolve) => setTimeout(resolve, METRICS_LAG_MS));
  const text = await (await fetch(metricsUrl)).text();
  const calls = [...text.matchAll(REQUESTS)].filter(([, its]) => its === namespace);
  return new Map(calls.map(([, , operation = '', count]) => [operation, Number(count)]));
}
