import { proxyLocalActivities } from '@temporalio/workflow';
import type { Activities, LockStatusQuery, LockStatusReport } from '../activities/contract.js';

/** Reads a customer's lock status for the API, which never holds the bank's credentials. */
export async function readLockStatus(query: LockStatusQuery): Promise<LockStatusReport> {
  const activities = proxyLocalActivities<Activities>({
    startToCloseTimeout: '45 seconds',
    retry: { maximumAttempts: 1 },
    summary: 'Read the lock status',
  });
  return activities.readLockStatus(query);
}
