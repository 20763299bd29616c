import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { dryRunSchema, unlockSchema } from '../../src/http/answer-schemas.js';
import { startCommand, startDoorstep, type Command } from '../support/command.js';
import { openLatchkey, type Latchkey } from '../support/latchkey.js';
import { buildProduct } from '../support/latchkey-process.js';

const unavailable = { httpStatus: 503, code: 'UXU_30001', message: 'Service temporarily unavailable' };
const GUARD = { maxUnlocks: 1, windowMs: 86_400_000, approvalMs: 600_000 };
let latchkey: Latchkey;
let token: string;
const commands: Command[] = [];

beforeAll(async () => {
  buildProduct();
  latchkey = await openLatchkey({
    settings: { repeatGuard: GUARD },
    budget: { maxAttempts: 3, retryAfterMaxMs: 600_000, deadlineMs: 900_000 },
  });
  token = await latchkey.sandbox.mintToken({ subject: 'ann', name: 'Ann Agent' });
}, 240_000);
afterAll(async () => {
  await Promise.all(commands.map((command) => command.end('SIGKILL')));
  await latchkey.close();
});

function start(args: readonly string[], settings: Readonly<Record<string, string>> = {}): Command {
  const command = startCommand(args, { LATCHKEY_URL: latchkey.url, LATCHKEY_TOKEN: token, ...settings });
  commands.push(command);
  return command;
}

async function run(args: readonly string[], settings: Readonly<Record<string, string>> = {}) {
  const ended = await start(args, settings).ended();
  const said = ended.stdout + ended.stderr;
  for (const secret of [token, settings.LATCHKEY_TOKEN ?? '']) if (secret !== '') expect(said).not.toContain(secret.trim());
  // Nobody of these is a terminal.
  expect(said).not.toContain('\u001b');
  return ended;
}

function customer(customerId: string, script: NonNullable<Parameters<Latchkey['sandbox']['customers']['set']>[1]['script']> = []) {
  latchkey.sandbox.customers.set(customerId, { script });
  return customerId;
}

const muchLater = { ...unavailable, headers: { 'Retry-After': '300' } };

