import { randomUUID } from 'node:crypto';
import type { AuditLog } from '../audit/audit-log.js';
import { auditEventId } from '../audit/event-id.js';
import type { AuditAction, JsonObject, NewAuditEvent } from '../domain/audit-event.js';
import type { UnlockExecutions } from '../temporal/unlock-executions.js';
import { fromAudit, fromTemporal } from './availability.js';
import { RETRY_AFTER_SECONDS } from './error-codes.js';
import { Problem } from './problem.js';
import type { AuthenticatedCall } from './route.js';

type Report = Awaited<ReturnType<UnlockExecutions['readLockStatus']>>;
type Known = Extract<Report, { kind: 'known' }>;
type Refusal = Exclude<Report, Known>;

interface LookParts {
  readonly audit: AuditLog;
  readonly executions: UnlockExecutions;
}

/** What of the look is put on record besides who looked and what was seen. */
interface LookRecord extends Pick<NewAuditEvent, 'reason' | 'reasonCode' | 'ticket' | 'onBehalfOf'> {
  readonly action: AuditAction;
  readonly metadata?: JsonObject;
}

/**
 * Asks the bank for a customer's lock status. Who looks is on record before they see it.
 * @throws Problem where the bank does not tell, or the look cannot be recorded
 */
export type LockStatusLook = (call: AuthenticatedCall, customerId: string, record: LookRecord) => Promise<Known>;

export function createLockStatusLook({ audit, executions }: LookParts): LockStatusLook {
  return async (call, customerId, { action, metadata, ...columns }) => {
    const { correlationId } = call;
    const { institutionId, actor } = call.caller;
    const report = await fromTemporal(executions.readLockStatus({ correlationId, institutionId, customerId }));
    await fromAudit(
      audit.append({
        // Looking twice is two events, whatever the correlationId.
        id: auditEventId(correlationId, action, randomUUID()),
        occurredAt: new Date(),
        action,
        correlationId,
        institutionId,
        customerId,
        actorType: actor.type,
        actorId: actor.id,
        actorName: actor.name,
        source: { ...call.source },
        lockStatus: report.kind === 'known' ? report.lockStatus : 'unknown',
        metadata: { clientId: actor.clientId, ...findings(report), ...metadata },
        ...columns,
      }),
    );
    if (report.kind !== 'known') throw refusalProblem(report);
    return report;
  };
}

function findings(report: Report): JsonObject {
  if (report.kind !== 'known') return { meaning: report.meaning, httpStatus: report.httpStatus, upstreamCode: report.upstreamCode };
  const flags = Object.entries(report.flags).filter((flag): flag is [string, boolean] => flag[1] !== undefined);
  return { flags: Object.fromEntries(flags), diagnosis: report.diagnosis };
}

function refusalProblem({ kind, meaning, httpStatus, upstreamCode }: Refusal): Problem {
  if (meaning === 'no_such_customer') return new Problem('customer_not_found', { detail: 'Check the customerId.' });
  const said = httpStatus === null ? 'no answer' : `status ${httpStatus}, code ${upstreamCode ?? 'none'}`;
  if (kind === 'refused') {
    return new Problem('upstream_refused', {
      detail: `The bank refused to tell the lock status (${said}). Latchkey's operators must look into it.`,
    });
  }
  return new Problem('upstream_unavailable', {
    detail: `The bank cannot tell the lock status now (${said}). Try again later.`,
    headers: { 'retry-after': RETRY_AFTER_SECONDS },
  });
}
