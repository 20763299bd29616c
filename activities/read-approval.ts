import type { AuditLog } from '../src/audit/audit-log.js';
import type { UnlockRequest } from '../src/domain/unlock-request.js';
import type { ApprovalReading } from './contract.js';
import type { Execution } from './execution.js';
import { createRecorder } from './recorder.js';

/** Reads what a second person decided: of that the record tells, and never whoever can reach the workflow. */
export async function readApproval(
  { audit }: { readonly audit: AuditLog },
  request: UnlockRequest,
  execution: Execution,
): Promise<ApprovalReading> {
  const { record } = await createRecorder(audit, request, execution).read();
  const kind = record.approval?.decision?.kind;
  if (kind === undefined) return 'undecided';
  return kind === 'approve' ? 'approved' : 'declined';
}