describe('latchkey unlock', () => {
  it('unlocks, and says in plain words how that went and how it is seen again', async () => {
    const { code, stdout, stderr } = await run(['unlock', customer('cli-fine'), '--reason', 'Called in', '--ticket', 'HD-7']);
    const [, correlationId = ''] = /correlationId +(\S+)/.exec(stdout) ?? [];
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^unlock of cli-fine$/m);
    expect(stdout).toMatch(/^asked +\S+ \S+ by Ann Agent$/m);
    expect(stdout).toMatch(/^reason +Called in$/m);
    expect(stdout).toMatch(/Z {2}attempt 1: the bank did it \(204\), after /);
    expect(stdout).toMatch(/^unlocked +the customer is unlocked, after 1 attempt, in /m);
    expect(stdout).toMatch(/^verification +confirmed: the bank, asked afterwards, says that the customer is no longer locked$/m);
    expect(stdout).toContain(`latchkey status ${correlationId} --watch`);
    const [row] = await latchkey.sql(
      `select reason, ticket from audit_event where action = 'customer.unlock.requested' and correlation_id = $1`,
      [correlationId],
    );
    expect(row).toEqual({ reason: 'Called in', ticket: 'HD-7' });
  });

  it('shows attempts as they happen, and when the next one is due', async () => {
    customer('cli-retried', [{ ...unavailable, headers: { 'Retry-After': '3' } }]);
    const command = start(['unlock', 'cli-retried']);
    await command.says(/attempt 1: the bank did not do it \(503 UXU_30001 "Service temporarily unavailable"\)/);
    await command.says(/attempt 2 is due at /);
    expect(command.stdout()).not.toMatch(/^unlocked/m);
    const { code, stdout } = await command.ended();
    expect([code, stdout]).toEqual([0, expect.stringMatching(/attempt 2: the bank did it[^]*after 2 attempts/)]);
  });

  it.each([
    ['not_locked', 3, /^not_locked +the customer was not locked[^]*^diagnosis +The customer is not locked, so an unlock will not help/m],
    ['rejected', 4, /^rejected +the bank refused the unlock for good \(403 UXU_10002 "User lacks the required role"\)[^]*^diagnosis /m],
    ['failed', 5, /^failed +the bank could not be brought to unlock the customer, after 3 attempts[^]*^diagnosis /m],
  ])('ends with an exit code of its own where the outcome is %s', async (outcome, exitCode, words) => {
    const customerId = `cli-${outcome}`;
    customer(customerId, outcome === 'failed' ? [{ ...unavailable, times: 'always' }] : []);
    if (outcome === 'not_locked') latchkey.sandbox.customers.set(customerId, { state: { locked: false } });
    if (outcome === 'rejected') {
      customer(customerId, [{ httpStatus: 403, code: 'UXU_10002', message: 'User lacks the required role', times: 'always' }]);
    }
    const { code, stdout } = await run(['unlock', customerId]);
    expect([code, stdout]).toEqual([exitCode, expect.stringMatching(words)]);
  });

  it('tells of a pause, of its end and of a cancellation, each of which is a command', async () => {
    customer('cli-steered', [{ ...muchLater, times: 'always' }]);
    const correlationId = randomUUID();
    const watching = start(['unlock', 'cli-steered', '--correlation-id', correlationId]);
    await watching.says(/attempt 2 is due at/);
    const paused = await run(['pause', correlationId, '--reason', 'The bank asked us to']);
    expect([paused.code, paused.stdout]).toEqual([0, expect.stringMatching(/^running +paused by an operator/m)]);
    await watching.says(/ {2}paused by an operator/);
    expect((await run(['resume', correlationId, '--reason', 'It is well again'])).code).toBe(0);
    await watching.says(/ {2}resumed/);
    await watching.says(/attempt 2: the bank did not do it/);
    expect((await run(['cancel', correlationId, '--reason', 'No longer needed'])).code).toBe(0);
    const { code, stdout } = await watching.ended();
    expect([code, stdout]).toEqual([6, expect.stringMatching(/^cancelled +the request was stopped and no attempt succeeded/m)]);
    const late = await run(['cancel', correlationId, '--reason', 'Again']);
    expect([late.code, late.stderr]).toEqual([1, expect.stringMatching(/The unlock request has ended\. .*\(request_has_ended\)/)]);
  });

  it('says who must be asked where a second person must approve, and goes on once they have', async () => {
    expect((await run(['unlock', customer('cli-often')])).code).toBe(0);
    const command = start(['unlock', customer('cli-often')]);
    const [, correlationId = ''] = await command.says(/latchkey approve (\S+) --reason/);
    expect(command.stdout()).toMatch(/unlocked once in 24 h: a second person must approve by /);
    const own = await run(['approve', correlationId, '--reason', 'Mine']);
    expect([own.code, own.stderr]).toEqual([77, expect.stringMatching(/Somebody else must decide.*\(approver_not_allowed\)/)]);
    const lead = await latchkey.sandbox.mintToken({ subject: 'lea', name: 'Lea Lead' });
    expect((await run(['approve', correlationId, '--reason', 'Called back'], { LATCHKEY_TOKEN: lead })).code).toBe(0);
    const { code, stdout } = await command.ended();
    expect([code, stdout]).toEqual([0, expect.stringMatching(/approved by Lea Lead: Called back[^]*^unlocked /m)]);
  });

  it('gives programs one JSON document, at the end', async () => {
    const { code, stdout } = await run(['unlock', customer('cli-json', [unavailable]), '--json']);
    const unlock = unlockSchema.parse(JSON.parse(stdout));
    expect([code, unlock.outcome, unlock.attempts.length]).toEqual([0, 'unlocked', 2]);
    expect(stdout.trimEnd().split('\n')).toHaveLength(1);
  });

  it('unlocks nothing in a dry run', async () => {
    const { code, stdout } = await run(['unlock', customer('cli-dry'), '--dry-run']);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/nothing was unlocked\nexpected +unlocked: The customer is locked/)]);
    const machine = await run(['unlock', 'cli-dry', '--dry-run', '--json']);
    expect(dryRunSchema.parse(JSON.parse(machine.stdout))).toMatchObject({ wouldSendPut: true });
    expect(latchkey.sandbox.customers.get('cli-dry')?.state.locked).toBe(true);
  });

  it('goes on without being watched: with --no-wait, past --wait, and after Ctrl-C', async () => {
    customer('cli-long', [{ ...muchLater, times: 'always' }]);
    const correlationId = randomUUID();
    const same = ['unlock', 'cli-long', '--correlation-id', correlationId];
    const accepted = await run([...same, '--no-wait']);
    expect([accepted.code, accepted.stdout]).toEqual([0, expect.stringMatching(/^running /m)]);
    const waited = await run([...same, '--wait', '2']);
    expect([waited.code, waited.stderr]).toEqual([
      75,
      expect.stringContaining(`goes on; to follow it again: latchkey status ${correlationId} --watch`),
    ]);
    const asJson = await run([...same, '--wait', '1', '--json']);
    expect([asJson.code, unlockSchema.parse(JSON.parse(asJson.stdout)).state]).toEqual([75, 'running']);
    const watching = start(['status', correlationId, '--watch']);
    await watching.says(/attempt 2 is due at/);
    watching.child.kill('SIGINT');
    const interrupted = await watching.ended();
    expect([interrupted.code, interrupted.stderr]).toEqual([130, expect.stringContaining('the unlock goes on; to follow it again')]);
    expect((await latchkey.call(`/v1/unlocks/${correlationId}`)).body).toMatchObject({ state: 'running' });
    expect((await run(['cancel', correlationId, '--reason', 'The test is over'])).code).toBe(0);
  });

  it('asks again under the same correlationId where the answer was lost, so that nothing is done twice', async () => {
    const doorstep = await startDoorstep(Number(new URL(latchkey.url).port), { lostReplies: 2 });
    try {
      const correlationId = randomUUID();
      const args = ['unlock', customer('cli-lost'), '--correlation-id', correlationId];
      const { code, stdout, stderr } = await run(args, { LATCHKEY_URL: doorstep.url });
      expect([code, stdout]).toEqual([0, expect.stringMatching(/^unlocked /m)]);
      expect(stderr.match(new RegExp(`asking again with the same correlationId ${correlationId}`, 'g'))).toHaveLength(2);
      expect(latchkey.puts(correlationId)).toHaveLength(1);
      expect((await latchkey.story(correlationId)).filter(({ action }) => action === 'requested')).toHaveLength(1);
    } finally {
      await doorstep.goAway();
    }
  });

  it('bears with a front door that is started again while it watches', async () => {
    const doorstep = await startDoorstep(Number(new URL(latchkey.url).port));
    try {
      customer('cli-restart', [{ ...unavailable, headers: { 'Retry-After': '6' } }]);
      const command = start(['unlock', 'cli-restart'], { LATCHKEY_URL: doorstep.url });
      await command.says(/attempt 2 is due at/);
      await doorstep.goAway();
      await command.says(/does not answer.*; the unlock goes on, and so does the asking/);
      await doorstep.comeBack();
      await command.says(/the front door answers again/);
      const { code, stdout } = await command.ended();
      expect([code, stdout]).toEqual([0, expect.stringMatching(/attempt 2: the bank did it[^]*^unlocked /m)]);
    } finally {
      await doorstep.goAway();
    }
  });
});

