import { z } from 'zod';
import { approvalStates } from '../domain/approval.js';
import { attemptResults } from '../domain/attempt.js';
import { auditActions } from '../domain/audit-event.js';
import { statusFlagNames } from '../domain/lock-status.js';
import { outcomes, verifications } from '../domain/outcome.js';

const time = z.iso.datetime();
const text = z.string().nullable();
const whole = z.int().nullable();
const guid = z.string().meta({ format: 'uuid' });
const outcome = z.enum(outcomes).nullable().meta({ description: 'Null while the request is running' });
const verification = z
  .enum(verifications)
  .nullable()
  .meta({ description: 'What the status read after the last attempt found, where one was needed' });
const state = z.enum(['running', 'completed']);

const attemptSchema = z.strictObject({
  attempt: z.int().min(1),
  startedAt: time,
  finishedAt: time.nullable(),
  result: z.enum(attemptResults).nullable().meta({ description: 'Null while the answer is out' }),
  httpStatus: whole,
  upstreamCode: text,
  upstreamMessage: text,
  durationMs: z.number().nullable(),
});

const actorSchema = z.strictObject({
  type: z.enum(['user', 'service']),
  id: z.string(),
  name: text,
  clientId: text,
  onBehalfOf: z.strictObject({ id: z.string(), asserted: z.literal(true) }).nullable(),
});

const approvalSchema = z.strictObject({
  state: z.enum(approvalStates).meta({ description: 'cancelled: the request ended otherwise while it waited' }),
  unlocks: z.int().meta({ description: 'How often the customer was unlocked in the window before' }),
  windowMs: z.number(),
  requiredAt: time,
  expiresAt: time,
  decidedAt: time.nullable(),
  decidedBy: actorSchema.nullable(),
  reason: text,
});

/** One unlock request, as every route answers it. */
export const unlockSchema = z
  .strictObject({
    correlationId: guid,
    customerId: z.string(),
    institutionId: z.string(),
    state,
    outcome,
    verification,
    diagnosis: text.meta({ description: 'Why an unlock will not help, or not alone, and what will' }),
    requestedAt: time,
    requestedBy: actorSchema.nullable(),
    reason: text,
    reasonCode: text,
    ticket: text,
    completedAt: time.nullable(),
    attempts: z.array(attemptSchema),
    nextAttemptAt: time.nullable().meta({ description: 'When the next attempt is due; always null in lists' }),
    paused: z
      .boolean()
      .nullable()
      .meta({ description: 'True while an operator keeps the next attempt back; null where Temporal was not asked, as in lists' }),
    approval: approvalSchema
      .nullable()
      .meta({ description: 'That it waits, or waited, for a second person; null where nobody had to be asked' }),
    links: z.strictObject({ self: z.string(), events: text, temporal: text }),
  })
  .meta({ id: 'Unlock' });
export type UnlockAnswer = z.infer<typeof unlockSchema>;

/** One audit event of an unlock request as those read it who may read the request: nothing of where somebody called from. */
export const unlockEventSchema = z
  .strictObject({
    id: guid,
    occurredAt: time,
    action: z.enum(auditActions),
    actor: z.strictObject({ type: z.enum(['user', 'service']), id: z.string(), name: text }).nullable(),
    reason: text,
    attempt: whole,
    result: z.enum(attemptResults).nullable(),
    httpStatus: whole,
    upstreamCode: text,
    upstreamMessage: text,
    durationMs: z.number().nullable(),
    lockStatus: z.enum(['locked', 'not_locked', 'unknown']).nullable(),
    diagnosis: text,
    outcome: z.enum(outcomes).nullable(),
    verification: z.enum(verifications).nullable(),
  })
  .meta({ id: 'UnlockEvent', description: 'The data of one server-sent event, as JSON' });
export type UnlockEvent = z.infer<typeof unlockEventSchema>;

const nextCursor = text.meta({ description: 'Where the next page begins; null on the last one' });
export const unlockPageSchema = z.strictObject({ items: z.array(unlockSchema), nextCursor }).meta({ id: 'UnlockPage' });

const flags = z.strictObject(Object.fromEntries(statusFlagNames.map((name) => [name, z.boolean().optional()])));

export const lockStatusSchema = z
  .strictObject({
    customerId: z.string(),
    institutionId: z.string(),
    lockStatus: z.enum(['locked', 'not_locked']),
    flags: flags.meta({ description: 'As the bank sent them; an absent flag means false' }),
    diagnosis: text,
    approvalNeeded: z.boolean().meta({ description: 'A second person would have to approve an unlock: there were too many lately' }),
    lastUnlocks: z.array(
      z.strictObject({ correlationId: guid, state, outcome, verification, requestedAt: time, links: z.strictObject({ self: z.string() }) }),
    ),
    correlationId: guid,
  })
  .meta({ id: 'LockStatus' });

