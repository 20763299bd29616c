import { describe, expect, test } from '@jest/globals';
import { defaultCustomers } from '../../src/sandbox/default-customers.js';
import { createSandbox } from '../../src/sandbox/index.js';
import { eventually } from '../support/eventually.js';
import { codeOf, createBankCaller } from './sandbox-caller.js';

describe('the sandbox', () => {
  test('closes at once while many answers are pending, and gives its port back', async () => {
    const crowd = await createSandbox({ customers: { slow: { script: [{ answerDelayMs: 600_000, times: 'always' }] } } });
    const caller = createBankCaller(crowd);
    const pending = Array.from({ length: 50 }, () => codeOf(caller.unlock('slow')));
    await eventually(() => expect(crowd.calls().filter(({ applied }) => applied)).toHaveLength(50));
    await crowd.close();
    expect(new Set(await Promise.all(pending))).not.toContain('null');
    await crowd.close();
    await caller.close();
    const next = await createSandbox({ port: crowd.port });
    expect(next.port).toBe(crowd.port);
    await next.close();
  });

  test('refuses to start on a taken port', async () => {
    const first = await createSandbox();
    await expect(createSandbox({ port: first.port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await first.close();
  });

  test('starts with ids alone that Latchkey lets through', () => {
    for (const customerId of Object.keys(defaultCustomers)) expect(customerId).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
  });

  test('logs one line for each call that is over, without tokens', async () => {
    const lines: string[] = [];
    const told = await createSandbox({ log: (line) => lines.push(line) });
    const caller = createBankCaller(told);
    await caller.unlock('locked-1');
    await eventually(() => expect(lines).toHaveLength(2));
    expect(lines[1]).toBe('bank PUT /digitalbanking/ux-users/v1/customers/locked-1:unlock-user -> 204, unlocked');
    await caller.close();
    await told.close();
  });
});
