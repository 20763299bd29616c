import { proxyActivities, setCurrentDetails } from '@temporalio/workflow';
import type { SealActivities, SealReport } from '../activities/contract.js';

/**
 * Seals the audit log for some minutes. Runs by a schedule that starts the next run when this one ends; a sealer that dies is followed by
 * another within seconds.
 */
export async function sealAudit(): Promise<SealReport> {
  const { sealRows } = proxyActivities<SealActivities>({
    startToCloseTimeout: '10 minutes',
    heartbeatTimeout: '10 seconds',
    retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '10 seconds' },
  });
  const report = await sealRows();
  setCurrentDetails(`Rows sealed: ${report.sealed}. Checkpoints published: ${report.checkpoints}.`);
  return report;
}
