import { approvalDecisions, type ApprovalDecision } from '../domain/approval.js';
import { unlockSchema } from './answer-schemas.js';
import type { ApprovalDesk } from './approval-desk.js';
import { EXAMPLE_CORRELATION_ID } from './example-errors.js';
import { approvalReasons, approvedUnlocks, endedUnlocks } from './example-unlocks.js';
import { failures, good } from './operation.js';
import { represent, unlockPath } from './representation.js';
import type { RequestSchemas } from './request-schemas.js';
import type { Answer, AuthenticatedCall, Route } from './route.js';
import type { HttpSettings } from './settings.js';
import { parsePart, parseQuery } from './validation.js';

interface ApprovalParts {
  readonly approvals: ApprovalDesk;
  readonly schemas: RequestSchemas;
  readonly settings: HttpSettings;
}

const descriptions: Record<ApprovalDecision, { readonly operationId: string; readonly summary: string; readonly description: string }> = {
  approve: {
    operationId: 'approveUnlock',
    summary: 'Approve, as a second person, an unlock that waits for it',
    description: 'The lock status is read anew, and the unlock goes on with the whole of its time.',
  },
  decline: {
    operationId: 'declineUnlock',
    summary: 'Decline, as a second person, an unlock that waits for approval',
    description: 'The request ends `cancelled`; no PUT is sent.',
  },
};

/** What a second person does with an unlock of a customer who was unlocked too often. */
export function approvalRoutes({ approvals, schemas, settings }: ApprovalParts): Route[] {
  async function decide(decision: ApprovalDecision, call: AuthenticatedCall): Promise<Answer> {
    parseQuery(schemas.noQuery, call.search);
    const { correlationId } = parsePart('path', schemas.requestPath, call.params);
    const { reason, ticket = null } = parsePart('body', schemas.approvalBody, call.body);
    const view = await approvals.decide({ ...call.caller, source: call.source, decision, correlationId, reason, ticket });
    return { httpStatus: view.record.completed === null ? 202 : 200, body: represent(view, settings) };
  }

  return approvalDecisions.map((decision): Route => {
    const { description, ...rest } = descriptions[decision];
    const path = `${unlockPath(EXAMPLE_CORRELATION_ID)}:${decision}`;
    return {
      method: 'post',
      path: `/v1/unlocks/{correlationId}:${decision}`,
      scope: 'unlocks:approve',
      body: 'json',
      errorShape: 'problem',
      operation: {
        ...rest,
        tags: ['Approvals'],
        description: [
          'A customer who was unlocked too often in a short time is unlocked again only once a second person has approved it:',
          'a person with a token of their own, and not the one who asked. The first decision stands.',
          description,
          'Who decided and why is on record before the unlock goes by it.',
        ].join(' '),
        requestParams: { path: schemas.requestPath },
        requestBody: { required: true, content: { 'application/json': { schema: schemas.approvalBody, examples: approvalReasons } } },
        responses: {
          '200': good('Decided; the request has ended meanwhile', unlockSchema, {
            examples: decision === 'approve' ? { unlocked: endedUnlocks.unlocked } : { declined: approvedUnlocks.declined },
          }),
          '202': good('Decided; the request as it stands', unlockSchema, { examples: { approved: approvedUnlocks.approved } }),
          ...failures({
            path,
            codes: [
              'malformed_json',
              'approver_not_allowed',
              'not_found',
              'request_has_ended',
              'nothing_to_act_on',
              'body_too_large',
              'unsupported_media_type',
            ],
          }),
        },
      },
      handle: (call) => decide(decision, call),
    };
  });
}
