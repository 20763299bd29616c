import { z } from 'zod';
import { auditActions } from '../domain/audit-event.js';
import { attemptResults } from '../domain/attempt.js';
import { outcomes } from '../domain/outcome.js';
import { parseCorrelationId } from '../domain/unlock-request.js';
import { parseEventCursor, parseRequestCursor } from './cursor.js';
import { EXAMPLE_CORRELATION_ID, EXAMPLE_CUSTOMER_ID, EXAMPLE_EVENT_ID } from './example-errors.js';
import { allRules, type HttpSettings, type RuleSettings } from './settings.js';

export type RequestSchemas = ReturnType<typeof createRequestSchemas>;

/** What callers may send; these schemas validate, and the API's description is made from them. */
export function createRequestSchemas({ customerIdPattern, ...rules }: RuleSettings & Pick<HttpSettings, 'customerIdPattern'>) {
  // A pattern without anchors would let through whatever merely contains a good id.
  const wholeId = new RegExp(`^(?:${customerIdPattern.source})$`, customerIdPattern.flags.replace(/[gym]/g, ''));
  const customerId = z
    .string('must be a string')
    .max(256, 'is too long')
    .regex(wholeId, `is no customer id: it must match ${customerIdPattern.source}`)
    .meta({ description: "The bank's id of the customer", override: { pattern: customerIdPattern.source } });
  const correlationId = parsed(parseCorrelationId, `must be a GUID, such as ${EXAMPLE_CORRELATION_ID}`).meta({
    format: 'uuid',
    description: 'Any GUID; identifies the unlock request, and sending it again joins that request',
  });
  // Examples stand only where a value is required: the page fills them in, and a filter that nobody asked for would hide rows.
  const aCustomer = customerId.meta({ example: EXAMPLE_CUSTOMER_ID });
  const aRequest = correlationId.meta({ example: EXAMPLE_CORRELATION_ID });
  const maybeCorrelationId = correlationId
    .optional()
    .meta({ description: 'Any GUID, under which the request is found again; made and returned where it is absent' });
  const reason = plainText(500).meta({ description: 'Why the customer is to be unlocked; kept in the audit log' });
  const ticket = plainText(100).nullish().meta({ description: 'The case or ticket that it belongs to' });
  const onBehalfOf = plainText(200)
    .nullish()
    .meta({ description: 'With a service token: the human behind the request, as the service asserts' });
  const anyUnlock = z.strictObject(
    {
      customerId: aCustomer,
      reason: reason.nullish(),
      reasonCode: plainText(100).nullish().meta({ description: 'The reason as a code of your own' }),
      ticket,
      onBehalfOf,
      dryRun: z
        .boolean('must be true or false')
        .optional()
        .meta({ description: '`true`: nothing is unlocked; the answer says what would come of it, and that is recorded' }),
    },
    'must be a JSON object',
  );
  const withReason = anyUnlock.extend({ reason });
  const shared = {
    customerId: filter(customerId, 'For this customer'),
    outcome: filter(oneOf(outcomes), 'How the request ended'),
    actor: filter(plainText(255), "Asked for by this actor: the token's `sub`"),
    from: filter(time, 'Not before this time'),
    to: filter(time, 'Before this time'),
    limit,
  };
  const eventFilters = {
    correlationId: filter(correlationId, 'Of this unlock request'),
    customerId: shared.customerId,
    action: filter(oneOf(auditActions), 'What happened'),
    result: filter(oneOf(attemptResults), 'How the attempt ended'),
    outcome: shared.outcome,
    httpStatus: filter(integer(100, 599), 'What the bank answered'),
    attempt: filter(integer(1, 999_999), 'Of this attempt of its request'),
    actor: shared.actor,
    from: shared.from,
    to: shared.to,
  };
  const anId = (description: string) =>
    parsed(parseCorrelationId, `must be a UUID, such as ${EXAMPLE_EVENT_ID}`).meta({
      format: 'uuid',
      description,
      example: EXAMPLE_EVENT_ID,
    });

  return {
    customerPath: z.strictObject({ customerId: aCustomer }),
    requestPath: z.strictObject({ correlationId: aRequest }),
    requiredHeaders: z.object({ correlationId: aRequest }),
    optionalHeaders: z.object({ correlationId: maybeCorrelationId }),
    eventsHeaders: z.object({ 'last-event-id': filter(correlationId, 'The `id` of the last event that was read: those after it follow') }),
    noQuery: z.strictObject({}),
    /** Of every institution that is served. */
    unlockBody: allRules(rules).every(({ reasonRequired }) => reasonRequired) ? withReason : anyUnlock,
    /** Of one that insists on a reason, or does not. */
    unlockBodyOf: ({ reasonRequired }: Pick<RuleSettings, 'reasonRequired'>) => (reasonRequired ? withReason : anyUnlock),
    operatorBody: z.strictObject(
      {
        reason: plainText(500).meta({ description: 'Why you do it; kept in the audit log' }),
        ticket,
        onBehalfOf,
      },
      'must be a JSON object',
    ),
    approvalBody: z.strictObject(
      { reason: plainText(500).meta({ description: 'Why you decide so; kept in the audit log' }), ticket },
      'must be a JSON object',
    ),
    unlocksQuery: z.strictObject({
      customerId: shared.customerId,
      outcome: shared.outcome,
      state: filter(oneOf(['running', 'completed']), 'Under way or ended'),
      approval: filter(oneOf(['waiting']), 'That wait for a second person'),
      from: shared.from,
      to: shared.to,
      actor: shared.actor,
      limit: shared.limit,
      cursor: filter(parsed(parseRequestCursor, BAD_CURSOR), NEXT_PAGE),
    }),
    auditEventsQuery: z.strictObject({ ...eventFilters, limit, cursor: filter(parsed(parseEventCursor, BAD_CURSOR), NEXT_PAGE) }),
    auditSummaryQuery: z.strictObject(eventFilters),
    auditExportQuery: z.strictObject({
      format: oneOf(['csv', 'ndjson']).meta({ description: 'CSV (RFC 4180), or one JSON object a line' }),
      ...eventFilters,
    }),
    exportPath: z.strictObject({ exportId: anId('As the `Link` header of the export names it') }),
    eventPath: z.strictObject({ eventId: anId('The `id` of the audit event') }),
    inclusionQuery: z.strictObject({ size: filter(treeSize, 'By the checkpoint of this size; the newest unless told') }),
    consistencyQuery: z.strictObject({
      from: treeSize.meta({ description: 'The size of the earlier checkpoint', example: 3 }),
      to: filter(treeSize, 'The size of the later one; the newest unless told'),
      origin: filter(plainText(128), 'The log; the newest unless told'),
    }),
  };
}

