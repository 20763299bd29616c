import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import type { AuditLog, RequestFilters, RequestPosition, RequestSummary } from '../../src/audit/audit-log.js';
import { connectInstitutions, createAuditLogByInstitution, createAuditReviewByInstitution } from '../../src/audit/by-institution.js';
import type { AuditReview, EventFilters } from '../../src/audit/audit-review.js';
import type { AuditEvent, NewAuditEvent } from '../../src/domain/audit-event.js';
import { createTestDatabase } from '../support/database.js';
import { sample } from './audit-samples.js';

const minute = (n: number): Date => new Date(Date.UTC(2026, 0, 1, 0, n));
/** Seven requests a minute apart, the last two at the same moment; even ones have ended. */
const requests = [0, 1, 2, 3, 4, 5, 5].map((at, index) => {
  const correlationId = randomUUID();
  const common = { correlationId, customerId: `customer-${index % 3}` };
  const actorId = index < 3 ? 'agent-1' : 'agent-2';
  const requested = sample('customer.unlock.requested', { ...common, occurredAt: minute(at), actorId });
  const attempts = [
    sample('customer.unlock.attempt_started', { ...common, occurredAt: minute(at) }),
    sample('customer.unlock.attempt_finished', {
      ...common,
      occurredAt: minute(at),
      httpStatus: index === 4 ? 404 : 204,
      result: index === 4 ? 'rejected' : 'succeeded',
    }),
  ];
  const completed = sample('customer.unlock.completed', {
    ...common,
    occurredAt: minute(at + 1),
    ...(index === 4 ? { outcome: 'rejected', verification: null } : {}),
  });
  return { correlationId, events: [requested, ...attempts, ...(index % 2 === 0 ? [completed] : [])] };
});
const written: NewAuditEvent[] = [
  ...requests.flatMap(({ events }) => events),
  sample('customer.unlock.requested', { institutionId: 'bank-2' }),
  sample('audit.viewed', { correlationId: null, customerId: null, id: randomUUID(), actorId: 'auditor-1', occurredAt: minute(30) }),
];

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let close: () => Promise<unknown>;
let audit: AuditLog;
let review: AuditReview;
beforeAll(async () => {
  database = await createTestDatabase();
  const institutionIds = ['bank-1', 'bank-2', 'bank-3'];
  const connections = connectInstitutions({ databaseUrl: database.url, role: 'latchkey_app', institutionIds });
  const reviewers = connectInstitutions({ databaseUrl: database.url, role: 'latchkey_auditor', institutionIds });
  close = () => Promise.all([connections.close(), reviewers.close()]);
  audit = createAuditLogByInstitution({ connections });
  review = createAuditReviewByInstitution({ connections: reviewers });
  for (const event of written) await audit.append(event);
});
afterAll(async () => {
  await close();
  await database.drop();
});

async function allEvents(filters: Omit<EventFilters, 'institutionId'> = {}, limit = 200): Promise<AuditEvent[]> {
  const all: AuditEvent[] = [];
  for (;;) {
    const page = await review.listEvents({ filters: { institutionId: 'bank-1', ...filters }, limit, after: all.at(-1)?.position ?? null });
    expect(page.length).toBeLessThanOrEqual(limit);
    all.push(...page);
    if (page.length < limit) return all;
  }
}

async function allRequests(filters: Omit<RequestFilters, 'institutionId'> = {}, limit = 200): Promise<RequestSummary[]> {
  const all: RequestSummary[] = [];
  for (;;) {
    const after: RequestPosition | null = all.at(-1) ?? null;
    const page = await audit.listRequests({ filters: { institutionId: 'bank-1', ...filters }, limit, after });
    expect(page.length).toBeLessThanOrEqual(limit);
    all.push(...page);
    if (page.length < limit) return all;
  }
}

const numbersOf = (summaries: readonly RequestSummary[]): number[] =>
  summaries.map(({ correlationId }) => requests.findIndex((request) => request.correlationId === correlationId));

