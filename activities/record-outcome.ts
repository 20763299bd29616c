import type { AuditLog } from '../src/audit/audit-log.js';
import type { Proposal } from '../src/domain/outcome.js';
import { proposalFromRecord } from '../src/domain/proposal.js';
import type { UnlockRecord } from '../src/domain/unlock-record.js';
import type { UnlockRequest } from '../src/domain/unlock-request.js';
import type { Upstream } from '../src/upstream/index.js';
import { isOnRecord, putOnRecord } from './answer.js';
import type { UnlockResult } from './contract.js';
import type { Execution } from './execution.js';
import { tryBankAgain } from './failures.js';
import { createRecorder } from './recorder.js';
import { settleRequest } from './settlement.js';

interface Parts {
  readonly upstream: Upstream;
  readonly audit: AuditLog;
}

/** Reads of the status of a customer whose attempt is `unknown`, before it ends as `unavailable`. */
const UNKNOWN_READS = 4;

/** Settles an unlock request: what this returns is what stands in the audit log. */
export async function recordOutcome(
  { upstream, audit }: Parts,
  request: UnlockRequest,
  proposal: Proposal,
  execution: Execution,
): Promise<UnlockResult> {
  const recorder = createRecorder(audit, request, execution);
  const held = execution.unrecorded();
  if (held !== null && !isOnRecord((await recorder.read()).record, held)) await putOnRecord(recorder, held, execution, request.budget);
  // An execution may have died between what it recorded and its report: the record may know better than whoever stopped the request.
  const wasStopped = proposal === 'cancelled' || proposal === 'failed';
  const { maxAttempts } = request.budget;
  const settling = await settleRequest({
    upstream,
    recorder,
    subject: request,
    propose: (record) => (wasStopped ? proposalFromRecord(record, { cancelRequested: proposal === 'cancelled', maxAttempts }) : proposal),
    mayAskAgain: (record) => readsInVain(record) + 1 < UNKNOWN_READS,
  });
  if (settling.kind === 'settled') return settling.result;
  const { reading, record } = settling;
  await recorder.statusChecked(reading, record.attempts.at(-1)?.attempt ?? 0, { settling: true });
  throw tryBankAgain('the lock status could not be read', reading.answer, readsInVain(record), request.budget);
}

/** How often the settling has asked for the status since the last attempt, and was not told: tries that Postgres spoiled asked nothing. */
function readsInVain({ attempts, statusChecks }: UnlockRecord): number {
  const last = attempts.at(-1)?.attempt ?? 0;
  return statusChecks.filter(({ metadata }) => metadata.settling === true && metadata.afterAttempt === last).length;
}
