import { describe, expect, it } from '@jest/globals';
import type { AuditEvent } from '../../src/domain/audit-event.js';
import { operatorCancelled, proposalFromRecord } from '../../src/domain/proposal.js';
import { unlockRecord } from '../../src/domain/unlock-record.js';
import { auditEvent } from '../support/audit-event.js';

const requested = auditEvent({ action: 'customer.unlock.requested', metadata: { deadlineAt: '2026-01-31T09:45:00.000Z' } });
const look = (lockStatus: 'locked' | 'not_locked' | 'unknown', afterAttempt: number, meaning?: string) =>
  auditEvent({
    action: 'customer.unlock.status_checked',
    lockStatus,
    metadata: { afterAttempt, ...(meaning === undefined ? {} : { meaning }) },
  });
const attempt = (number: number) => [
  auditEvent({ action: 'customer.unlock.attempt_started', attempt: number }),
  auditEvent({ action: 'customer.unlock.attempt_finished', attempt: number, result: 'retryable' }),
];

describe('a request that somebody asked to cancel', () => {
  const proposed = (events: readonly AuditEvent[], maxAttempts: number | null = 2) =>
    proposalFromRecord(unlockRecord([requested, ...events]), { cancelRequested: true, maxAttempts });

  it('is cancelled where the record decides nothing else', () => {
    expect(proposed([])).toBe('cancelled');
    expect(proposed([look('locked', 0), ...attempt(1)])).toBe('cancelled');
    expect(proposed([...attempt(1), ...attempt(2)], null)).toBe('cancelled');
  });

  it('is what the last look found: not locked, or a refusal', () => {
    expect(proposed([look('not_locked', 0)])).toBe('not_locked');
    expect(proposed([...attempt(1), look('not_locked', 1)])).toBe('not_locked');
    expect(proposed([look('unknown', 0, 'forbidden')])).toBe('rejected');
  });

  it('has failed where its attempts are used up', () => {
    expect(proposed([...attempt(1), ...attempt(2)])).toBe('failed');
  });
});

describe('a request whose workflow was stopped', () => {
  it('is cancelled where a second person had declined it', () => {
    const declined = auditEvent({ action: 'customer.unlock.declined' });
    const ask = auditEvent({ action: 'customer.unlock.approval_required', metadata: { expiresAt: '2026-01-31T10:30:00.000Z' } });
    const record = unlockRecord([requested, look('locked', 0), ask, declined]);
    expect(proposalFromRecord(record, { cancelRequested: false, maxAttempts: null })).toBe('cancelled');
  });
});

describe("an operator's cancel", () => {
  const cancel = (time: string, metadata = {}) =>
    auditEvent({ action: 'customer.unlock.cancel_requested', occurredAt: new Date(`2026-01-31T${time}Z`), metadata });

  it('counts where it came before the deadline', () => {
    expect(operatorCancelled([requested, cancel('09:40:00')])).toBe(true);
    expect(operatorCancelled([requested, cancel('09:46:00')])).toBe(false);
    expect(operatorCancelled([requested])).toBe(false);
  });

  const ask = auditEvent({ action: 'customer.unlock.approval_required', metadata: { expiresAt: '2026-01-31T10:30:00.000Z' } });

  it('counts for as long as a second person is waited for', () => {
    expect(operatorCancelled([requested, ask, cancel('10:29:00')])).toBe(true);
    expect(operatorCancelled([requested, ask, cancel('10:31:00')])).toBe(false);
  });

  it('counts for the time that an approval grants anew', () => {
    const approved = auditEvent({ action: 'customer.unlock.approved', occurredAt: new Date('2026-01-31T10:00:00Z') });
    expect(operatorCancelled([requested, ask, approved, cancel('10:14:00')])).toBe(true);
    expect(operatorCancelled([requested, ask, approved, cancel('10:16:00')])).toBe(false);
  });

  it('counts where nobody knows the deadline', () => {
    expect(operatorCancelled([cancel('09:46:00')])).toBe(true);
  });

  it('does not count where there was nothing left to cancel', () => {
    const inVain = cancel('09:40:00');
    const told = cancel('09:40:01', { carriedOut: false, act: inVain.id });
    expect(operatorCancelled([requested, inVain, told])).toBe(false);
    expect(operatorCancelled([requested, inVain, told, cancel('09:41:00')])).toBe(true);
  });
});
