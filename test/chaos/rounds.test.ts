import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { CustomerSetup } from '../../src/sandbox/index.js';
import { eventually } from '../support/eventually.js';
import { openLatchkey, type Latchkey } from '../support/latchkey.js';

/** `npm run test:long` asks for 200. */
const ROUNDS = Number(process.env.LATCHKEY_TEST_ROUNDS ?? 3);
const AT_ONCE = 200;

/** What the bank does in one round and the next. */
const setups: readonly CustomerSetup[] = [
  {},
  { script: [{ httpStatus: 503, code: 'UXU_30001', message: 'Service temporarily unavailable' }] },
  { script: [{ loseConnection: 'after_applying' }] },
  { script: [{ loseConnection: 'before_applying' }, { answerDelayMs: 300 }] },
];

let latchkey: Latchkey;
beforeAll(async () => {
  latchkey = await openLatchkey();
  await latchkey.addWorker();
});
afterAll(() => latchkey.close());

/** Whoever is told to come back (on a busy machine a connection to Postgres is not always to be had in time) comes back. */
const COME_BACK = new Set([202, 503, 504]);
const REPEATS = 10;
const COME_BACK_MS = 1_000;

async function ask(customerId: string, correlationId: string, index: number) {
  for (let repeats = 0; ; repeats += 1) {
    const answer = await askOnce(customerId, correlationId, index);
    if (!COME_BACK.has(answer.status) || repeats >= REPEATS) return answer;
    await sleep(COME_BACK_MS);
  }
}

function askOnce(customerId: string, correlationId: string, index: number) {
  if (index % 2 === 0) return latchkey.unlock(customerId, correlationId);
  return latchkey.call('/v1/unlocks', { method: 'POST', body: { customerId }, headers: { correlationId, prefer: 'wait=60' } });
}

async function round(number: number): Promise<void> {
  const correlationId = randomUUID();
  const customerId = `round-${number}`;
  latchkey.sandbox.customers.set(customerId, setups[number % setups.length] ?? {});
  const answers = await Promise.all(Array.from({ length: AT_ONCE }, (_, index) => ask(customerId, correlationId, index)));

  const told = new Set(answers.map(({ status, body }) => `${status} ${(body as { outcome?: string } | null)?.outcome ?? ''}`));
  expect(told).toEqual(new Set(['204 ', '200 unlocked']));
  const [counts] = await latchkey.sql(
    `select count(*) filter (where action = 'customer.unlock.requested')::int as requests,
       count(*) filter (where action = 'customer.unlock.completed')::int as outcomes,
       count(*) filter (where action = 'customer.unlock.attempt_started')::int as attempts,
       count(*) filter (where action = 'customer.unlock.attempt_finished' and metadata ->> 'meaning' is distinct from 'not_sent')::int as sent,
       count(distinct workflow_id || run_id)::int as workflows
     from audit_event where correlation_id = $1`,
    [correlationId],
  );
  const puts = latchkey.puts(correlationId);
  // An attempt that was held up for longer than a PUT may be, on a busy machine, is on record as not sent.
  expect(counts).toEqual({ requests: 1, outcomes: 1, workflows: 1, attempts: expect.any(Number), sent: puts.length });
  expect(puts.filter(({ wasLocked }) => wasLocked === true)).toHaveLength(1);
  await eventually(async () => {
    const { count } = await latchkey.client.workflow.count(`WorkflowId = 'unlock-${correlationId}'`);
    expect(count).toBe(1);
  });
}

describe(`${AT_ONCE} identical requests at once`, () => {
  it(
    `are one workflow, one outcome and one PUT an attempt, ${ROUNDS} rounds in a row`,
    async () => {
      for (let number = 0; number < ROUNDS; number += 1) await round(number);
    },
    60_000 + ROUNDS * 30_000,
  );
});
