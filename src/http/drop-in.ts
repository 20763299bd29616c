import { z } from 'zod';
import { dropInAnswer } from './drop-in-answer.js';
import { dropInCode } from './error-codes.js';
import { bankRefusals, EXAMPLE_CORRELATION_ID, exampleBankError } from './example-errors.js';
import { failures, good, retryAfter } from './operation.js';
import { bankErrorSchema } from './problem.js';
import { unlockPath } from './representation.js';
import type { RequestSchemas } from './request-schemas.js';
import type { Route } from './route.js';
import { allRules, rulesOf, type HttpSettings } from './settings.js';
import type { UnlockDesk } from './unlock-desk.js';
import { unlockRequest } from './unlock-wish.js';
import { parsePart, parseQuery } from './validation.js';

interface DropInParts {
  readonly desk: UnlockDesk;
  readonly schemas: RequestSchemas;
  readonly settings: HttpSettings;
}

const location = z.string().meta({ description: 'Where the request is read', example: unlockPath(EXAMPLE_CORRELATION_ID) });
const comeBackHeaders = z.object({ 'retry-after': retryAfter, location });

/** The bank's own endpoint, made durable: same path, headers and answers. */
export function dropInRoutes({ desk, schemas, settings }: DropInParts): Route[] {
  const accepting = allRules(settings).map(({ notLockedPolicy }) => notLockedPolicy === 'accept');
  return [
    {
      method: 'put',
      path: '/v1/customers/{customerId}:unlock-user',
      scope: 'institution-users:write',
      body: 'empty',
      errorShape: 'bank',
      operation: {
        operationId: 'unlockUser',
        tags: ['Drop-in'],
        summary: "Unlock a customer, as the bank's own endpoint does",
        description: [
          `Checks that the customer is locked, unlocks them, and waits up to ${settings.unlockWaitMs} ms for the outcome. It takes no body.`,
          'Sent again with the same correlationId it joins the unlock that is running, or answers as that one ended.',
          'While the unlock is still running the answer is 504, never a 2xx; it comes at once where too many answers are being held back.',
        ].join(' '),
        requestParams: { path: schemas.customerPath, header: schemas.requiredHeaders },
        responses: {
          '204': good(
            accepting.includes(true)
              ? `Outcome \`unlocked\`, or \`not_locked\`, which ${accepting.includes(false) ? 'some institutions accept' : 'this deployment accepts'}`
              : 'Outcome `unlocked`',
            null,
          ),
          ...failures({
            path: null,
            codes: [
              ...(accepting.includes(false) ? (['not_locked'] as const) : []),
              ...(['cancelled', 'correlation_id_in_use', 'body_too_large', 'unsupported_media_type'] as const),
              ...(['upstream_refused', 'rejected', 'retries_exhausted'] as const),
            ],
            alsoBank: bankRefusals,
          }),
          '4XX': good('Outcome `rejected` under any other status of the bank: its own status, message and code', bankErrorSchema, {
            examples: { the_bank: { summary: 'Another refusal', value: { status: 422, message: 'User is archived', code: 'UXU_10020' } } },
          }),
          '504': good(
            `\`${dropInCode('still_running')}\`: The unlock goes on; send the request again to wait for its end`,
            bankErrorSchema,
            {
              headers: comeBackHeaders,
              examples: { [dropInCode('still_running')]: exampleBankError('still_running') },
            },
          ),
        },
      },
      async handle(call) {
        const { customerId } = parsePart('path', schemas.customerPath, call.params);
        const { correlationId } = parsePart('header', schemas.requiredHeaders, { correlationId: call.headers.correlationid });
        parseQuery(schemas.noQuery, call.search);
        const request = unlockRequest(call, { correlationId, customerId }, settings);
        const accepted = await desk.accept(request);
        const waited = await desk.waitFor(accepted, request, { waitMs: settings.unlockWaitMs, signal: call.signal });
        const { record } = waited ?? accepted;
        return dropInAnswer(correlationId, record, rulesOf(settings, request.institutionId));
      },
    },
  ];
}
