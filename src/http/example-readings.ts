import type { z } from 'zod';
import { diagnose } from '../domain/diagnosis.js';
import type { StatusFlags } from '../domain/lock-status.js';
import { unlockWorkflowId } from '../domain/unlock-request.js';
import type { auditEventPageSchema, dryRunSchema, HealthSummary, lockStatusSchema, unlockPageSchema } from './answer-schemas.js';
import { EXAMPLE_CORRELATION_ID, EXAMPLE_CUSTOMER_ID, EXAMPLE_EVENT_ID, type Example } from './example-errors.js';
import { endedUnlocks } from './example-unlocks.js';

type LockStatusAnswer = z.infer<typeof lockStatusSchema>;
type AuditEventItem = z.infer<typeof auditEventPageSchema>['items'][number];

const { correlationId, state, outcome, verification, requestedAt, links, ...unlocked } = endedUnlocks.unlocked.value;

function lockStatus(flags: StatusFlags, lastUnlocks: LockStatusAnswer['lastUnlocks']): LockStatusAnswer {
  return {
    customerId: EXAMPLE_CUSTOMER_ID,
    institutionId: unlocked.institutionId,
    lockStatus: flags.locked === true ? 'locked' : 'not_locked',
    flags: { ...flags },
    diagnosis: diagnose(flags),
    approvalNeeded: false,
    lastUnlocks,
    correlationId: '0b1c7f4e-9d55-4c11-9a6c-5e1f0f6f7a52',
  };
}

const standing = { active: true, registered: true, approved: true, reset: false, rejected: false };

/** What the bank may say of a customer. */
export const lockStatuses = {
  locked: { summary: 'Locked: an unlock is all that is needed', value: lockStatus({ ...standing, locked: true, onHold: false }, []) },
  locked_on_hold: {
    summary: 'Locked and on hold: an unlock alone will not help',
    value: lockStatus({ ...standing, locked: true, onHold: true }, []),
  },
  not_locked: {
    summary: 'Not locked, after an unlock',
    value: lockStatus({ ...standing, locked: false, onHold: false }, [
      { correlationId, state, outcome, verification, requestedAt, links: { self: links.self } },
    ]),
  },
} satisfies Record<string, Example<LockStatusAnswer>>;

/** What may be said of a request that was not made. */
export const dryRuns = {
  dry_run: {
    summary: 'A dry run: an unlock would be sent',
    value: {
      dryRun: true,
      correlationId: EXAMPLE_CORRELATION_ID,
      customerId: EXAMPLE_CUSTOMER_ID,
      institutionId: unlocked.institutionId,
      lockStatus: 'locked',
      flags: { ...standing, locked: true, onHold: false },
      diagnosis: null,
      wouldSendPut: true,
      approvalNeeded: false,
      expectedOutcome: 'unlocked',
      because: 'The customer is locked: a PUT would be sent, and nothing else keeps the customer out.',
    },
  },
} satisfies Record<string, Example<z.infer<typeof dryRunSchema>>>;

export const unlockPage: Example<z.infer<typeof unlockPageSchema>> = {
  summary: 'The last page',
  value: { items: [endedUnlocks.unlocked_after_retries.value], nextCursor: null },
};

const blank: AuditEventItem = {
  id: EXAMPLE_EVENT_ID,
  position: 42,
  occurredAt: requestedAt,
  recordedAt: requestedAt,
  action: 'customer.unlock.attempt_finished',
  correlationId,
  institutionId: unlocked.institutionId,
  customerId: EXAMPLE_CUSTOMER_ID,
  actorType: null,
  actorId: null,
  actorName: null,
  onBehalfOf: null,
  reason: null,
  reasonCode: null,
  ticket: null,
  source: null,
  workflowId: unlockWorkflowId(EXAMPLE_CORRELATION_ID),
  runId: '2f4c9f0e-6a0b-4c7d-8b62-0d9f7f4f6f10',
  attempt: null,
  activityAttempt: null,
  executionId: null,
  result: null,
  outcome: null,
  verification: null,
  httpStatus: null,
  upstreamCode: null,
  upstreamMessage: null,
  durationMs: null,
  lockStatus: null,
  metadata: {},
};

/** What whoever looks after unlocks sees at a glance. */
export const exampleHealth: Example<HealthSummary> = {
  summary: 'The bank answers now and then only',
  value: {
    at: '2026-11-27T09:31:00.000Z',
    running: {
      since: '2026-11-26T09:16:00.000Z',
      count: 5,
      waitingForApproval: 1,
      paused: 0,
      waitingForRetry: 3,
      oldest: { correlationId: EXAMPLE_CORRELATION_ID, requestedAt: '2026-11-27T09:24:12.000Z' },
      complete: true,
    },
    lastHour: {
      since: '2026-11-27T08:31:00.000Z',
      outcomes: { unlocked: 118, not_locked: 4, rejected: 1, failed: 0, cancelled: 0 },
      attempts: { succeeded: 118, rejected: 1, retryable: 20, unknown: 1 },
      bankErrorRate: 0.15,
      complete: true,
    },
    sealing: { checkpointAt: '2026-11-27T09:30:58.000Z', newestRowAt: '2026-11-27T09:30:59.500Z', behindMs: 1_500 },
    parts: [
      { part: 'postgres', ready: true },
      { part: 'temporal', ready: true },
    ],
  },
};

export const auditEventPage: Example<z.infer<typeof auditEventPageSchema>> = {
  summary: 'The end of a clean unlock, newest first',
  value: {
    items: [
      {
        ...blank,
        id: 'a0f6f3f4-6f5d-5d0e-9b53-0c6d4f5b7e21',
        position: 43,
        action: 'customer.unlock.completed',
        outcome,
        verification,
        lockStatus: 'not_locked',
      },
      {
        ...blank,
        attempt: 1,
        activityAttempt: 1,
        result: 'succeeded',
        httpStatus: 204,
        durationMs: 120,
        metadata: { meaning: 'unlocked' },
      },
    ],
    nextCursor: null,
  },
};
