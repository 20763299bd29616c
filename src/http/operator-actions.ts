import { operatorActionNames, type OperatorAction } from '../domain/operator-action.js';
import { unlockSchema } from './answer-schemas.js';
import { EXAMPLE_CORRELATION_ID } from './example-errors.js';
import { endedUnlocks, operatorReasons, runningUnlocks, steeredUnlocks } from './example-unlocks.js';
import { failures, good, type Examples } from './operation.js';
import type { OperatorDesk } from './operator-desk.js';
import { represent, unlockPath } from './representation.js';
import type { RequestSchemas } from './request-schemas.js';
import type { Answer, AuthenticatedCall, Route } from './route.js';
import type { HttpSettings } from './settings.js';
import { refuseUserOnBehalf } from './unlock-wish.js';
import { parsePart, parseQuery } from './validation.js';

interface OperatorParts {
  readonly operators: OperatorDesk;
  readonly schemas: RequestSchemas;
  readonly settings: HttpSettings;
}

interface Description {
  readonly operationId: string;
  readonly summary: string;
  readonly description: string;
  readonly examples: Examples;
}

const descriptions: Record<OperatorAction, Description> = {
  cancel: {
    operationId: 'cancelUnlock',
    summary: 'Ask for an unlock request to be cancelled',
    description: [
      'Takes effect between attempts, at any time and also while the request is paused. A PUT that is out is waited for, and its answer counts:',
      'the request ends `cancelled` only where no attempt succeeded, otherwise as its outcome says. A request that its first attempt unlocks ends `unlocked`.',
    ].join(' '),
    examples: { retrying: runningUnlocks.retrying },
  },
  'retry-now': {
    operationId: 'retryUnlockNow',
    summary: 'Try again now rather than when the wait is over',
    description: [
      "Only while the next attempt is waited for. Overrides the back-off and the bank's `Retry-After`, and nothing else: the status is read first,",
      'attempts are counted as ever, and neither their number nor the deadline grows.',
    ].join(' '),
    examples: { trying: steeredUnlocks.trying },
  },
  pause: {
    operationId: 'pauseUnlock',
    summary: 'Keep the next attempt back',
    description: [
      'Until it is resumed, no further PUT is sent; one that is out is answered and recorded, and a success ends the request. Pausing what is paused',
      'changes nothing and is recorded. The deadline goes on counting: past it the request ends `failed` without a further PUT.',
    ].join(' '),
    examples: { paused: steeredUnlocks.paused },
  },
  resume: {
    operationId: 'resumeUnlock',
    summary: 'Let a paused request go on',
    description: 'The next attempt is made at once, whatever wait was left when it was paused, unless the deadline has passed.',
    examples: { trying: steeredUnlocks.trying },
  },
};

/** What operators do with a request that is under way. */
export function operatorRoutes({ operators, schemas, settings }: OperatorParts): Route[] {
  async function act(action: OperatorAction, call: AuthenticatedCall): Promise<Answer> {
    parseQuery(schemas.noQuery, call.search);
    const { correlationId } = parsePart('path', schemas.requestPath, call.params);
    const { reason, ticket = null, onBehalfOf = null } = parsePart('body', schemas.operatorBody, call.body);
    refuseUserOnBehalf(call, onBehalfOf);
    const { institutionId, actor } = call.caller;
    const { source } = call;
    const view = await operators.act({ action, correlationId, institutionId, actor: { ...actor, onBehalfOf }, source, reason, ticket });
    return { httpStatus: view.record.completed === null ? 202 : 200, body: represent(view, settings) };
  }

  return operatorActionNames.map((action): Route => {
    const { examples, description, ...rest } = descriptions[action];
    return {
      method: 'post',
      path: `/v1/unlocks/{correlationId}:${action}`,
      scope: 'unlocks:operate',
      body: 'json',
      errorShape: 'problem',
      operation: {
        ...rest,
        tags: ["Operators' actions"],
        description: `${description} Who did it and why is on record before it is done.`,
        requestParams: { path: schemas.requestPath },
        requestBody: { required: true, content: { 'application/json': { schema: schemas.operatorBody, examples: operatorReasons } } },
        responses: {
          '200': good('Done; the request has ended meanwhile', unlockSchema, { examples: { cancelled: endedUnlocks.cancelled } }),
          '202': good('Done; the request as it stands', unlockSchema, { examples }),
          ...failures({
            path: `${unlockPath(EXAMPLE_CORRELATION_ID)}:${action}`,
            codes: ['malformed_json', 'not_found', 'request_has_ended', 'nothing_to_act_on', 'body_too_large', 'unsupported_media_type'],
          }),
        },
      },
      handle: (call) => act(action, call),
    };
  });
}