describe('a list of events', () => {
  const ours = written.filter(({ institutionId }) => institutionId === 'bank-1');
  const newestFirst = ours.map(({ id }) => id).reverse();

  test.each([1, 4, 200])('is newest first, complete and without repetition in pages of %d', async (limit) => {
    expect((await allEvents({}, limit)).map(({ id }) => id)).toEqual(newestFirst);
  });

  test.each<[name: string, filters: Omit<EventFilters, 'institutionId'>, matches: (event: NewAuditEvent) => boolean]>([
    ['correlationId', { correlationId: requests[2]?.correlationId }, (event) => event.correlationId === requests[2]?.correlationId],
    ['customerId', { customerId: 'customer-1' }, (event) => event.customerId === 'customer-1'],
    ['action', { action: 'audit.viewed' }, (event) => event.action === 'audit.viewed'],
    ['result', { result: 'rejected' }, (event) => event.result === 'rejected'],
    ['outcome', { outcome: 'unlocked' }, (event) => event.outcome === 'unlocked'],
    ['httpStatus', { httpStatus: 404 }, (event) => event.httpStatus === 404],
    ['actor', { actor: 'agent-2' }, (event) => event.actorId === 'agent-2'],
    ['from, inclusive', { from: minute(5) }, (event) => event.occurredAt >= minute(5)],
    ['to, exclusive', { to: minute(5) }, (event) => event.occurredAt < minute(5)],
    [
      'all at once',
      { customerId: 'customer-1', result: 'rejected', from: minute(4), to: minute(5) },
      (event) => event.result === 'rejected',
    ],
    ['hostile text', { actor: "x' OR '1'='1" }, () => false],
  ])('filtered by %s shows just what matches', async (_name, filters, matches) => {
    const expected = [...ours]
      .reverse()
      .filter(matches)
      .map(({ id }) => id);
    expect((await allEvents(filters, 2)).map(({ id }) => id)).toEqual(expected);
  });

  test('goes on where it ended, whatever was written meanwhile', async () => {
    const [first] = await review.listEvents({ filters: { institutionId: 'bank-1', action: 'audit.viewed' }, limit: 1, after: null });
    await audit.append(sample('audit.viewed', { id: randomUUID(), institutionId: 'bank-3' }));
    expect(await review.listEvents({ filters: { institutionId: 'bank-3' }, limit: 10, after: first?.position ?? null })).toEqual([]);
    expect(await review.listEvents({ filters: { institutionId: 'bank-3' }, limit: 10, after: null })).toHaveLength(1);
  });
});

describe('a list of requests', () => {
  // The two of the same moment are in the order of their ids.
  const [five = 5, six = 6] = [5, 6].sort((left, right) =>
    (requests[left]?.correlationId ?? '') < (requests[right]?.correlationId ?? '') ? 1 : -1,
  );
  const newestFirst = [five, six, 4, 3, 2, 1, 0];

  test.each([1, 2, 200])('is newest first, complete and without repetition in pages of %d', async (limit) => {
    expect(numbersOf(await allRequests({}, limit))).toEqual(newestFirst);
  });

  test.each<[name: string, filters: Omit<RequestFilters, 'institutionId'>, expected: number[]]>([
    ['customerId', { customerId: 'customer-1' }, [4, 1]],
    ['outcome', { outcome: 'rejected' }, [4]],
    ['state running', { state: 'running' }, [5, 3, 1]],
    ['state completed', { state: 'completed' }, [6, 4, 2, 0]],
    ['an outcome that a running one cannot have', { state: 'running', outcome: 'unlocked' }, []],
    ['actor', { actor: 'agent-1' }, [2, 1, 0]],
    ['from, inclusive', { from: minute(5) }, [five, six]],
    ['to, exclusive', { to: minute(2) }, [1, 0]],
  ])('filtered by %s shows just what matches', async (_name, filters, expected) => {
    expect(numbersOf(await allRequests(filters, 2))).toEqual(expected);
  });

  test('says how each ended', async () => {
    expect(await allRequests({ from: minute(3), to: minute(5) })).toEqual([
      { correlationId: requests[4]?.correlationId, requestedAt: minute(4), outcome: 'rejected', verification: null },
      { correlationId: requests[3]?.correlationId, requestedAt: minute(3), outcome: null, verification: null },
    ]);
  });
});

describe('the rows of unlock requests', () => {
  test('come in the order in which they were written, for many requests at once', async () => {
    const wanted = requests.slice(1, 3);
    const rows = await audit.eventsOfAll(
      wanted.map(({ correlationId }) => correlationId),
      'bank-1',
    );
    expect(rows.map(({ id }) => id)).toEqual(wanted.flatMap(({ events }) => events.map(({ id }) => id)));
    expect(await audit.eventsOfAll([], 'bank-1')).toEqual([]);
  });

  test('of an unknown request are none, and the clock is told all the same', async () => {
    const { events, readAt } = await audit.eventsOf(randomUUID(), 'bank-1');
    expect(events).toEqual([]);
    expect(readAt).toBeInstanceOf(Date);
  });
});
