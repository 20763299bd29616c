import { z } from 'zod';
import { auditActions } from '../domain/audit-event.js';
import { attemptResults } from '../domain/attempt.js';
import { outcomes } from '../domain/outcome.js';
import { parseCorrelationId } from '../domain/unlock-request.js';
import { parseEventCursor, parseRequestCursor } from './cursor.js';
import type { HttpSettings } from './settings.js';

export type RequestSchemas = ReturnType<typeof createRequestSchemas>;

const GUID_EXAMPLE = 'f8187c63-678f-4f0c-9263-46723794661a';

/** What callers may send; these schemas validate, and the API's description is made from them. */
export function createRequestSchemas({ customerIdPattern, reasonRequired }: Pick<HttpSettings, 'customerIdPattern' | 'reasonRequired'>) {
  // A pattern without anchors would let through whatever merely contains a good id.
  const wholeId = new RegExp(`^(?:${customerIdPattern.source})$`, customerIdPattern.flags.replace(/[gym]/g, ''));
  const customerId = z
    .string('must be a string')
    .max(256, 'is too long')
    .regex(wholeId, `is no customer id: it must match ${customerIdPattern.source}`)
    .meta({ description: "The bank's id of the customer", example: '1234567890', override: { pattern: customerIdPattern.source } });
  const correlationId = parsed(parseCorrelationId, 'must be a GUID, such as ' + GUID_EXAMPLE).meta({
    format: 'uuid',
    description: 'Any GUID; identifies the unlock request, and sending it again joins that request',
    example: GUID_EXAMPLE,
  });
  const reason = plainText(500).meta({ description: 'Why the customer is to be unlocked; kept in the audit log' });
  const actor = plainText(255).meta({ description: "The actor's id" });
  const from = time.optional().meta({ description: 'Inclusive' });
  const to = time.optional().meta({ description: 'Exclusive' });

  return {
    customerPath: z.strictObject({ customerId }),
    requestPath: z.strictObject({ correlationId }),
    requiredHeaders: z.object({ correlationId }),
    optionalHeaders: z.object({ correlationId: correlationId.optional() }),
    noQuery: z.strictObject({}),
    unlockBody: z.strictObject(
      {
        customerId,
        reason: reasonRequired ? reason : reason.nullish(),
        reasonCode: plainText(100).nullish(),
        ticket: plainText(100).nullish(),
        onBehalfOf: plainText(200).nullish().meta({ description: 'With a service token: the human behind the request, as the service asserts' }),
      },
      'must be a JSON object',
    ),
    unlocksQuery: z.strictObject({
      customerId: customerId.optional(),
      outcome: oneOf(outcomes).optional(),
      state: oneOf(['running', 'completed']).optional(),
      from,
      to,
      actor: actor.optional(),
      limit,
      cursor: parsed(parseRequestCursor, BAD_CURSOR).optional(),
    }),
    auditEventsQuery: z.strictObject({
      correlationId: correlationId.optional(),
      customerId: customerId.optional(),
      action: oneOf(auditActions).optional(),
      result: oneOf(attemptResults).optional(),
      outcome: oneOf(outcomes).optional(),
      httpStatus: integer(100, 599).optional(),
      actor: actor.optional(),
      from,
      to,
      limit,
      cursor: parsed(parseEventCursor, BAD_CURSOR).optional(),
    }),
  };
}

const BAD_CURSOR = 'is no cursor of this list: pass nextCursor on as it came';

/** A text that a parser of ours reads; null means that it cannot. */
function parsed<Value>(parse: (text: string) => Value | null, complaint: string) {
  return z.string(complaint).transform((text, context) => {
    const value = parse(text);
    if (value !== null) return value;
    context.addIssue(complaint);
    return z.NEVER;
  });
}

/** One line of text as people write it: never altered, so what cannot be kept as it is is refused. */
function plainText(max: number) {
  return z
    .string('must be a string')
    .min(1, 'must not be empty')
    .max(max, `must have at most ${max} characters`)
    .regex(/^[^\p{Cc}\p{Cs}\u2028\u2029]*$/u, 'must hold no control characters')
    .regex(/\S/u, 'must not be blank');
}

function oneOf<const Name extends string>(names: readonly Name[]) {
  return z.enum(names, `must be one of ${names.join(', ')}`);
}

function integer(min: number, max: number) {
  const complaint = `must be a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d{1,9}$/, complaint)
    .transform(Number)
    .refine((value) => value >= min && value <= max, complaint)
    .meta({ override: { type: 'integer', minimum: min, maximum: max, pattern: undefined } });
}

const limit = integer(1, 200)
  .optional()
  .transform((value) => value ?? 50)
  .meta({ description: 'How many to answer at most, 50 unless told' });

const EARLIEST = Date.UTC(1000, 0);
const LATEST = Date.UTC(10_000, 0);
const TIME_COMPLAINT = 'must be an RFC 3339 time of the years 1000 to 9999, such as 2026-01-31T09:30:00Z (write + as %2B)';

const time = z.iso
  .datetime({ offset: true, error: TIME_COMPLAINT })
  .transform((text) => new Date(text))
  .refine((value) => value.getTime() >= EARLIEST && value.getTime() < LATEST, TIME_COMPLAINT);
