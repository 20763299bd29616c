import { diagnoseEnding } from '../domain/diagnosis.js';
import type { UnlockAnswer, UnlockEvent } from './answer-schemas.js';
import { EXAMPLE_CORRELATION_ID, EXAMPLE_CUSTOMER_ID, EXAMPLE_EVENT_ID, type Example } from './example-errors.js';
import { eventsPath, unlockPath } from './representation.js';

type Attempt = UnlockAnswer['attempts'][number];

/** Seconds after the request came in, as an RFC 3339 time. */
function after(seconds: number): string {
  return new Date(Date.UTC(2026, 0, 31, 9, 30) + seconds * 1000).toISOString();
}

const accepted: UnlockAnswer = {
  correlationId: EXAMPLE_CORRELATION_ID,
  customerId: EXAMPLE_CUSTOMER_ID,
  institutionId: 'example-bank',
  state: 'running',
  outcome: null,
  verification: null,
  diagnosis: null,
  requestedAt: after(0),
  requestedBy: { type: 'user', id: 'agent-7', name: 'Ann Agent', clientId: 'support-desk', onBehalfOf: null },
  reason: 'Customer called: locked out after failed logins',
  reasonCode: 'CALL',
  ticket: 'HD-4711',
  completedAt: null,
  attempts: [],
  nextAttemptAt: null,
  paused: false,
  approval: null,
  links: { self: unlockPath(EXAMPLE_CORRELATION_ID), events: eventsPath(EXAMPLE_CORRELATION_ID), temporal: null },
};

function attempt(number: number, at: number, answer: Partial<Attempt>): Attempt {
  const blank = { httpStatus: null, upstreamCode: null, upstreamMessage: null, durationMs: 120 };
  return { attempt: number, startedAt: after(at), finishedAt: after(at + 0.12), result: 'succeeded', ...blank, ...answer };
}

const succeeded = { result: 'succeeded', httpStatus: 204 } as const;
const unavailable = {
  result: 'retryable',
  httpStatus: 503,
  upstreamCode: 'UXU_30001',
  upstreamMessage: 'Service temporarily unavailable',
} as const;
const noAnswer = { result: 'unknown', durationMs: 10_000, finishedAt: after(10.2) } as const;

type Settlement = Pick<UnlockAnswer, 'verification'> & Pick<Parameters<typeof diagnoseEnding>[0], 'outcome' | 'flags' | 'meaning'>;

function ended(seconds: number, attempts: Attempt[], settlement: Partial<Settlement> & Pick<Settlement, 'outcome'>): UnlockAnswer {
  const { outcome, verification = null, flags = null, meaning = null } = settlement;
  const diagnosis = diagnoseEnding({ outcome, verification, flags, meaning });
  return { ...accepted, state: 'completed', outcome, verification, diagnosis, attempts, completedAt: after(seconds) };
}

/** Unlock requests that are under way. */
export const runningUnlocks = {
  accepted: { summary: 'Accepted, no attempt yet', value: accepted },
  retrying: {
    summary: 'The bank is unwell; the next attempt has its time',
    value: { ...accepted, attempts: [attempt(1, 0.2, unavailable)], nextAttemptAt: after(1.3) },
  },
} satisfies Record<string, Example<UnlockAnswer>>;

/** Unlock requests that an operator has acted on. */
export const steeredUnlocks = {
  paused: { summary: 'Paused: no attempt is made', value: { ...runningUnlocks.retrying.value, nextAttemptAt: null, paused: true } },
  trying: { summary: 'Being tried now', value: { ...runningUnlocks.retrying.value, nextAttemptAt: null } },
} satisfies Record<string, Example<UnlockAnswer>>;

const waitsForApproval = {
  state: 'waiting',
  unlocks: 3,
  windowMs: 86_400_000,
  requiredAt: after(0.2),
  expiresAt: after(3_600),
  decidedAt: null,
  decidedBy: null,
  reason: null,
} as const;
const secondPerson = { type: 'user', id: 'lead-2', name: 'Lea Lead', clientId: 'support-desk', onBehalfOf: null } as const;