describe('what a command has to complain of', () => {
  it('names each fault of what was asked for', async () => {
    const { code, stderr } = await run(['unlock', 'no such id', '--reason', ' ', '--on-behalf-of', 'x'.repeat(201)]);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/^latchkey: The request is not valid: \(validation_failed\)$/m)]);
    expect(stderr).toMatch(/^ {2}customerId is no customer id: it must match /m);
    expect(stderr).toMatch(/^ {2}reason must not be blank$/m);
    expect(stderr).toMatch(/^ {2}onBehalfOf must have at most 200 characters$/m);
    const filter = await run(['status', '--state', 'asleep']);
    expect([filter.code, filter.stderr]).toEqual([2, expect.stringContaining('the filter state must be one of running, completed')]);
  });

  it.each([
    [['unlock'], /missing required argument/],
    [['unlock', 'a', '--wait', 'long'], /whole number of seconds/],
    [['status', 'not-a-guid'], /must be a GUID/],
    [['status', '--watch'], /--watch needs a correlationId/],
    [['status', randomUUID(), '--state', 'running'], /filters are for lists/],
    [['cancel', randomUUID()], /required option '--reason/],
  ])('is wrong usage: %j', async (args, words) => {
    const { code, stderr } = await run(args);
    expect([code, stderr]).toEqual([2, expect.stringMatching(words)]);
  });

  it('says where it looked, and how a front door is started, where none is', async () => {
    const { code, stderr } = await run(['unlock', 'locked-1'], { LATCHKEY_URL: 'http://127.0.0.1:1' });
    expect([code, stderr]).toEqual([69, expect.stringMatching(/http:\/\/127\.0\.0\.1:1 does not answer[^]*LATCHKEY_URL[^]*npm start/)]);
  });

  it('says that something else answers there', async () => {
    const { code, stderr } = await run(['status'], { LATCHKEY_URL: latchkey.sandbox.url });
    expect([code, stderr]).toEqual([1, expect.stringMatching(/answers 404[^]*is LATCHKEY_URL right\?/)]);
  });

  it('says which token and scope it takes, and how to get one', async () => {
    const expired = await latchkey.sandbox.mintToken({ expiresInSeconds: -600 });
    const narrow = await latchkey.sandbox.mintToken({ scopes: ['institution-users:read'] });
    for (const [wrong, told] of [
      [expired, /The bearer token is not valid\. .*expired.*\(invalid_token\)/],
      [narrow, /The token lacks a scope\. .*\(insufficient_scope\)/],
      ['not a token\n', /what LATCHKEY_TOKEN holds is no token/],
    ] as const) {
      const { code, stderr } = await run(['unlock', 'locked-1'], { LATCHKEY_TOKEN: wrong });
      expect([code, stderr]).toEqual([77, expect.stringMatching(told)]);
      expect(stderr).toMatch(/LATCHKEY_TOKEN.*scope institution-users:write/);
    }
    const without = await run(['unlock', 'locked-1'], { LATCHKEY_TOKEN: '' });
    expect([without.code, without.stderr]).toEqual([78, expect.stringContaining('LATCHKEY_TOKEN is required')]);
  });
});

describe('latchkey token', () => {
  it('prints a token of the sandbox that the front door takes', async () => {
    const settings = { AUTH_ISSUER: latchkey.sandbox.issuerUrl };
    const { code, stdout } = await startCommand(['token', '--sub', 'lea', '--name', 'Lea Lead'], settings).ended();
    expect([code, (await latchkey.call('/v1/unlocks', { token: stdout.trim() })).status]).toEqual([0, 200]);
    const away = await startCommand(['token'], { AUTH_ISSUER: 'http://127.0.0.1:1/issuer' }).ended();
    expect([away.code, away.stderr]).toEqual([69, expect.stringMatching(/no sandbox answers at .*npm start/)]);
  });
});
