import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { ActivityParts } from '../../activities/index.js';
import { eventually } from '../support/eventually.js';
import { inShort, openLatchkey, type Latchkey } from '../support/latchkey.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';

/** Each customer's unlock is held once, before this write, until Postgres is gone. */
const heldBefore: Readonly<Record<string, string>> = {
  'at-the-request': 'customer.unlock.requested',
  'at-the-status': 'customer.unlock.status_checked',
  'at-the-claim': 'customer.unlock.attempt_started',
  'at-the-answer': 'customer.unlock.attempt_finished',
  'at-the-outcome': 'customer.unlock.completed',
};
const customers = Object.keys(heldBefore);

interface Gate {
  readonly bricks: (real: ActivityParts) => ActivityParts;
  /** Whose unlocks have come to where they are held. */
  readonly reached: ReadonlySet<string>;
  open(): void;
}

function createGate(): Gate {
  const reached = new Set<string>();
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  async function pass(customerId: string | null | undefined, action: string): Promise<void> {
    if (typeof customerId !== 'string' || heldBefore[customerId] !== action) return;
    reached.add(customerId);
    await opened;
  }
  return {
    reached,
    open: () => open(),
    bricks: ({ audit, ...others }) => ({
      ...others,
      audit: {
        ...audit,
        async append(event) {
          await pass(event.customerId, event.action);
          return audit.append(event);
        },
        async claimAttempt(claim) {
          await pass(claim.customerId, 'customer.unlock.attempt_started');
          return audit.claimAttempt(claim);
        },
      },
    }),
  };
}

let latchkey: Latchkey;
let toPostgres: TcpProxy;
afterEach(async () => {
  toPostgres.restore();
  await latchkey.close();
  await toPostgres.close();
});

/** Accepts an unlock for each customer, takes Postgres away when each has come to its place, and lets them go on. */
async function acceptAndTakeAway(takeAway: () => unknown, budget: { readonly deadlineMs?: number } = {}): Promise<Map<string, string>> {
  const gate = createGate();
  latchkey = await openLatchkey({
    bricks: gate.bricks,
    budget: { activityTimeoutMs: 5_000, ...budget },
    async workerDatabaseUrl(direct) {
      const url = new URL(direct);
      toPostgres = await startTcpProxy(Number(url.port));
      url.port = String(toPostgres.port);
      return url.href;
    },
  });
  const requests = new Map<string, string>();
  for (const customerId of customers) {
    const correlationId = randomUUID();
    latchkey.sandbox.customers.set(customerId, {});
    const { status } = await latchkey.call('/v1/unlocks', { method: 'POST', body: { customerId }, headers: { correlationId } });
    expect(status).toBe(202);
    requests.set(customerId, correlationId);
  }
  await eventually(() => expect(gate.reached.size).toBe(customers.length));
  await takeAway();
  gate.open();
  return requests;
}

/** What an operator sees of an unlock in Temporal: the pending activity, and why it failed last. */
async function pending(correlationId: string): Promise<{ activity: string | undefined; failure: string | undefined }> {
  const { raw } = await latchkey.client.workflow.getHandle(`unlock-${correlationId}`).describe();
  const [first] = raw.pendingActivities ?? [];
  return { activity: first?.activityType?.name ?? undefined, failure: first?.lastFailure?.applicationFailureInfo?.type ?? undefined };
}
async function eventuallyAll(requests: Map<string, string>, seen: Partial<Awaited<ReturnType<typeof pending>>>): Promise<void> {
  for (const correlationId of requests.values()) await eventually(async () => expect(await pending(correlationId)).toMatchObject(seen));
}

