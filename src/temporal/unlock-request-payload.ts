import { z } from 'zod';
import type { UnlockRequest } from '../domain/unlock-request.js';

const text = z.string().nullable();

/** The workflow's input as it stands in the history: read back where the audit log does not know the request yet. */
export const unlockRequestPayload: z.ZodType<UnlockRequest> = z.object({
  correlationId: z.string(),
  institutionId: z.string(),
  customerId: z.string(),
  actor: z.object({ type: z.enum(['user', 'service']), id: z.string(), name: text, clientId: text, onBehalfOf: text }),
  reason: text,
  reasonCode: text,
  ticket: text,
  source: z.object({ component: z.string(), clientAddress: text, userAgent: text }),
  requestedAt: z.string(),
  budget: z.object({
    maxAttempts: z.number(),
    initialIntervalMs: z.number(),
    maxIntervalMs: z.number(),
    retryAfterMaxMs: z.number(),
    activityTimeoutMs: z.number(),
    deadlineAt: z.string(),
  }),
  // Inputs of earlier versions have none.
  sendQueue: text.default(null),
  relockWatchMs: z.number().nullable().default(null),
  repeatGuard: z.object({ maxUnlocks: z.number(), windowMs: z.number(), approvalMs: z.number() }).nullable().default(null),
  notifyCaller: z.boolean().default(false),
});
