import { afterAll, describe, expect, test } from '@jest/globals';
import { createSandbox } from '../../src/sandbox/index.js';
import { eventually } from '../support/eventually.js';
import { bankError, basic, createBankCaller, tokenAnswer } from './sandbox-caller.js';

const sandbox = await createSandbox();
const caller = createBankCaller(sandbox);
const { askForToken, bankHeaders, call, isLocked, lastCallOf, newCustomer, readStatus, statusUrl, unlock, unlockUrl, close } = caller;

afterAll(async () => {
  await close();
  await sandbox.close();
});

describe('the bank gives tokens', () => {
  test('to its client for client credentials', async () => {
    const answer = await askForToken();
    expect(answer.httpStatus).toBe(200);
    expect(tokenAnswer.parse(answer.json())).toMatchObject({ expires_in: 3600, scope: 'institution-users:read institution-users:write' });
  });

  test.each([
    ['wrong secret', 401, { authorization: basic('latchkey', 'wrong') }, undefined],
    ['no credentials', 401, { authorization: '' }, undefined],
    ['other grant', 400, {}, 'grant_type=password'],
    ['other institution', 400, { institutionId: 'elsewhere' }, undefined],
    ['no transactionid', 400, { transactionid: 'x' }, undefined],
    ['JSON instead of a form', 415, { 'content-type': 'application/json' }, '{}'],
  ])('but refuses with %s', async (_, httpStatus, headers, body) => {
    const answer = await askForToken(headers, body);
    expect(answer.httpStatus).toBe(httpStatus);
    expect(bankError.parse(answer.json()).status).toBe(httpStatus);
  });

  test('that end when their time is up', async () => {
    const brief = await createSandbox({ tokenTtlSeconds: 0 });
    const late = createBankCaller(brief);
    const answer = await late.readStatus('locked-1');
    expect([answer.httpStatus, bankError.parse(answer.json()).code]).toEqual([401, 'UXU_10003']);
    await late.close();
    await brief.close();
  });

  test('that are worthless once revoked, while new ones are good', async () => {
    const headers = await bankHeaders();
    expect((await call('GET', statusUrl('locked-1'), { headers })).httpStatus).toBe(200);
    expect((await call('POST', `${sandbox.url}/control/tokens:revoke`)).json()).toEqual({ revoked: expect.any(Number) });
    const answer = await call('GET', statusUrl('locked-1'), { headers });
    expect([answer.httpStatus, bankError.parse(answer.json()).code]).toEqual([401, 'CMN_90018']);
    expect((await readStatus('locked-1')).httpStatus).toBe(200);
  });

  test('with faults as scripted by any customer', async () => {
    newCustomer({ script: [{ on: 'token', httpStatus: 503 }] });
    expect((await askForToken()).httpStatus).toBe(503);
    expect((await askForToken()).httpStatus).toBe(200);
  });
});

describe('the bank checks each call', () => {
  test.each([
    ['no token', 401, 'UXU_10001', { authorization: '' }],
    ['an unknown token', 401, 'UXU_10001', { authorization: 'Bearer nonsense' }],
    ['no correlationId', 400, 'UXU_10006', { correlationId: '' }],
    ['a correlationId that is no GUID', 400, 'UXU_10007', { correlationId: '123' }],
    ['another institution', 403, 'UXU_10002', { institutionId: 'elsewhere' }],
  ])('and refuses it with %s', async (_, httpStatus, code, headers) => {
    const customerId = newCustomer({ script: [{ httpStatus: 503 }] });
    const answer = await unlock(customerId, { headers });
    expect([answer.httpStatus, bankError.parse(answer.json()).code]).toEqual([httpStatus, code]);
    expect(isLocked(customerId)).toBe(true);
    expect(sandbox.customers.get(customerId)?.script).toHaveLength(1);
  });

  test('and knows no customer that it was not told of', async () => {
    const answer = await unlock('nobody');
    expect([answer.httpStatus, bankError.parse(answer.json()).code]).toEqual([404, 'UXU_10000']);
    expect((await readStatus('nobody')).httpStatus).toBe(404);
  });

  test('and takes neither body nor query with an unlock', async () => {
    const customerId = newCustomer();
    expect((await unlock(customerId, { body: '{}' })).httpStatus).toBe(400);
    expect((await unlock(customerId, { body: 'x'.repeat(20_000) })).httpStatus).toBe(413);
    expect((await call('PUT', `${unlockUrl(customerId)}?x=1`, { headers: await bankHeaders() })).httpStatus).toBe(400);
    expect(isLocked(customerId)).toBe(true);
  });

  test('and logs calls for what it does not have', async () => {
    expect((await call('DELETE', unlockUrl('locked-1'))).httpStatus).toBe(405);
    expect((await call('PUT', `${sandbox.url}/v1/customers/a%2Fb/..:unlock-user`)).httpStatus).toBe(404);
    expect((await call('PUT', `${sandbox.url}/v1/customers/%zz:unlock-user`)).httpStatus).toBe(401);
    const others = () => sandbox.calls().filter(({ endpoint }) => endpoint === 'other');
    await eventually(() => expect(others().map(({ answer }) => answer)).toEqual([405, 404]));
  });
});

describe('the bank tells the lock status', () => {
  test('with the flags under userStatus, and personal fields beside them', async () => {
    const answer = await readStatus('locked-on-hold-1');
    const userStatus = { locked: true, onHold: true, active: true };
    expect(answer.json()).toMatchObject({ userStatus, emailAddress: 'locked-on-hold-1@customer.example' });
    expect(lastCallOf('locked-on-hold-1')).toMatchObject({ endpoint: 'status', toldLocked: true });
  });

  test('with the flags at the root on the alternative path, by transactionId', async () => {
    const { correlationId: _, ...headers } = await bankHeaders();
    const url = `${sandbox.bankBaseUrl}/v1/user-status/open-1?userIdType=CUSTOMER_ID`;
    expect((await call('GET', url, { headers })).json()).toMatchObject({ locked: false, active: true });
    expect((await call('GET', url, { headers: { ...headers, transactionId: 'x' } })).httpStatus).toBe(400);
  });

  test('only for userIdType=CUSTOMER_ID', async () => {
    const answer = await call('GET', `${sandbox.bankBaseUrl}/v1/customers/locked-1`, { headers: await bankHeaders() });
    expect([answer.httpStatus, bankError.parse(answer.json()).code]).toEqual([400, 'UXU_10011']);
  });

  test('on hosts without the path prefix too', async () => {
    const url = `${sandbox.url}/v1/customers/locked-1?userIdType=CUSTOMER_ID`;
    expect((await call('GET', url, { headers: await bankHeaders() })).httpStatus).toBe(200);
  });
});

describe('an unlock', () => {
  test('unlocks a locked customer with 204 and no body', async () => {
    const customerId = newCustomer({ state: { failedLoginCount: 5 } });
    const answer = await unlock(customerId);
    expect([answer.httpStatus, answer.text]).toEqual([204, '']);
    expect(sandbox.customers.get(customerId)?.state).toMatchObject({ locked: false, failedLoginCount: 0 });
  });

  test('of a customer who is not locked is a no-op with 204', async () => {
    expect((await unlock('open-1')).httpStatus).toBe(204);
    await eventually(() => expect(lastCallOf('open-1')).toMatchObject({ answer: 204 }));
    expect(lastCallOf('open-1')).toMatchObject({ applied: true, wasLocked: false });
  });
});
