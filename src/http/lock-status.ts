import type { AuditLog } from '../audit/audit-log.js';
import { lockStatusSchema } from './answer-schemas.js';
import { fromAudit } from './availability.js';
import { EXAMPLE_CUSTOMER_ID } from './example-errors.js';
import { lockStatuses } from './example-readings.js';
import type { LockStatusLook } from './lock-status-look.js';
import { failures, good } from './operation.js';
import { summarize } from './representation.js';
import type { RequestSchemas } from './request-schemas.js';
import type { Answer, AuthenticatedCall, Route } from './route.js';
import { rulesOf, type HttpSettings } from './settings.js';
import { parsePart, parseQuery } from './validation.js';

interface LockStatusParts {
  readonly audit: AuditLog;
  readonly look: LockStatusLook;
  readonly schemas: RequestSchemas;
  readonly settings: HttpSettings;
}

const SHOWN_UNLOCKS = 5;

/** What the bank says of a customer now. Who looks is on record before they see it. */
export function lockStatusRoutes({ audit, look, schemas, settings }: LockStatusParts): Route[] {
  async function read(call: AuthenticatedCall): Promise<Answer> {
    const { customerId } = parsePart('path', schemas.customerPath, call.params);
    parsePart('header', schemas.optionalHeaders, { correlationId: call.headers.correlationid });
    parseQuery(schemas.noQuery, call.search);
    const { correlationId } = call;
    const { institutionId } = call.caller;
    const { lockStatus, flags, diagnosis } = await look(call, customerId, { action: 'customer.lock_status.viewed' });
    const lastUnlocks = await fromAudit(audit.listRequests({ filters: { institutionId, customerId }, limit: SHOWN_UNLOCKS, after: null }));
    const guard = rulesOf(settings, institutionId).repeatGuard;
    const isAsked = guard !== null && lockStatus === 'locked';
    const unlocks = isAsked ? await fromAudit(audit.recentUnlocks({ institutionId, customerId }, guard.windowMs)) : 0;
    return {
      httpStatus: 200,
      body: {
        customerId,
        institutionId,
        lockStatus,
        flags,
        diagnosis,
        approvalNeeded: isAsked && unlocks >= guard.maxUnlocks,
        lastUnlocks: lastUnlocks.map(summarize),
        correlationId,
      },
    };
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
