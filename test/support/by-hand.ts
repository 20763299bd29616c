import { randomUUID } from 'node:crypto';
import type { Execution } from '../../activities/execution.js';
import type { UnlockRequest } from '../../src/domain/unlock-request.js';
import type { CustomerSetup } from '../../src/sandbox/index.js';
import type { Latchkey } from './latchkey.js';

/** An unlock request for activities that a test runs by hand, of a customer as the bank is to have them. */
export function wishAt(latchkey: Latchkey, customerId: string, setup: CustomerSetup): UnlockRequest {
  latchkey.sandbox.customers.set(customerId, setup);
  return {
    correlationId: randomUUID(),
    institutionId: latchkey.sandbox.institutionId,
    customerId,
    actor: { type: 'user', id: 'agent-1', name: null, clientId: null, onBehalfOf: null },
    reason: null,
    reasonCode: null,
    ticket: null,
    source: { component: 'test', clientAddress: null, userAgent: null },
    requestedAt: new Date().toISOString(),
    budget: {
      maxAttempts: 6,
      initialIntervalMs: 50,
      maxIntervalMs: 400,
      retryAfterMaxMs: 2_000,
      activityTimeoutMs: 20_000,
      deadlineAt: new Date(Date.now() + 60_000).toISOString(),
    },
  };
}

/** One execution of an activity, as Temporal would start it once more. */
export function execution({ correlationId }: UnlockRequest, wish: Partial<Execution> = {}): Execution {
  const startedMs = performance.now();
  return {
    id: randomUUID(),
    workflowId: `unlock-${correlationId}`,
    runId: 'run-1',
    activityId: '1',
    activityAttempt: 1,
    isLocal: false,
    throwIfHandingOver: () => undefined,
    calledOff: () => false,
    unrecorded: () => null,
    hold: () => undefined,
    elapsedMs: () => performance.now() - startedMs,
    ...wish,
  };
}
