import { randomUUID } from 'node:crypto';
import type { AuditLog } from '../audit/audit-log.js';
import { auditEventId } from '../audit/event-id.js';
import type { JsonObject } from '../domain/audit-event.js';
import type { UnlockExecutions } from '../temporal/unlock-executions.js';
import { lockStatusSchema } from './answer-schemas.js';
import { fromAudit, fromTemporal } from './availability.js';
import { RETRY_AFTER_SECONDS } from './error-codes.js';
import { EXAMPLE_CUSTOMER_ID } from './example-errors.js';
import { lockStatuses } from './example-readings.js';
import { failures, good } from './operation.js';
import { Problem } from './problem.js';
import { summarize } from './representation.js';
import type { RequestSchemas } from './request-schemas.js';
import type { Answer, AuthenticatedCall, Route } from './route.js';
import { parsePart, parseQuery } from './validation.js';

interface LockStatusParts {
  readonly audit: AuditLog;
  readonly executions: UnlockExecutions;
  readonly schemas: RequestSchemas;
}

type Report = Awaited<ReturnType<UnlockExecutions['readLockStatus']>>;
type Refusal = Exclude<Report, { kind: 'known' }>;

const SHOWN_UNLOCKS = 5;

/** What the bank says of a customer now. Who looks is on record before they see it. */
export function lockStatusRoutes({ audit, executions, schemas }: LockStatusParts): Route[] {
  async function read(call: AuthenticatedCall): Promise<Answer> {
    const { customerId } = parsePart('path', schemas.customerPath, call.params);
    parsePart('header', schemas.optionalHeaders, { correlationId: call.headers.correlationid });
    parseQuery(schemas.noQuery, call.search);
    const { correlationId } = call;
    const { institutionId, actor } = call.caller;
    const report = await fromTemporal(executions.readLockStatus({ correlationId, institutionId, customerId }));
    const action = 'customer.lock_status.viewed';
    const viewed = {
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
      metadata: { clientId: actor.clientId, ...findings(report) },
    } as const;
    await fromAudit(audit.append(viewed));
    if (report.kind !== 'known') throw refusalProblem(report);
    const lastUnlocks = await fromAudit(audit.listRequests({ filters: { institutionId, customerId }, limit: SHOWN_UNLOCKS, after: null }));
    const { lockStatus, flags, diagnosis } = report;
    const body = { customerId, institutionId, lockStatus, flags, diagnosis, lastUnlocks: lastUnlocks.map(summarize), correlationId };
    return { httpStatus: 200, body };
  }

  return [
    {
      method: 'get',
      path: '/v1/customers/{customerId}/lock-status',
      scope: 'institution-users:read',
      body: 'none',
      errorShape: 'problem',
      operation: {
        operationId: 'getLockStatus',
        tags: ['Customers'],
        summary: "A customer's lock status, why they cannot get in, and their last unlocks",
        description:
          'Asks the bank now. `diagnosis` says in plain words why an unlock will not help, or not alone, and what will; null: an unlock will do.',
        requestParams: { path: schemas.customerPath, header: schemas.optionalHeaders },
        responses: {
          '200': good('What the bank says now', lockStatusSchema, { examples: lockStatuses }),
          ...failures({
            path: `/v1/customers/${EXAMPLE_CUSTOMER_ID}/lock-status`,
            codes: ['customer_not_found', 'upstream_refused', 'upstream_unavailable'],
          }),
        },
      },
      handle: read,
    },
  ];
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