/** Unlock requests on which a second person has to decide, or has decided. */
export const approvedUnlocks = {
  waiting: { summary: 'A second person must approve it', value: { ...accepted, approval: waitsForApproval } },
  approved: {
    summary: 'Approved; it goes on',
    value: {
      ...accepted,
      approval: {
        ...waitsForApproval,
        state: 'approved',
        decidedAt: after(60),
        decidedBy: secondPerson,
        reason: 'Called the customer back',
      },
    },
  },
  declined: {
    summary: 'Declined: no PUT was sent',
    value: {
      ...accepted,
      state: 'completed',
      outcome: 'cancelled',
      completedAt: after(60),
      diagnosis: diagnoseEnding({ outcome: 'cancelled', verification: null, flags: null, meaning: null, approval: 'declined' }),
      approval: {
        ...waitsForApproval,
        state: 'declined',
        decidedAt: after(60),
        decidedBy: secondPerson,
        reason: 'It was not the customer',
      },
    },
  },
} satisfies Record<string, Example<UnlockAnswer>>;

/** What a second person may send. */
export const approvalReasons = {
  complete: { summary: 'With a ticket, for the audit log', value: { reason: 'Called the customer back', ticket: 'HD-4711' } },
};

/** Unlock requests that have ended, in every way that one can. */
export const endedUnlocks = {
  unlocked: {
    summary: 'unlocked: the bank confirmed it',
    value: ended(0.5, [attempt(1, 0.2, succeeded)], { outcome: 'unlocked', verification: 'confirmed', flags: { locked: false } }),
  },
  unlocked_after_retries: {
    summary: 'unlocked: at the third attempt',
    value: ended(4, [attempt(1, 0.2, unavailable), attempt(2, 1.3, unavailable), attempt(3, 3.5, succeeded)], {
      outcome: 'unlocked',
      verification: 'confirmed',
      flags: { locked: false },
    }),
  },
  unlocked_attributed: {
    summary: 'unlocked: the answer was lost, but the customer is unlocked now',
    value: ended(11, [attempt(1, 0.2, noAnswer)], { outcome: 'unlocked', verification: 'attributed', flags: { locked: false } }),
  },
  unlocked_still_locked: {
    summary: 'unlocked, with a warning: the customer reads as locked again',
    value: ended(0.5, [attempt(1, 0.2, succeeded)], { outcome: 'unlocked', verification: 'still_locked', flags: { locked: true } }),
  },
  not_locked: {
    summary: 'not_locked: no attempt was made',
    value: ended(0.2, [], { outcome: 'not_locked', flags: { locked: false, onHold: true } }),
  },
  rejected: {
    summary: 'rejected: the bank refused for good',
    value: ended(
      0.5,
      [
        attempt(1, 0.2, {
          result: 'rejected',
          httpStatus: 403,
          upstreamCode: 'UXU_10002',
          upstreamMessage: 'User lacks the required role',
        }),
      ],
      {
        outcome: 'rejected',
        meaning: 'forbidden',
      },
    ),
  },
  failed: {
    summary: 'failed: attempts or time are used up',
    value: ended(3, [attempt(1, 0.2, unavailable), attempt(2, 1.3, unavailable)], { outcome: 'failed' }),
  },
  cancelled: {
    summary: 'cancelled: stopped on request, no attempt succeeded',
    value: ended(1, [attempt(1, 0.2, unavailable)], { outcome: 'cancelled' }),
  },
} satisfies Record<string, Example<UnlockAnswer>>;

/** What `POST /v1/unlocks` may be sent. */
export const unlockWishes = {
  complete: {
    summary: 'With reason and ticket, for the audit log',
    value: { customerId: EXAMPLE_CUSTOMER_ID, reason: accepted.reason, reasonCode: accepted.reasonCode, ticket: accepted.ticket },
  },
  on_behalf: {
    summary: 'A service names the human behind the request',
    value: { customerId: EXAMPLE_CUSTOMER_ID, reason: 'Asked for in the branch', onBehalfOf: 'teller-12' },
  },
};

/** What the operators' actions may be sent. */
export const operatorReasons = {
  complete: { summary: 'With a ticket, for the audit log', value: { reason: 'The bank says that it is back', ticket: 'INC-2042' } },
};

const finished: UnlockEvent = {
  id: EXAMPLE_EVENT_ID,
  occurredAt: after(0.32),
  action: 'customer.unlock.attempt_finished',
  actor: null,
  reason: null,
  attempt: 1,
  ...unavailable,
  durationMs: 120,
  lockStatus: null,
  diagnosis: null,
  outcome: null,
  verification: null,
};

/** The beginning of a stream of events. */
export const streamedEvents: Example<string> = {
  summary: 'An attempt that the bank answered with 503',
  value: `retry: 1000\n\nid: ${finished.id}\ndata: ${JSON.stringify(finished)}\n\n: still here\n\n`,
};
