import { afterEach, describe, expect, it } from '@jest/globals';
import type { BankDrift } from '../../src/domain/bank-drift.js';
import { silentObserver } from '../../src/domain/observer.js';
import type { UpstreamSettings } from '../../src/upstream/index.js';
import { tellingDrift } from '../../src/cli/drift-log.js';
import { answering, call, openBank, type BankScript } from './upstream-bank.js';

const open: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

/** What one call tells of drift, and what the observer hears. */
async function drifting(script: BankScript, endpoint: 'unlock' | 'status', settings: Partial<UpstreamSettings> = {}) {
  const heard: [string, BankDrift][] = [];
  const observer = { ...silentObserver, bankDrifted: (where: string, drift: BankDrift) => void heard.push([where, drift]) };
  const { upstream, close } = await openBank({ ...script, settings: { ...settings, observer } });
  open.push({ close });
  if (endpoint === 'status') {
    const reading = await upstream.readLockStatus(call);
    return { told: reading.kind === 'read' ? reading.drift : (reading.answer.drift ?? []), heard };
  }
  const got = await upstream.token(call.institutionId);
  if (got.kind === 'unavailable') throw new Error('no token');
  const { drift = [] } = await upstream.unlock({ ...call, leavesWithinMs: 1_000 }, got.token);
  return { told: drift, heard };
}

describe('drift in the answer to an unlock', () => {
  it.each([
    [400, '{"code":"UXU_77777","message":"new"}', { kind: 'unknown_code', what: 'UXU_77777' }],
    [503, '{"code":42}', { kind: 'unknown_code', what: '42' }],
    [200, '{"status":"queued"}', { kind: 'unexpected_body', what: 'a JSON object' }],
    [200, '[]', { kind: 'unexpected_body', what: 'a JSON array' }],
    [202, 'true', { kind: 'unexpected_body', what: 'a JSON boolean' }],
  ])('is told and counted: %d %s', async (httpStatus, body, drift) => {
    const { told, heard } = await drifting({ unlock: answering(httpStatus, body) }, 'unlock');
    expect(told).toEqual([drift]);
    expect(heard).toEqual([['unlock', drift]]);
  });

  it.each([
    [200, 'null'],
    [204, ''],
    [200, '<html>'],
    [400, '{"code":"UXU_10000"}'],
    [409, '{"code":"UXU_10000"}'],
    [500, '{}'],
    [502, '<html>'],
  ])('is none where the answer is as known: %d %s', async (httpStatus, body) => {
    const { told, heard } = await drifting({ unlock: answering(httpStatus, body) }, 'unlock');
    expect([told, heard]).toEqual([[], []]);
  });

  it('is none for a code that the settings name', async () => {
    const classificationOverrides = [{ httpStatus: 400, code: 'UXU_77777', meaning: 'unwell' as const }];
    const { told } = await drifting({ unlock: answering(400, '{"code":"UXU_77777"}') }, 'unlock', { classificationOverrides });
    expect(told).toEqual([]);
  });
});

describe('drift in the lock status', () => {
  it.each([
    ['{"userStatus":{"locked":true,"suspended":false}}', [{ kind: 'unknown_flag', what: 'suspended' }]],
    ['{"userStatus":{"locked":true,"onHold":"yes"}}', [{ kind: 'unreadable_flag', what: 'onHold' }]],
    ['{"userStatus":{"locked":true,"John Doe ":true}}', [{ kind: 'unknown_flag', what: 'a name that is none' }]],
    ['{"userStatus":{"locked":"maybe"}}', [{ kind: 'unexpected_body', what: 'a status without flags that can be read' }]],
    ['{"userStatus":{"locked":true,"since":"2026","count":3}}', []],
    ['{"userStatus":{"locked":true,"onHold":null}}', []],
  ])('of %s', async (body, drift) => {
    const { told, heard } = await drifting({ status: answering(200, body) }, 'status');
    expect(told).toEqual(drift);
    expect(heard).toEqual(drift.map((each) => ['status', each]));
  });

  it('is none for a flag that the settings name, and still is for any other, and for one of ours that cannot be read', async () => {
    const body = '{"userStatus":{"locked":true,"suspended":false,"vip":true,"onHold":"yes"}}';
    const { told } = await drifting({ status: answering(200, body) }, 'status', { knownFlags: ['suspended', 'onHold'] });
    expect(told).toEqual([
      { kind: 'unknown_flag', what: 'vip' },
      { kind: 'unreadable_flag', what: 'onHold' },
    ]);
  });

  it('is not looked for among what else stands at the root', async () => {
    const atRoot = { statusFlagsField: '', statusPath: '/v1/user-status/{customerId}?userIdType=CUSTOMER_ID' };
    const { told } = await drifting({ status: answering(200, '{"locked":true,"isBusiness":true,"reset":1}') }, 'status', atRoot);
    expect(told).toEqual([{ kind: 'unreadable_flag', what: 'reset' }]);
  });
});

describe('the log', () => {
  it('says each thing once, and stops before it is filled', () => {
    const lines: unknown[] = [];
    const observer = tellingDrift(silentObserver, { warn: (fields: unknown) => void lines.push(fields) });
    for (let times = 0; times < 3; times += 1) observer.bankDrifted('unlock', { kind: 'unknown_code', what: 'UXU_1' });
    expect(lines).toEqual([{ endpoint: 'unlock', drift: 'unknown_code', what: 'UXU_1' }]);
    for (let code = 0; code < 1_000; code += 1) observer.bankDrifted('unlock', { kind: 'unknown_code', what: `UXU_${code}` });
    expect(lines.length).toBeLessThanOrEqual(200);
  });
});