/** The story and the PUTs of each, once it has ended; what Temporal says of it is held against it. */
async function endings(requests: Map<string, string>): Promise<Record<string, { story: string[]; puts: number }>> {
  const found: Record<string, { story: string[]; puts: number }> = {};
  for (const [customerId, correlationId] of requests) {
    const result: unknown = await latchkey.client.workflow.getHandle(`unlock-${correlationId}`).result();
    const rows = await latchkey.story(correlationId);
    const { outcome, verification } = rows.at(-1) ?? {};
    expect(result).toMatchObject({ outcome, verification });
    found[customerId] = { story: inShort(rows), puts: latchkey.puts(correlationId).length };
  }
  return found;
}

const clean = {
  story: [
    'requested',
    'status_checked locked',
    'attempt_started 1',
    'attempt_finished 1 succeeded 204',
    'completed unlocked confirmed not_locked',
  ],
  puts: 1,
};
const ofEach = <Ending>(ending: Ending): Record<string, Ending> => Object.fromEntries(customers.map((customerId) => [customerId, ending]));

// READ WRITE comes first: a connection opened meanwhile may not write by default.
const readOnly = (onOrOff: 'on' | 'off'): Promise<unknown[]> =>
  latchkey.sql(`BEGIN READ WRITE;
    DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = ${onOrOff}', current_database()); END $$;
    COMMIT;
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'latchkey-app' AND datname = current_database()`);

describe('an accepted unlock that Postgres leaves, wherever it has come to', () => {
  it('waits and goes on as if nothing had been: one PUT, and a known answer stays known however long Postgres was away', async () => {
    const requests = await acceptAndTakeAway(() => toPostgres.cut());
    await eventuallyAll(requests, { failure: 'AuditUnavailable' });
    toPostgres.restore();
    expect(await endings(requests)).toEqual(ofEach(clean));
  });

  it('waits while Postgres takes no rows, and the front door accepts nothing meanwhile', async () => {
    const requests = await acceptAndTakeAway(() => readOnly('on'));
    await eventuallyAll(requests, { failure: 'AuditUnavailable' });
    const correlationId = randomUUID();
    const refused = await latchkey.unlock('locked-1', correlationId);
    expect(refused).toMatchObject({ status: 503, body: { code: 'LATCHKEY_TEMPORARILY_UNAVAILABLE' } });
    expect(refused.headers.get('retry-after')).toMatch(/^\d+$/);
    expect((await latchkey.call('/readyz')).body).toMatchObject({ parts: expect.arrayContaining([{ part: 'postgres', ready: false }]) });
    expect(await latchkey.executions.find(correlationId)).toBeNull();
    await readOnly('off');
    expect(await endings(requests)).toEqual(ofEach(clean));
    expect((await latchkey.unlock('locked-1', correlationId)).status).toBe(204);
  });

  it('says to its operator that a row is refused, goes on trying, and ends well once that is mended', async () => {
    const requests = await acceptAndTakeAway(() => latchkey.sql('REVOKE INSERT ON audit_event FROM latchkey_app'));
    await eventuallyAll(requests, { failure: 'AuditRefused' });
    expect(await latchkey.unlock('locked-1')).toMatchObject({ status: 503, body: { code: 'LATCHKEY_TEMPORARILY_UNAVAILABLE' } });
    await latchkey.sql('GRANT INSERT ON audit_event TO latchkey_app');
    expect(await endings(requests)).toEqual(ofEach(clean));
  });

  it('that is away past the deadline, ends as failed without a PUT; what the bank had answered is recorded all the same', async () => {
    const requests = await acceptAndTakeAway(() => toPostgres.cut(), { deadlineMs: 7_000 });
    await eventuallyAll(requests, { activity: 'recordOutcome', failure: 'AuditUnavailable' });
    toPostgres.restore();
    expect(await endings(requests)).toEqual({
      'at-the-request': { story: ['requested', 'completed failed'], puts: 0 },
      'at-the-status': { story: ['requested', 'completed failed'], puts: 0 },
      'at-the-claim': { story: ['requested', 'status_checked locked', 'completed failed'], puts: 0 },
      'at-the-answer': clean,
      'at-the-outcome': clean,
    });
  });
});
