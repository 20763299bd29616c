import { afterAll, describe, expect, test } from '@jest/globals';
import { request } from 'undici';
import { createSandbox } from '../../src/sandbox/index.js';
import { eventually } from '../support/eventually.js';
import { bankError, codeOf, createBankCaller } from './sandbox-caller.js';

const sandbox = await createSandbox();
const { bankHeaders, isLocked, lastCallOf, newCustomer, readStatus, unlock, unlockUrl, close } = createBankCaller(sandbox);

afterAll(async () => {
  await close();
  await sandbox.close();
});

describe('a scripted unlock', () => {
  test('fails twice with 503, then goes through', async () => {
    const answers = [await unlock('two-503'), await unlock('two-503'), await unlock('two-503')];
    expect(answers.map(({ httpStatus }) => httpStatus)).toEqual([503, 503, 204]);
    expect(isLocked('two-503')).toBe(false);
  });

  test.each([
    ['retry-after-429', 429, undefined],
    ['quota-500', 500, 'CMN_90002'],
    ['spike-500', 500, 'CMN_90003'],
    ['expired-jwt-400', 400, 'UXU_10003'],
    ['bad-request-400', 400, 'UXU_10012'],
    ['forbidden-403', 403, 'UXU_10002'],
    ['gone-404', 404, 'UXU_10000'],
    ['conflict-409', 409, undefined],
  ])('of %s is refused with %d %s and not applied', async (customerId, httpStatus, code) => {
    const answer = await unlock(customerId);
    expect(answer.httpStatus).toBe(httpStatus);
    expect(bankError.parse(answer.json()).code).toBe(code);
    expect(isLocked(customerId)).toBe(true);
  });

  test('carries scripted headers', async () => {
    const customerId = newCustomer({ script: [{ httpStatus: 429, headers: { 'Retry-After': '7' } }] });
    expect((await unlock(customerId)).headers['retry-after']).toBe('7');
  });

  test('may be refused though the customer is unlocked by now', async () => {
    expect((await unlock('unlocked-meanwhile-409')).httpStatus).toBe(409);
    expect(isLocked('unlocked-meanwhile-409')).toBe(false);
  });

  test('may be answered by a gateway’s HTML page', async () => {
    const answer = await unlock('html-502');
    expect([answer.httpStatus, answer.headers['content-type']]).toEqual([502, 'text/html']);
    expect(answer.text).toContain('<h1>Bad Gateway</h1>');
  });

  test('may be answered by 200 with null', async () => {
    const answer = await unlock('null-200');
    expect([answer.httpStatus, answer.text]).toEqual([200, 'null']);
    expect(isLocked('null-200')).toBe(false);
  });

  test('may lose its answer after it was applied', async () => {
    expect(await codeOf(unlock('answer-lost'))).toBe('UND_ERR_SOCKET');
    expect(isLocked('answer-lost')).toBe(false);
    await eventually(() => expect(lastCallOf('answer-lost')).toMatchObject({ answer: 'connection lost' }));
    expect(lastCallOf('answer-lost')).toMatchObject({ applied: true, wasLocked: true });
  });

  test('may be reset before it was applied', async () => {
    expect(await codeOf(unlock('reset-before'))).toBe('ECONNRESET');
    expect(isLocked('reset-before')).toBe(true);
    await eventually(() => expect(lastCallOf('reset-before')).toMatchObject({ answer: 'connection lost' }));
    expect(lastCallOf('reset-before')).toMatchObject({ applied: false, appliedAt: null });
  });

  test('may be undone at once by somebody who locks again', async () => {
    expect((await unlock('locked-again')).httpStatus).toBe(204);
    expect(isLocked('locked-again')).toBe(true);
    await eventually(() => expect(lastCallOf('locked-again')).toMatchObject({ answer: 204 }));
    expect(lastCallOf('locked-again')).toMatchObject({ applied: true, wasLocked: true });
  });

  test('may be applied late, though the caller has gone', async () => {
    const customerId = newCustomer({ script: [{ delayMs: 2000 }] });
    const caller = new AbortController();
    const ended = expect(unlock(customerId, { signal: caller.signal })).rejects.toThrow();
    await eventually(() => expect(lastCallOf(customerId)).toBeDefined());
    caller.abort();
    await ended;
    await eventually(() => expect(lastCallOf(customerId)).toMatchObject({ answer: 'connection lost' }));
    await eventually(() => expect(lastCallOf(customerId)).toMatchObject({ applied: true }));
    expect(isLocked(customerId)).toBe(false);
  });

  test('may be applied in time and answered late', async () => {
    const customerId = newCustomer({ script: [{ answerDelayMs: 600_000 }] });
    const caller = new AbortController();
    const ended = expect(unlock(customerId, { signal: caller.signal })).rejects.toThrow();
    await eventually(() => expect(lastCallOf(customerId)).toMatchObject({ applied: true }));
    expect(lastCallOf(customerId)?.answer).toBeNull();
    caller.abort();
    await ended;
  });

  test('may send its body slowly', async () => {
    const customerId = newCustomer({ script: [{ httpStatus: 200, body: null, bodyDelayMs: 300 }] });
    expect((await unlock(customerId)).text).toBe('null');
    sandbox.customers.set(customerId, { script: [{ httpStatus: 200, body: null, bodyDelayMs: 600_000 }] });
    const caller = new AbortController();
    const headers = await bankHeaders();
    const answer = await request(unlockUrl(customerId), { method: 'PUT', headers, signal: caller.signal });
    expect(answer.statusCode).toBe(200);
    const ended = expect(answer.body.text()).rejects.toThrow();
    caller.abort();
    await ended;
    await eventually(() => expect(lastCallOf(customerId)).toMatchObject({ answer: 'connection lost' }));
  });

  test('may have a huge body or a wrong content type', async () => {
    expect((await unlock('huge-body')).text).toHaveLength(16 * 1024 * 1024);
    const answer = await unlock('wrong-content-type');
    expect([answer.headers['content-type'], bankError.parse(answer.json()).code]).toEqual(['text/plain', 'UXU_30002']);
  });

  test('leaves the script of the status read alone', async () => {
    expect((await unlock('status-two-503')).httpStatus).toBe(204);
    const statuses: number[] = [];
    for (let read = 0; read < 3; read += 1) statuses.push((await readStatus('status-two-503')).httpStatus);
    expect(statuses).toEqual([503, 503, 200]);
  });
});
