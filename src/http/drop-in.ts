import { z } from 'zod';
import { bankErrorSchema } from './problem.js';
import { dropInAnswer } from './drop-in-answer.js';
import { failures, good } from './operation.js';
import type { RequestSchemas } from './request-schemas.js';
import type { Route } from './route.js';
import type { HttpSettings } from './settings.js';
import type { UnlockDesk } from './unlock-desk.js';
import { unlockRequest } from './unlock-wish.js';
import { parsePart, parseQuery } from './validation.js';

interface DropInParts {
  readonly desk: UnlockDesk;
  readonly schemas: RequestSchemas;
  readonly settings: HttpSettings;
}

const comeBackHeaders = z.object({ 'retry-after': z.string(), location: z.string() });

/** The bank's own endpoint, made durable: same path, headers and answers. */
export function dropInRoutes({ desk, schemas, settings }: DropInParts): Route[] {
  return [
    {
      method: 'put',
      path: '/v1/customers/{customerId}:unlock-user',
      scope: 'institution-users:write',
      body: 'empty',
      errorShape: 'bank',
      operation: {
        operationId: 'unlockUser',
        summary: "Unlock a customer, as the bank's own endpoint does",
        description: [
          `Waits up to ${settings.unlockWaitMs} ms for the outcome.`,
          'Sent again with the same correlationId it joins the unlock that is running, or answers as that one ended.',
        ].join(' '),
        requestParams: { path: schemas.customerPath, header: schemas.requiredHeaders },
        responses: {
          '204': good('The customer is unlocked', null),
          ...failures({
            shape: 'bank',
            codes: [
              ...['not_locked', 'cancelled', 'correlation_id_in_use', 'body_too_large'] as const,
              ...['upstream_refused', 'rejected', 'retries_exhausted'] as const,
            ],
          }),
          '4XX': good('The bank rejected the unlock: its own status, message and code', bankErrorSchema),
          '504': good('`still_running`: The unlock goes on; send the request again to wait for its end', bankErrorSchema, comeBackHeaders),
        },
      },
      async handle(call) {
        const { customerId } = parsePart('path', schemas.customerPath, call.params);
        const { correlationId } = parsePart('header', schemas.requiredHeaders, { correlationId: call.headers.correlationid });
        parseQuery(schemas.noQuery, call.search);
        const request = unlockRequest(call, { correlationId, customerId }, settings);
        const accepted = await desk.accept(request);
        const { record } = await desk.waitFor(accepted, request, { waitMs: settings.unlockWaitMs, signal: call.signal });
        return dropInAnswer(correlationId, record, settings);
      },
    },
  ];
}
