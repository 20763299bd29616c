import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openLatchkey, type Latchkey } from '../support/latchkey.js';

let latchkey: Latchkey;

beforeAll(async () => {
  latchkey = await openLatchkey();
  for (const customerId of ['two-503', 'forbidden-403', 'open-1', 'locked-1']) await latchkey.unlock(customerId);
}, 120_000);

afterAll(async () => {
  await latchkey.close();
});

describe('what the audit log comes to', () => {
  it('counts outcomes by day, errors, who asked, and how many requests came to which attempt', async () => {
    const { status, body } = await latchkey.call('/v1/audit/summary');
    const [oldest] = await latchkey.sql<{ at: Date; day: string; rows: number }>(
      "select min(occurred_at) as at, to_char(min(occurred_at) at time zone 'UTC', 'YYYY-MM-DD') as day, count(*)::integer as rows from audit_event where action <> 'audit.viewed'",
    );
    expect([status, body]).toEqual([
      200,
      {
        rows: oldest?.rows,
        since: oldest?.at.toISOString(),
        outcomes: expect.arrayContaining([
          { day: expect.any(String), outcome: 'not_locked', count: 1 },
          { day: expect.any(String), outcome: 'rejected', count: 1 },
          { day: expect.any(String), outcome: 'unlocked', count: 2 },
        ]),
        errors: [
          { result: 'retryable', httpStatus: 503, upstreamCode: 'UXU_30001', count: 2 },
          { result: 'rejected', httpStatus: 403, upstreamCode: expect.any(String), count: 1 },
        ],
        actors: [{ actorId: 'agent-1', actorName: 'Sam Support', count: 4 }],
        attempts: [
          { attempt: 1, count: 3 },
          { attempt: 2, count: 1 },
          { attempt: 3, count: 1 },
        ],
      },
    ]);
    expect(JSON.stringify(body)).not.toContain('two-503');
  });

  it('counts only what the filters let through', async () => {
    const { body } = await latchkey.call('/v1/audit/summary?action=customer.unlock.attempt_started&attempt=3');
    expect(body).toMatchObject({ rows: 1, outcomes: [], errors: [], actors: [], attempts: [{ attempt: 3, count: 1 }] });
    expect((await latchkey.call('/v1/audit/summary?to=2020-01-01T00:00:00Z')).body).toMatchObject({ rows: 0, since: null });
  });

  it('is recorded as a read, with its filters', async () => {
    await latchkey.call('/v1/audit/summary?outcome=unlocked');
    const [row] = await latchkey.sql<{ metadata: unknown }>(
      "select metadata from audit_event where action = 'audit.viewed' order by position desc limit 1",
    );
    expect(row?.metadata).toMatchObject({ summary: true, filters: { outcome: 'unlocked' }, rows: 2 });
  });

  it('is refused to those who may not review the log', async () => {
    const token = await latchkey.sandbox.mintToken({ scopes: ['institution-users:read'] });
    expect(await latchkey.call('/v1/audit/summary', { token })).toMatchObject({ status: 403, body: { code: 'insufficient_scope' } });
  });
});
