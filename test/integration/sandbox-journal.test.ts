import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { buildProduct, startLatchkeyProcess, type LatchkeyProcess } from '../support/latchkey-process.js';

let directory: string;
let sandbox: LatchkeyProcess;
let url: string;
beforeEach(async () => {
  buildProduct();
  directory = await mkdtemp(join(tmpdir(), 'latchkey-test-journal-'));
  await open();
}, 180_000);
afterEach(async () => {
  await sandbox.end('SIGKILL');
  await rm(directory, { recursive: true, force: true });
});

async function open(): Promise<void> {
  sandbox = startLatchkeyProcess(['sandbox', '--port', '0', '--journal', join(directory, 'bank.ndjson')], {});
  url = (await sandbox.says(/control: (\S+)\/control\/calls/))[1] ?? '';
}

async function reopen(): Promise<void> {
  await sandbox.end('SIGKILL');
  await open();
}

async function control(path: string, init?: RequestInit): Promise<unknown> {
  const response = await fetch(`${url}/control/${path}`, init);
  return response.status === 204 ? null : response.json();
}

async function bankToken(): Promise<string> {
  const response = await fetch(`${url}/oauth2/v1/token`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from('latchkey:sandbox-secret').toString('base64')}`,
      institutionId: 'sandbox-bank',
      transactionid: crypto.randomUUID(),
    },
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
  });
  return ((await response.json()) as { access_token: string }).access_token;
}

function unlock(customerId: string, token: string, correlationId: string): Promise<Response> {
  const headers = { authorization: `Bearer ${token}`, correlationId };
  return fetch(`${url}/v1/customers/${customerId}:unlock-user`, { method: 'PUT', headers });
}

describe('a sandbox with a journal', () => {
  it('has customers, what is left of their scripts, and every call as they were before it was killed', async () => {
    const correlationId = crypto.randomUUID();
    const script = [{ httpStatus: 503 }, { answerDelayMs: 60_000 }];
    await control('customers/kept', { method: 'PUT', body: JSON.stringify({ script }) });
    const token = await bankToken();
    expect((await unlock('kept', token, correlationId)).status).toBe(503);
    expect((await unlock('locked-1', token, correlationId)).status).toBe(204);
    const unanswered = unlock('kept', token, correlationId).catch(() => 'no answer');
    await eventually(async () => expect(await control('customers/kept')).toMatchObject({ state: { locked: false } }));
    const before = (await control('calls?endpoint=unlock')) as { calls: object[] };

    await reopen();
    expect(await unanswered).toBe('no answer');
    expect(await control('customers/kept')).toMatchObject({ state: { locked: false }, script: [] });
    expect(await control('customers/locked-1')).toMatchObject({ state: { locked: false } });
    expect(await control('calls?endpoint=unlock')).toEqual(before);
    expect(before.calls).toMatchObject([
      { applied: false, answer: 503 },
      { applied: true, wasLocked: true, answer: 204 },
      { applied: true, wasLocked: true, answer: null },
    ]);
    expect((await unlock('kept', token, correlationId)).status).toBe(401);
  }, 120_000);

  it('puts a customer back to the start for good, counts calls on, and gets over a line that was cut short', async () => {
    await control('customers/locked-2', { method: 'PUT', body: JSON.stringify({ state: { locked: false } }) });
    await control('customers/locked-2', { method: 'DELETE' });
    await bankToken();
    await sandbox.end('SIGKILL');
    await appendFile(join(directory, 'bank.ndjson'), '{"kind":"call","at":"20');
    await open();
    expect(await control('customers/locked-2')).toMatchObject({ state: { locked: true } });
    await bankToken();
    await reopen();
    expect(await control('calls')).toMatchObject({ calls: [{ sequence: 1 }, { sequence: 2 }] });
  }, 120_000);
});
