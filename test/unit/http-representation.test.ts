import { describe, expect, it } from '@jest/globals';
import { unlockRecord } from '../../src/domain/unlock-record.js';
import type { UnlockRequest } from '../../src/domain/unlock-request.js';
import { auditEventSchema, unlockSchema } from '../../src/http/answer-schemas.js';
import { auditEventItem } from '../../src/http/audit-events.js';
import { represent } from '../../src/http/representation.js';
import type { UnlockExecution } from '../../src/temporal/unlock-executions.js';
import { auditEvent } from '../support/audit-event.js';

const correlationId = 'f8187c63-678f-4f0c-9263-46723794661a';
const subject = { correlationId, customerId: 'c1', institutionId: 'bank-one' };
const links = { temporalUiUrl: 'http://127.0.0.1:8233/', namespace: 'default' };

const requested = auditEvent({
  ...subject,
  action: 'customer.unlock.requested',
  actorType: 'service',
  actorId: 'desk',
  onBehalfOf: 'ann',
  reason: 'called in',
  metadata: { clientId: 'desk' },
});
const checked = auditEvent({
  ...subject,
  action: 'customer.unlock.status_checked',
  lockStatus: 'locked',
  metadata: { diagnosis: 'On hold.' },
});
const started = auditEvent({ ...subject, action: 'customer.unlock.attempt_started', attempt: 1 });
const finished = auditEvent({
  ...subject,
  action: 'customer.unlock.attempt_finished',
  attempt: 1,
  result: 'succeeded',
  httpStatus: 204,
  durationMs: 12,
  metadata: { meaning: 'unlocked' },
});
const completed = auditEvent({
  ...subject,
  action: 'customer.unlock.completed',
  outcome: 'unlocked',
  verification: 'confirmed',
  metadata: { diagnosis: null },
});

const request: UnlockRequest = {
  ...subject,
  actor: { type: 'user', id: 'ann', name: 'Ann', clientId: 'desk', onBehalfOf: null },
  reason: null,
  reasonCode: null,
  ticket: null,
  source: { component: 'api', clientAddress: null, userAgent: null },
  requestedAt: '2026-01-31T09:30:00.000Z',
  budget: {
    maxAttempts: 3,
    initialIntervalMs: 1,
    maxIntervalMs: 1,
    retryAfterMaxMs: 1,
    activityTimeoutMs: 1,
    deadlineAt: '2026-01-31T09:45:00.000Z',
  },
};

function waiting(nextAttemptAt: Date): UnlockExecution {
  const pending = { activityId: '1', isSettling: false, state: 'waiting', paused: false, nextAttemptAt } as const;
  return { request, runId: 'run', state: 'running', pending };
}

describe('an unlock request as callers read it', () => {
  it('is told from its rows alone once it has ended', () => {
    const record = unlockRecord([requested, checked, started, finished, completed]);
    const answer = represent({ record, request: null, execution: waiting(new Date()) }, links);
    expect(unlockSchema.parse(answer)).toEqual(answer);
    expect(answer).toEqual({
      ...subject,
      state: 'completed',
      approval: null,
      outcome: 'unlocked',
      verification: 'confirmed',
      diagnosis: null,
      requestedAt: '2026-01-31T09:30:00.000Z',
      requestedBy: { type: 'service', id: 'desk', name: null, clientId: 'desk', onBehalfOf: { id: 'ann', asserted: true } },
      reason: 'called in',
      reasonCode: null,
      ticket: null,
      completedAt: '2026-01-31T09:30:00.000Z',
      attempts: [
        {
          attempt: 1,
          startedAt: '2026-01-31T09:30:00.000Z',
          finishedAt: '2026-01-31T09:30:00.000Z',
          result: 'succeeded',
          httpStatus: 204,
          upstreamCode: null,
          upstreamMessage: null,
          durationMs: 12,
        },
      ],
      nextAttemptAt: null,
      paused: false,
      links: {
        self: `/v1/unlocks/${correlationId}`,
        events: `/v1/unlocks/${correlationId}/events`,
        temporal: `http://127.0.0.1:8233/namespaces/default/workflows/unlock-${correlationId}`,
      },
    });
  });

  it('shows the attempt that is out, the diagnosis and when the next one is due while it is running', () => {
    const nextAttemptAt = new Date('2026-01-31T09:31:00.000Z');
    const answer = represent({ record: unlockRecord([requested, checked, started]), request, execution: waiting(nextAttemptAt) }, links);
    const due = { nextAttemptAt: nextAttemptAt.toISOString(), paused: false };
    expect(answer).toMatchObject({ state: 'running', outcome: null, diagnosis: 'On hold.', ...due });
    expect(answer.attempts).toMatchObject([{ attempt: 1, finishedAt: null, result: null }]);
  });

  it('says whether it is paused only where Temporal was asked', () => {
    const record = unlockRecord([requested]);
    const { pending, ...execution } = waiting(new Date());
    const paused = { ...execution, pending: pending && { ...pending, paused: true, nextAttemptAt: null } };
    expect(represent({ record, request: null, execution: paused }, links)).toMatchObject({ paused: true, nextAttemptAt: null });
    expect(represent({ record, request: null, execution: { ...execution, pending: null } }, links)).toMatchObject({ paused: false });
    expect(represent({ record, request: null, execution: null }, links)).toMatchObject({ paused: null });
  });

  it('is told from the accepted request before its first row', () => {
    const answer = represent({ record: unlockRecord([]), request, execution: null }, { ...links, temporalUiUrl: null });
    expect(unlockSchema.parse(answer)).toMatchObject({
      ...subject,
      state: 'running',
      attempts: [],
      requestedBy: { type: 'user', id: 'ann', name: 'Ann', clientId: 'desk', onBehalfOf: null },
      links: { temporal: null },
    });
  });
});

describe('an audit event as callers read it', () => {
  it('has every column in camel case, its position as a number', () => {
    const item = auditEventItem(auditEvent({ action: 'audit.viewed', position: 42n, source: { component: 'api', clientAddress: null } }));
    expect(auditEventSchema.parse(item)).toEqual(item);
    expect(item).toMatchObject({ position: 42, occurredAt: '2026-01-31T09:30:00.000Z', source: { component: 'api' } });
  });
});
