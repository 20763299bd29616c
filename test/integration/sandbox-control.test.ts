import { randomUUID } from 'node:crypto';
import { afterAll, describe, expect, test } from '@jest/globals';
import { createSandbox } from '../../src/sandbox/index.js';
import { eventually } from '../support/eventually.js';
import { createBankCaller } from './sandbox-caller.js';

const sandbox = await createSandbox();
const { call, lastCallOf, newCustomer, unlock, close } = createBankCaller(sandbox);

afterAll(async () => {
  await close();
  await sandbox.close();
});

describe('the control endpoint', () => {
  const control = (customerId: string): string => `${sandbox.url}/control/customers/${customerId}`;
  const put = (customerId: string, body: string) => call('PUT', control(customerId), { body });

  test('sets a state and script, shows what is left of it, and puts a customer back', async () => {
    expect((await put('locked-5', '{"state":{"onHold":true},"script":[{"httpStatus":503,"times":2}]}')).httpStatus).toBe(200);
    expect((await unlock('locked-5')).httpStatus).toBe(503);
    expect((await call('GET', control('locked-5'))).json()).toMatchObject({
      customerId: 'locked-5',
      state: { locked: true, onHold: true, failedLoginCount: 0 },
      script: [{ on: 'unlock', httpStatus: 503, times: 1 }],
    });
    expect((await call('DELETE', control('locked-5'))).httpStatus).toBe(204);
    expect((await call('GET', control('locked-5'))).json()).toMatchObject({ state: { onHold: false, failedLoginCount: 5 }, script: [] });
    expect((await put('brand-new', '{}')).httpStatus).toBe(200);
    await call('DELETE', control('brand-new'));
    expect((await call('GET', control('brand-new'))).httpStatus).toBe(404);
  });

  test.each([
    ['no JSON', 'x', 'not JSON', '{'],
    ['an unknown field', 'x', 'Unrecognized', '{"scripts":[]}'],
    ['a code without a status', 'x', 'need an httpStatus', '{"script":[{"code":"X"}]}'],
    ['a lost connection with an answer', 'x', 'has no answer', '{"script":[{"loseConnection":"after_applying","httpStatus":503}]}'],
    ['lockAgain on a status step', 'x', 'for unlock steps', '{"script":[{"on":"status","lockAgain":true}]}'],
    ['a malformed customer id', 'a%2Fb', '1 to 64', '{}'],
  ])('refuses %s with 400 and says why', async (_, customerId, words, body) => {
    const answer = await put(customerId, body);
    expect(answer.httpStatus).toBe(400);
    expect(answer.text).toContain(words);
  });

  test('refuses a body that is too large, and keeps serving', async () => {
    expect((await put('x', ' '.repeat(2_000_000))).httpStatus).toBe(413);
    expect((await put('x', '{}')).httpStatus).toBe(200);
  });

  test('serves the log of calls, filtered, and empties it', async () => {
    const customerId = newCustomer();
    const correlationId = randomUUID();
    await unlock(customerId, { headers: { correlationId: correlationId.toUpperCase() } });
    await eventually(() => expect(lastCallOf(customerId)).toMatchObject({ answer: 204 }));
    const found = (await call('GET', `${sandbox.url}/control/calls?correlationId=${correlationId}&endpoint=unlock`)).json();
    expect(found).toEqual({
      dropped: 0,
      calls: [
        expect.objectContaining({
          endpoint: 'unlock',
          method: 'PUT',
          path: `/digitalbanking/ux-users/v1/customers/${customerId}:unlock-user`,
          customerId,
          correlationId: correlationId.toUpperCase(),
          institutionId: 'sandbox-bank',
          applied: true,
          wasLocked: true,
          answer: 204,
        }),
      ],
    });
    expect((await call('GET', `${sandbox.url}/control/calls?customer=x`)).httpStatus).toBe(400);
    expect((await call('DELETE', `${sandbox.url}/control/calls`)).httpStatus).toBe(204);
    expect(sandbox.calls()).toEqual([]);
  });

  test('describes itself and the script', async () => {
    const described = (await call('GET', `${sandbox.url}/control`)).json();
    expect(described).toHaveProperty('schema.properties.script.items.properties.loseConnection.description', expect.any(String));
    expect((await call('GET', `${sandbox.url}/control/customers`)).text).toContain('"locked-20"');
    expect((await call('POST', `${sandbox.url}/control/calls`)).httpStatus).toBe(405);
  });
});
