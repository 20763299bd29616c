import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { inShort, openLatchkey, type Latchkey } from '../support/latchkey.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { testTemporal } from '../support/temporal.js';

const ways: TcpProxy[] = [];

async function wayTo(port: number): Promise<TcpProxy> {
  const way = await startTcpProxy(port);
  ways.push(way);
  return way;
}

/** Puts a way that can be cut before a database. */
function behind(keep: (way: TcpProxy) => void) {
  return async (direct: string): Promise<string> => {
    const url = new URL(direct);
    const way = await wayTo(Number(url.port));
    keep(way);
    url.port = String(way.port);
    return url.href;
  };
}

let latchkey: Latchkey;
let apiToPostgres: TcpProxy;
let workerToPostgres: TcpProxy;
let toTemporal: TcpProxy;
beforeAll(async () => {
  toTemporal = await wayTo(Number(testTemporal().address.split(':')[1]));
  latchkey = await openLatchkey({
    temporalAddress: `127.0.0.1:${toTemporal.port}`,
    apiDatabaseUrl: behind((way) => (apiToPostgres = way)),
    workerDatabaseUrl: behind((way) => (workerToPostgres = way)),
  });
});
afterAll(async () => {
  for (const way of ways) way.restore();
  await latchkey.close();
  await Promise.all(ways.map((way) => way.close()));
});

const ask = (customerId: string, correlationId: string) =>
  latchkey.call('/v1/unlocks', { method: 'POST', body: { customerId }, headers: { correlationId } });

describe('with Postgres away', () => {
  it('the front door answers 503 with Retry-After, accepts nothing, and recovers by itself', async () => {
    const correlationId = randomUUID();
    apiToPostgres.cut();
    const refused = await ask('locked-1', correlationId);
    const dropIn = await latchkey.unlock('locked-1', correlationId);
    const ready = await latchkey.call('/readyz');
    apiToPostgres.restore();
    expect(refused).toMatchObject({ status: 503, body: { code: 'temporarily_unavailable' } });
    expect(refused.headers.get('retry-after')).toMatch(/^\d+$/);
    expect(dropIn).toMatchObject({ status: 503, body: { status: 503, code: 'LATCHKEY_TEMPORARILY_UNAVAILABLE' } });
    expect(ready).toMatchObject({ status: 503, body: { parts: expect.arrayContaining([{ part: 'postgres', ready: false }]) } });
    expect(await latchkey.executions.find(correlationId)).toBeNull();
    await eventually(async () => expect((await latchkey.unlock('locked-1', correlationId)).status).toBe(204));
  });

  it('an accepted request sends nothing to the bank until it is on record', async () => {
    const correlationId = randomUUID();
    workerToPostgres.cut();
    expect((await ask('locked-2', correlationId)).status).toBe(202);
    await eventually(async () => {
      const { raw } = await latchkey.client.workflow.getHandle(`unlock-${correlationId}`).describe();
      expect(raw.pendingActivities?.[0]?.attempt).toBeGreaterThanOrEqual(2);
    });
    expect(latchkey.sandbox.calls().filter(({ customerId }) => customerId === 'locked-2')).toEqual([]);
    workerToPostgres.restore();
    expect((await latchkey.unlock('locked-2', correlationId)).status).toBe(204);
    expect(latchkey.puts(correlationId)).toHaveLength(1);
  });

  it('an answer that is known does not become unknown: it is recorded when Postgres is back', async () => {
    const correlationId = randomUUID();
    latchkey.sandbox.customers.set('slow-unlock', { script: [{ answerDelayMs: 400 }] });
    await ask('slow-unlock', correlationId);
    await eventually(() => expect(latchkey.puts(correlationId)).toHaveLength(1), { intervalMs: 5 });
    workerToPostgres.cut();
    await sleep(1_500);
    workerToPostgres.restore();
    expect((await latchkey.unlock('slow-unlock', correlationId)).status).toBe(204);
    expect(inShort(await latchkey.story(correlationId))).toEqual([
      'requested',
      'status_checked locked',
      'attempt_started 1',
      'attempt_finished 1 succeeded 204',
      'completed unlocked confirmed not_locked',
    ]);
  });
});

describe('with Postgres slow', () => {
  it('lists that take every connection they get leave some for unlock requests, from the start to the outcome', async () => {
    await latchkey.sql(`
      ALTER VIEW unlock_request RENAME TO quick_unlock_request;
      CREATE VIEW unlock_request AS SELECT quick.* FROM quick_unlock_request quick CROSS JOIN (SELECT pg_sleep(4)) asleep;
      GRANT SELECT ON unlock_request TO latchkey_app;`);
    const lists = Promise.all(Array.from({ length: 30 }, () => latchkey.call('/v1/unlocks')));
    const sleeping = "SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()";
    await eventually(async () => expect((await latchkey.sql(sleeping)).length).toBeGreaterThan(0));
    expect((await latchkey.unlock('locked-5')).status).toBe(204);
    await lists;
    await latchkey.sql('DROP VIEW unlock_request; ALTER VIEW quick_unlock_request RENAME TO unlock_request');
    await eventually(async () => expect((await latchkey.call('/v1/unlocks')).status).toBe(200));
  });
});

describe('with Temporal away', () => {
  it('the front door answers 503 with Retry-After, accepts nothing it cannot keep, and recovers by itself', async () => {
    const correlationId = randomUUID();
    toTemporal.cut();
    const refused = await ask('locked-3', correlationId);
    const ready = await latchkey.call('/readyz');
    toTemporal.restore();
    expect(refused).toMatchObject({ status: 503, body: { code: 'temporarily_unavailable' } });
    expect(refused.headers.get('retry-after')).toMatch(/^\d+$/);
    expect(ready).toMatchObject({ status: 503, body: { parts: expect.arrayContaining([{ part: 'temporal', ready: false }]) } });
    await eventually(async () => expect((await latchkey.unlock('locked-3', correlationId)).status).toBe(204));
    expect(latchkey.puts(correlationId)).toHaveLength(1);
  });

  it('requests that have ended are answered from the record', async () => {
    const correlationId = randomUUID();
    await latchkey.unlock('locked-4', correlationId);
    toTemporal.cut();
    const answer = await latchkey.unlock('locked-4', correlationId);
    toTemporal.restore();
    expect(answer.status).toBe(204);
  });
});
