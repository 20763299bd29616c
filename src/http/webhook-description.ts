import { z } from 'zod';
import type { ZodOpenApiPathsObject } from 'zod-openapi';
import type { UnlockCompleted } from '../domain/notification.js';
import { outcomes, verifications } from '../domain/outcome.js';
import { EXAMPLE_CORRELATION_ID } from './example-errors.js';
import { unlockPath } from './representation.js';

const time = z.iso.datetime();

const unlockCompletedSchema: z.ZodType<UnlockCompleted> = z
  .strictObject({
    type: z.literal('unlock.completed'),
    timestamp: time.meta({ description: 'When the request ended; the same in every try' }),
    data: z.strictObject({
      correlationId: z.string().meta({ format: 'uuid' }),
      outcome: z.enum(outcomes),
      verification: z.enum(verifications).nullable(),
      attempts: z.int().min(0).meta({ description: 'How many PUTs were made' }),
      completedAt: time,
      links: z.strictObject({ self: z.string().meta({ description: 'Where the request is read, below the root of the front door' }) }),
    }),
  })
  .meta({ id: 'UnlockCompleted' });

const headers = z.object({
  'webhook-id': z.string().meta({ description: 'The same in every try: by it a message is known again', format: 'uuid' }),
  'webhook-timestamp': z.string().meta({ description: 'When this try was made, in seconds since 1970; refuse what is minutes old' }),
  'webhook-signature': z.string().meta({
    description:
      '`v1,` and the HMAC-SHA256 over `webhook-id.webhook-timestamp.body` in base64; while a secret is being replaced two of them, by a space apart',
  }),
});

const example: UnlockCompleted = {
  type: 'unlock.completed',
  timestamp: '2026-01-31T09:30:00.412Z',
  data: {
    correlationId: EXAMPLE_CORRELATION_ID,
    outcome: 'unlocked',
    verification: 'confirmed',
    attempts: 1,
    completedAt: '2026-01-31T09:30:00.412Z',
    links: { self: unlockPath(EXAMPLE_CORRELATION_ID) },
  },
};

/** What callers who have a webhook are sent. */
export const webhookDescriptions: ZodOpenApiPathsObject = {
  unlockCompleted: {
    post: {
      operationId: 'unlockCompleted',
      tags: ['Unlock requests'],
      summary: 'Sent to a caller who has a webhook: its request has ended',
      description: [
        'Signed after Standard Webhooks. It comes at least once, and in no order; it names no customer, for those read the request under `links.self` with',
        'a token. What is not answered with 2xx is sent again for three days, ever less often; 410 and other refusals (4xx but 408, 425 and 429) end that.',
        'Redirects are not followed.',
      ].join(' '),
      security: [],
      requestParams: { header: headers },
      requestBody: {
        required: true,
        content: { 'application/json': { schema: unlockCompletedSchema, examples: { unlocked: { summary: 'Unlocked', value: example } } } },
      },
      responses: {
        '2XX': { description: 'The message is taken, and not sent again' },
        '410': { description: 'The receiver is gone: the message is not sent again' },
      },
    },
  },
};
