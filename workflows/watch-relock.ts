import { proxyActivities, setCurrentDetails, sleep } from '@temporalio/workflow';
import type { Activities, RelockWatch } from '../activities/contract.js';
import type { LockStatus } from '../src/domain/lock-status.js';

/** Looks, some time after an unlock, whether the customer is locked again. */
export async function watchRelock(watch: RelockWatch): Promise<LockStatus | 'unknown'> {
  setCurrentDetails('Waits, and then looks whether the customer is locked again.');
  await sleep(watch.afterMs, { summary: 'Until it is looked whether the customer is locked again' });
  const activities = proxyActivities<Activities>({
    startToCloseTimeout: '1 minute',
    heartbeatTimeout: '10 seconds',
    retry: { initialInterval: '5 seconds', backoffCoefficient: 2, maximumInterval: '5 minutes', maximumAttempts: watch.tries },
    summary: 'Look whether the customer is locked again',
  });
  const found = await activities.checkRelock(watch);
  setCurrentDetails(found === 'locked' ? '**Locked again**' : found === 'unknown' ? 'The bank did not tell' : 'Not locked again');
  return found;
}