/** What would come of an unlock request that was not made. */
export const dryRunSchema = z
  .strictObject({
    dryRun: z.literal(true),
    correlationId: guid,
    customerId: z.string(),
    institutionId: z.string(),
    lockStatus: z.enum(['locked', 'not_locked']),
    flags: flags.meta({ description: 'As the bank sent them; an absent flag means false' }),
    diagnosis: text,
    wouldSendPut: z.boolean(),
    approvalNeeded: z.boolean().meta({ description: 'A second person would have to approve: the customer was unlocked too often lately' }),
    expectedOutcome: z.enum(['unlocked', 'not_locked']).meta({ description: 'Where the bank does as it is asked' }),
    because: z.string(),
  })
  .meta({ id: 'DryRun' });

const jsonObject = z.record(z.string(), z.unknown());

/** One row of the audit log, columns in camel case. */
export const auditEventSchema = z
  .strictObject({
    id: guid,
    position: z.int(),
    occurredAt: time,
    recordedAt: time,
    action: z.enum(auditActions),
    correlationId: guid.nullable(),
    institutionId: text,
    customerId: text,
    actorType: z.enum(['user', 'service']).nullable(),
    actorId: text,
    actorName: text,
    onBehalfOf: text,
    reason: text,
    reasonCode: text,
    ticket: text,
    source: jsonObject.nullable(),
    workflowId: text,
    runId: text,
    attempt: whole,
    activityAttempt: whole,
    executionId: guid.nullable(),
    result: z.enum(attemptResults).nullable(),
    outcome: z.enum(outcomes).nullable(),
    verification: z.enum(verifications).nullable(),
    httpStatus: whole,
    upstreamCode: text,
    upstreamMessage: text,
    durationMs: z.number().nullable(),
    lockStatus: z.enum(['locked', 'not_locked', 'unknown']).nullable(),
    metadata: jsonObject,
  })
  .meta({ id: 'AuditEvent' });
export const auditEventPageSchema = z.strictObject({ items: z.array(auditEventSchema), nextCursor }).meta({ id: 'AuditEventPage' });

export const healthSchema = z.strictObject({ status: z.literal('ok') }).meta({ id: 'Health' });
const parts = z.array(z.strictObject({ part: z.string(), ready: z.boolean() }));
export const readinessSchema = z.strictObject({ status: z.enum(['ready', 'not_ready']), parts }).meta({ id: 'Readiness' });

const count = z.int().min(0);
const complete = z.boolean().meta({ description: 'False: more was there than one look takes in, and the numbers are those of the newest' });
const countOf = (names: readonly string[]) => z.strictObject(Object.fromEntries(names.map((name) => [name, count])));

/** The unlock requests of one institution at a glance. */
export const healthSummarySchema = z
  .strictObject({
    at: time,
    running: z.strictObject({
      since: time.meta({ description: 'Requests asked for before are not looked at' }),
      count: count.meta({ description: 'Under way, whatever they wait for' }),
      waitingForApproval: count,
      paused: count.meta({ description: 'By the front door, as the record tells' }),
      waitingForRetry: count.meta({ description: 'The bank could not do it, or said nothing usable; it is tried again' }),
      oldest: z.strictObject({ correlationId: guid, requestedAt: time }).nullable(),
      complete,
    }),
    lastHour: z.strictObject({
      since: time,
      outcomes: countOf(outcomes).meta({ description: 'How the requests ended that ended in it' }),
      attempts: countOf(attemptResults).meta({ description: 'What came of the attempts that ended in it' }),
      bankErrorRate: z
        .number()
        .nullable()
        .meta({ description: 'The part of these attempts that is retryable or unknown, 0 to 1; null: there was none' }),
      complete,
    }),
    sealing: z.strictObject({
      checkpointAt: time.nullable().meta({ description: 'Null: nothing has been sealed yet' }),
      newestRowAt: time.nullable(),
      behindMs: z
        .number()
        .nullable()
        .meta({ description: 'How much younger the newest row is than the newest checkpoint; null: one of them is missing' }),
    }),
    parts: parts.meta({ description: 'As /readyz tells them' }),
  })
  .meta({ id: 'HealthSummary' });
export type HealthSummary = z.infer<typeof healthSummarySchema>;
