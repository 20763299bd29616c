import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { openCrashHouse, type CrashHouse } from './house.js';
import type { PartProcess } from './part-process.js';
import { createUnlocks } from './unlock.js';

let house: CrashHouse;
let successor: PartProcess | undefined;
beforeAll(async () => {
  house = await openCrashHouse();
}, 180_000);
afterAll(async () => {
  await successor?.end('SIGKILL');
  await house.close();
}, 60_000);

describe('a worker stopped between claim and PUT, and continued when another has finished its work', () => {
  it('sends nothing any more: a lock that was set deliberately since then stays', async () => {
    const { sandbox, parts } = house;
    const zombie = parts.worker;
    const token = await sandbox.mintToken();
    const unlocks = createUnlocks(house, { first: token, second: token });
    let stopped = (): void => undefined;
    const isStopped = new Promise<void>((resolve) => (stopped = resolve));
    let comesBack = (): void => undefined;
    const back = new Promise<void>((resolve) => (comesBack = resolve));
    const { correlationId, customerId, told, over } = await unlocks.begin('clean', {
      component: 'worker',
      before: 'after claim',
      then: async () => {
        process.kill(zombie.pid, 'SIGSTOP');
        stopped();
        await back;
      },
    });
    const story = async (): Promise<string[]> => {
      const rows = await house.sql<{ line: string }>(
        `select concat_ws(' ', replace(action, 'customer.unlock.', ''), attempt, result, outcome, verification) as line
           from audit_event where correlation_id = $1 order by position`,
        [correlationId],
      );
      return rows.map(({ line }) => line);
    };
    const puts = () => sandbox.calls().filter((call) => call.endpoint === 'unlock' && call.correlationId === correlationId);

    await isStopped;
    successor = await house.openWorker();
    expect(await told).toBe('unlocked');
    expect(puts()).toHaveLength(1);
    sandbox.customers.lock(customerId);

    process.kill(zombie.pid, 'SIGCONT');
    comesBack();
    await over;
    await eventually(async () => expect(await story()).toContain('late_answer 1 retryable'));
    expect(await story()).toEqual([
      'requested',
      'status_checked',
      'attempt_started 1',
      'attempt_finished 1 unknown',
      'status_checked',
      'attempt_started 2',
      'attempt_finished 2 succeeded',
      'completed unlocked confirmed',
      'late_answer 1 retryable',
    ]);
    expect(puts()).toHaveLength(1);
    expect(sandbox.customers.get(customerId)?.state.locked).toBe(true);
  }, 120_000);
});
