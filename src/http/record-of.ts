import type { AuditLog } from '../audit/audit-log.js';
import { unlockRecord, type UnlockRecord } from '../domain/unlock-record.js';
import type { UnlockSubject } from '../domain/unlock-request.js';
import { fromAudit } from './availability.js';

/**
 * What the audit log knows of one unlock request.
 * @throws Problem 503 where it cannot be read
 */
export async function recordOf(
  audit: Pick<AuditLog, 'eventsOf'>,
  { correlationId, institutionId }: Pick<UnlockSubject, 'correlationId' | 'institutionId'>,
): Promise<UnlockRecord> {
  return unlockRecord((await fromAudit(audit.eventsOf(correlationId, institutionId))).events);
}
