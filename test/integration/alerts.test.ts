import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { taskQueue } from '../../src/temporal/settings.js';
import { eventually } from '../support/eventually.js';
import { AT_LEISURE, hasPrometheus, startWatchedSystem, withPrometheus, type WatchedSystem } from '../support/watched-system.js';

let system: WatchedSystem;

describe('the alerts', () => {
  it('are driven by a real Prometheus in CI (Debian: apt-get install prometheus)', () => {
    expect({ inCi: process.env.CI === 'true', hasPrometheus }).not.toEqual({ inCi: true, hasPrometheus: false });
  });
});

withPrometheus('the running system, watched by Prometheus with the rules of ops/', () => {
  beforeAll(async () => {
    system = await startWatchedSystem();
  }, 240_000);
  afterAll(() => system.close());

  it('tells that nobody seals the audit log, until somebody does', async () => {
    await system.fires('LatchkeySealerSilent');
    await system.fires('LatchkeyDown');
    system.startSealer();
    await system.isOver('LatchkeySealerSilent');
    await system.isOver('LatchkeyDown');
  }, 200_000);

  it('is quiet while unlocks go well', async () => {
    await system.whileAskingForGoodOnes(async () => {
      await new Promise((resolve) => setTimeout(resolve, 4_000));
      await eventually(async () => expect(await system.firing()).toEqual([]), AT_LEISURE);
    });
  }, 200_000);

  it('tells of a bank that is unwell, and of unlocks that fail for it, until it is well again', async () => {
    await system.askForMany(
      12,
      Array.from({ length: 4 }, () => ({ httpStatus: 503 })),
    );
    await system.fires('LatchkeyBankUnwell');
    await system.fires('LatchkeyUnlocksFailing');
    await system.whileAskingForGoodOnes(async () => {
      await system.isOver('LatchkeyBankUnwell');
      await system.isOver('LatchkeyUnlocksFailing');
    });
  }, 200_000);

  it('tells of a code that nobody knows', async () => {
    await system.askForMany(1, [{ httpStatus: 503, code: 'UXU_77777' }]);
    await system.fires('LatchkeyBankDrift');
    await system.isOver('LatchkeyBankDrift');
  }, 200_000);

  it('tells of somebody who steers directly in Temporal, and of what the reconciler had to mend for it', async () => {
    const [correlationId = ''] = await system.askForMany(1, [{ httpStatus: 429, headers: { 'Retry-After': '300' } }]);
    const handle = system.latchkey.client.workflow.getHandle(`unlock-${correlationId}`);
    await eventually(async () => expect((await handle.describe()).raw.pendingActivities?.[0]?.attempt).toBe(2));
    await handle.terminate('by hand');
    await eventually(async () => {
      await system.latchkey.client.workflow.execute('reconcileAudit', { taskQueue, workflowId: `reconcile-audit-${randomUUID()}` });
      expect(await system.firing()).toEqual(expect.arrayContaining(['LatchkeyOperatedOutOfBand', 'LatchkeyReconcilerFound']));
    }, AT_LEISURE);
    await system.isOver('LatchkeyOperatedOutOfBand');
    await system.isOver('LatchkeyReconcilerFound');
  }, 200_000);

  it('tells of somebody who tries doors', async () => {
    const knock = () => fetch(`${system.apiUrl}/v1/audit/events`, { headers: { authorization: 'Bearer nonsense' } });
    const timer = setInterval(() => void Promise.all([knock(), knock(), knock()]).catch(() => undefined), 250);
    await system.fires('LatchkeyAccessDenied').finally(() => clearInterval(timer));
    await system.isOver('LatchkeyAccessDenied');
  }, 200_000);

  it('tells of rows that cannot be written and a front door that fails for it, until Postgres is back', async () => {
    await system.askForMany(10, [{ answerDelayMs: 3_000 }]);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    system.way.cut();
    const timer = setInterval(() => void system.askForMany(2, []).catch(() => undefined), 250);
    try {
      await system.fires('LatchkeyAuditWritesFailing');
      await system.fires('LatchkeyFrontDoorFailing');
    } finally {
      clearInterval(timer);
      system.way.restore();
    }
    await system.whileAskingForGoodOnes(async () => {
      await system.isOver('LatchkeyAuditWritesFailing');
      await system.isOver('LatchkeyFrontDoorFailing');
    });
  }, 200_000);

  it('tells of a process that is gone, and of credentials that the bank refuses, until both are mended', async () => {
    await system.firstWorker.end('SIGKILL');
    await system.fires('LatchkeyDown');
    const refused = await system.startWorker({ UPSTREAM_CLIENT_SECRET: 'not the one' });
    await system.isOver('LatchkeyDown');
    const timer = setInterval(() => void system.askForMany(1, []).catch(() => undefined), 500);
    await system.fires('LatchkeyBankRefusesOurCredentials').finally(() => clearInterval(timer));
    await refused.end('SIGTERM');
    await system.startWorker();
    await system.isOver('LatchkeyBankRefusesOurCredentials');
  }, 300_000);
});
