import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import type { InstitutionLog } from '../../src/audit/audit-log.js';
import { type AuditConnection, connectAudit } from '../../src/audit/connection.js';
import { createAuditLog } from '../../src/audit/index.js';
import type { AttemptResult } from '../../src/domain/attempt.js';
import { unlockRecord, type UnlockRecord } from '../../src/domain/unlock-record.js';
import { createTestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { sample, sampleClaim, sql } from './audit-samples.js';

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let connection: AuditConnection;
let audit: InstitutionLog;
beforeAll(async () => {
  database = await createTestDatabase();
  connection = connectAudit({ databaseUrl: database.url, role: 'latchkey_app', institutionId: 'bank-1', poolSize: 20 });
  audit = createAuditLog(connection);
});
afterAll(async () => {
  await connection.close();
  await database.drop();
});

const finish = (correlationId: string, attempt: number, result: AttemptResult = 'retryable'): Promise<unknown> =>
  audit.append(sample('customer.unlock.attempt_finished', { correlationId, attempt, result, httpStatus: null }));
const recordOf = async (correlationId: string): Promise<UnlockRecord> => unlockRecord((await audit.eventsOf(correlationId)).events);

describe('claiming an attempt', () => {
  test('takes number 1 first, and the next once the last has ended and was reviewed', async () => {
    const correlationId = randomUUID();
    expect(await audit.claimAttempt(sampleClaim(correlationId))).toBe(1);
    await finish(correlationId, 1, 'unknown');
    expect(await audit.claimAttempt(sampleClaim(correlationId, { reviewedAttempt: 1 }))).toBe(2);
    expect((await recordOf(correlationId)).attempts).toMatchObject([
      { attempt: 1, result: 'unknown' },
      { attempt: 2, result: null },
    ]);
  });

  test('is refused where a look after the last attempt found the customer not locked, and not for one that came before', async () => {
    const correlationId = randomUUID();
    const look = (afterAttempt: number): Promise<unknown> =>
      audit.append({
        ...sample('customer.unlock.status_checked', { correlationId, lockStatus: 'not_locked', metadata: { afterAttempt } }),
        id: randomUUID(),
      });
    expect(await audit.claimAttempt(sampleClaim(correlationId))).toBe(1);
    await look(0);
    await finish(correlationId, 1);
    expect(await audit.claimAttempt(sampleClaim(correlationId, { reviewedAttempt: 1 }))).toBe(2);
    await finish(correlationId, 2);
    await look(2);
    expect(await audit.claimAttempt(sampleClaim(correlationId, { reviewedAttempt: 2 }))).toBeNull();
  });

  test('commits who claimed it, in which workflow and try, and when', async () => {
    const correlationId = randomUUID();
    const claim = sampleClaim(correlationId, { activityAttempt: 4 });
    await audit.claimAttempt(claim);
    const { runId, executionId, occurredAt, workflowId, institutionId, customerId } = claim;
    const { id } = sample('customer.unlock.attempt_started', { correlationId });
    expect((await audit.eventsOf(correlationId)).events).toMatchObject([
      {
        id,
        action: 'customer.unlock.attempt_started',
        attempt: 1,
        activityAttempt: 4,
        runId,
        executionId,
        occurredAt,
        workflowId,
        institutionId,
        customerId,
      },
    ]);
  });

  test('is refused while an attempt is open', async () => {
    const correlationId = randomUUID();
    await audit.claimAttempt(sampleClaim(correlationId));
    expect(await audit.claimAttempt(sampleClaim(correlationId))).toBeNull();
    expect(await audit.claimAttempt(sampleClaim(correlationId, { reviewedAttempt: 1 }))).toBeNull();
  });

  test.each(['succeeded', 'rejected'] as const)('is refused after an attempt that was %s', async (result) => {
    const correlationId = randomUUID();
    await audit.claimAttempt(sampleClaim(correlationId));
    await finish(correlationId, 1, result);
    expect(await audit.claimAttempt(sampleClaim(correlationId, { reviewedAttempt: 1 }))).toBeNull();
  });

  test('is refused where an attempt was made since the last review, and where none was made that was reviewed', async () => {
    const correlationId = randomUUID();
    await audit.claimAttempt(sampleClaim(correlationId));
    await finish(correlationId, 1);
    expect(await audit.claimAttempt(sampleClaim(correlationId, { reviewedAttempt: 0 }))).toBeNull();
    expect(await audit.claimAttempt(sampleClaim(correlationId, { reviewedAttempt: 2 }))).toBeNull();
  });

  test('is refused with the budget used up', async () => {
    const correlationId = randomUUID();
    expect(await audit.claimAttempt(sampleClaim(correlationId, { maxAttempts: 0 }))).toBeNull();
    await audit.claimAttempt(sampleClaim(correlationId, { maxAttempts: 1 }));
    await finish(correlationId, 1);
    expect(await audit.claimAttempt(sampleClaim(correlationId, { reviewedAttempt: 1, maxAttempts: 1 }))).toBeNull();
  });

  test('is refused after the end of the request', async () => {
    const correlationId = randomUUID();
    await audit.append(sample('customer.unlock.completed', { correlationId, outcome: 'cancelled', verification: null }));
    expect(await audit.claimAttempt(sampleClaim(correlationId))).toBeNull();
  });

  test('repeated by the same execution finds its own row again, also where both tries run at once', async () => {
    const claim = sampleClaim(randomUUID());
    expect(await Promise.all(Array.from({ length: 8 }, () => audit.claimAttempt(claim)))).toEqual(Array(8).fill(1));
    expect((await recordOf(claim.correlationId)).attempts).toHaveLength(1);
  });

  test('repeated after another execution closed the attempt is refused: its PUT must not leave any more', async () => {
    const claim = sampleClaim(randomUUID());
    await audit.claimAttempt(claim);
    await finish(claim.correlationId, 1, 'unknown');
    expect(await audit.claimAttempt(claim)).toBeNull();
    expect(await audit.claimAttempt(sampleClaim(claim.correlationId, { reviewedAttempt: 1 }))).toBe(2);
    expect(await audit.claimAttempt(claim)).toBeNull();
  });

  test('has one winner among twenty at once, round after round, and leaves no gap', async () => {
    const correlationId = randomUUID();
    for (let round = 1; round <= 10; round++) {
      const claims = Array.from({ length: 20 }, () => sampleClaim(correlationId, { reviewedAttempt: round - 1 }));
      const numbers = await Promise.all(claims.map((claim) => audit.claimAttempt(claim)));
      const winners = claims.filter((_, index) => numbers[index] !== null);
      expect(numbers.filter((number) => number !== null)).toEqual([round]);
      const { attempts } = await recordOf(correlationId);
      expect(attempts.map(({ attempt }) => attempt)).toEqual(Array.from({ length: round }, (_, index) => index + 1));
      expect(attempts.at(-1)?.executionId).toBe(winners[0]?.executionId);
      await finish(correlationId, round);
    }
  });

  test('beside the end of the request either is there, never an attempt that starts in a request that has ended', async () => {
    for (let round = 0; round < 60; round++) {
      const correlationId = randomUUID();
      const [claimed, ended] = await Promise.all([
        audit.claimAttempt(sampleClaim(correlationId)),
        audit
          .append(sample('customer.unlock.completed', { correlationId, outcome: 'cancelled', verification: null }))
          .catch((error: unknown) => error),
      ]);
      const { attempts, completed } = await recordOf(correlationId);
      if (claimed === null) {
        expect({ attempts, ended }).toEqual({ attempts: [], ended: 'written' });
      } else {
        expect({ numbers: attempts.length, completed }).toEqual({ numbers: 1, completed: null });
        expect(ended).toMatchObject({ because: 'attempt_is_open' });
      }
    }
  });

  test('waits for the end of the request that another transaction is writing, and then is refused', async () => {
    const correlationId = randomUUID();
    const other = new pg.Client({ connectionString: database.url });
    await other.connect();
    try {
      await other.query('BEGIN');
      await other.query(
        `INSERT INTO audit_event (id, occurred_at, action, correlation_id, institution_id, customer_id, outcome)
         VALUES (gen_random_uuid(), now(), 'customer.unlock.completed', $1, 'bank-1', 'customer-1', 'cancelled')`,
        [correlationId],
      );
      const claiming = audit.claimAttempt(sampleClaim(correlationId));
      await waitsForALock();
      await other.query('COMMIT');
      expect(await claiming).toBeNull();
    } finally {
      await other.end();
    }
  });
});

async function waitsForALock(): Promise<void> {
  const waiting =
    "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
  await eventually(async () => expect(await sql(database.url, waiting)).not.toEqual([]));
}
