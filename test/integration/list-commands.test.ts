import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { auditEventSchema, unlockSchema } from '../../src/http/answer-schemas.js';
import { startCommand } from '../support/command.js';
import { openLatchkey, type Latchkey } from '../support/latchkey.js';
import { buildProduct } from '../support/latchkey-process.js';

const locked = ['locked-1', 'locked-2', 'locked-3'];
let latchkey: Latchkey;
let token: string;
beforeAll(async () => {
  buildProduct();
  latchkey = await openLatchkey();
  token = await latchkey.sandbox.mintToken({ subject: 'ann', name: 'Ann Agent' });
  for (const customerId of [...locked, 'open-1']) {
    await latchkey.call('/v1/unlocks', { method: 'POST', body: { customerId }, headers: { prefer: 'wait=30' }, token });
  }
}, 240_000);
afterAll(() => latchkey.close());

async function run(...args: readonly string[]) {
  const ended = await startCommand(args, { LATCHKEY_URL: latchkey.url, LATCHKEY_TOKEN: token }).ended();
  expect(ended.stdout + ended.stderr).not.toContain(token);
  expect(ended.stdout + ended.stderr).not.toContain('\u001b');
  return ended;
}

const lines = (text: string): string[] => text.trimEnd().split('\n');

describe('latchkey status', () => {
  it('lists the newest requests, those alone that the filters let through', async () => {
    const { code, stdout } = await run('status');
    expect([code, lines(stdout)[0]]).toEqual([0, expect.stringMatching(/^requested +customer +state +attempts +asked by +correlationId$/)]);
    expect(lines(stdout).slice(2)).toEqual([
      expect.stringMatching(/Z {2}open-1 +not_locked +0 {2}Ann Agent {2}[0-9a-f-]{36}$/),
      ...locked.toReversed().map((customerId) => expect.stringMatching(new RegExp(`  ${customerId} +unlocked +1  Ann Agent  `))),
    ]);
    const one = await run('status', '--customer', 'locked-2', '--outcome', 'unlocked', '--actor', 'ann', '--state', 'completed');
    expect(lines(one.stdout).slice(2)).toEqual([expect.stringContaining('locked-2')]);
    const none = await run('status', '--approval', 'waiting');
    expect([none.code, none.stdout, none.stderr]).toEqual([0, '', 'latchkey: no unlock request is like that\n']);
  });

  it('says that there are more, and takes as many as are wanted', async () => {
    const two = await run('status', '--limit', '2', '--json');
    expect(lines(two.stdout).map((line) => unlockSchema.parse(JSON.parse(line)).customerId)).toEqual(['open-1', 'locked-3']);
    expect(two.stderr).toMatch(/there are more/);
    const all = await run('status', '--all', '--json');
    expect([lines(all.stdout).length, all.stderr]).toEqual([4, '']);
  });

  it('shows one request, as it stands or as one JSON document', async () => {
    const newest = await run('status', '--limit', '1', '--json');
    const { correlationId } = unlockSchema.parse(JSON.parse(newest.stdout));
    const { code, stdout } = await run('status', correlationId);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^unlock of open-1\n[^]*^not_locked +the customer was not locked/m)]);
    const asJson = await run('status', correlationId, '--json');
    expect(unlockSchema.parse(JSON.parse(asJson.stdout)).outcome).toBe('not_locked');
    expect((await run('status', correlationId, '--watch')).code).toBe(3);
  });

  it('gives programs a line for each change while it watches', async () => {
    latchkey.sandbox.customers.set('changing', { script: [{ httpStatus: 503, headers: { 'Retry-After': '2' } }] });
    const correlationId = randomUUID();
    await latchkey.call('/v1/unlocks', { method: 'POST', body: { customerId: 'changing' }, headers: { correlationId } });
    const { code, stdout } = await run('status', correlationId, '--watch', '--json');
    const seen = lines(stdout).map((line) => unlockSchema.parse(JSON.parse(line)));
    expect([code, seen.at(-1)?.outcome]).toEqual([0, 'unlocked']);
    expect(new Set(seen.map((each) => JSON.stringify(each))).size).toBe(seen.length);
  });

  it('says where there is no such request', async () => {
    const { code, stderr } = await run('status', randomUUID());
    expect([code, stderr]).toEqual([1, 'latchkey: Nothing is here. No unlock request has this correlationId. (not_found)\n']);
  });
});

describe('latchkey audit list', () => {
  it('shows who did what with whom and how it went', async () => {
    const { code, stdout } = await run('audit', 'list', '--customer-id', 'locked-1');
    expect([code, lines(stdout)[0]]).toEqual([
      0,
      expect.stringMatching(/^time +action +actor +customer +attempt +result +HTTP +code +outcome$/),
    ]);
    const rows = lines(stdout).slice(2);
    expect(rows.length).toBeGreaterThanOrEqual(5);
    expect(rows.at(-1)).toMatch(/^\S+ \d\d:\d\d:\d\d\.\d{3}Z {2}customer\.unlock\.requested +Ann Agent +locked-1$/);
    expect(stdout).toMatch(/customer\.unlock\.attempt_finished .*locked-1 +1 {2}succeeded +204/);
    expect(stdout).toMatch(/customer\.unlock\.completed .* unlocked$/m);
  });

  it('gives programs all that is on record, a line each, over pages where there are many', async () => {
    const customer = randomUUID();
    await latchkey.sql(
      `insert into audit_event (id, occurred_at, action, correlation_id, institution_id, customer_id, actor_type, actor_id, lock_status, metadata)
       select gen_random_uuid(), now(), 'customer.lock_status.viewed', gen_random_uuid(), $1, $2, 'user', 'ann', 'locked', '{}' from generate_series(1, 250)`,
      [latchkey.sandbox.institutionId, customer],
    );
    const mine = ['audit', 'list', '--json', '--customer-id', customer];
    const all = await run(...mine, '--all');
    const events = lines(all.stdout).map((line) => auditEventSchema.parse(JSON.parse(line)));
    expect([all.code, events.length, new Set(events.map(({ id }) => id)).size, all.stderr]).toEqual([0, 250, 250, '']);
    const some = await run(...mine, '--limit', '210');
    expect([lines(some.stdout).length, some.stderr]).toEqual([210, expect.stringContaining('there are more')]);
  });

  it('says which filter it does not take', async () => {
    const { code, stderr } = await run('audit', 'list', '--http-status', 'many', '--action', 'nothing');
    expect([code, stderr]).toEqual([2, expect.stringContaining('the filter httpStatus must be a whole number from 100 to 599')]);
    expect(stderr).toContain('the filter action must be one of customer.unlock.requested, ');
  });
});