/** A query parameter that may be left out. */
function filter<Schema extends z.ZodType>(schema: Schema, description: string) {
  return schema.optional().meta({ description });
}

const NEXT_PAGE = 'Where the page begins: `nextCursor` of the one before';
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

// Spelled out, because it is published, and many who read an API's description know no \p{…} in a pattern.
const NO_CONTROL_CHARACTERS = new RegExp('^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]*$', 'u');

/** One line of text as people write it: never altered, so what cannot be kept as it is is refused. */
function plainText(max: number) {
  return z
    .string('must be a string')
    .min(1, 'must not be empty')
    .max(max, `must have at most ${max} characters`)
    .regex(NO_CONTROL_CHARACTERS, 'must hold no control characters')
    .refine((text) => !/\p{Cs}/u.test(text), 'must hold no lone surrogates')
    .regex(/\S/u, 'must not be blank');
}

function oneOf<const Name extends string>(names: readonly Name[]) {
  return z.enum(names, `must be one of ${names.join(', ')}`);
}

function integer(min: number, max: number) {
  const complaint = `must be a whole number from ${min} to ${max}`;
  return z
    .string(complaint)
    .regex(/^\d{1,9}$/, complaint)
    .transform(Number)
    .refine((value) => value >= min && value <= max, complaint)
    .meta({ override: { type: 'integer', minimum: min, maximum: max, pattern: undefined } });
}

/** Leaves of a tree. */
const treeSize = integer(1, 999_999_999);

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
