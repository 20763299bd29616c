import * as z from 'zod';

const pauseMs = z.int().min(0).max(600_000);

/**
 * One scripted fault: this file is the one place that says what a script can do (`GET /control` serves it as JSON Schema).
 * Each call of the scripted endpoint that is well-formed and carries a good token uses up one step; without a step the bank behaves.
 * Within a call the order is: `delayMs`, lose the connection before applying, apply, `lockAgain`, lose the connection after applying,
 * `answerDelayMs`, answer. A caller that hangs up changes nothing of that: a delayed unlock is still applied.
 */
export const stepSchema = z
  .strictObject({
    on: z
      .enum(['unlock', 'status', 'token'])
      .default('unlock')
      .describe('Which endpoint. A token call names no customer, so it takes the first `token` step of any customer.'),
    times: z
      .union([z.int().min(1).max(10_000), z.literal('always')])
      .default(1)
      .describe('How many calls the step lasts; `always` never ends, and hides later steps of that endpoint.'),
    delayMs: pauseMs.optional().describe('Waits before the bank acts on the call: an unlock is applied late.'),
    loseConnection: z
      .enum(['before_applying', 'after_applying'])
      .optional()
      .describe('No answer: the connection is reset before the unlock is applied, or closed after it was.'),
    apply: z.boolean().optional().describe('Whether the unlock is applied; left out, it is where the answer is the ordinary one or a 2xx.'),
    lockAgain: z.boolean().optional().describe('Somebody locks the customer again right after the unlock.'),
    answerDelayMs: pauseMs.optional().describe('Waits between acting and answering: the unlock is applied in time, the answer is late.'),
    httpStatus: z.int().min(200).max(599).optional().describe('Answers with this status instead of the ordinary answer.'),
    code: z.string().max(200).optional().describe("The error body's `code`."),
    message: z.string().max(10_000).optional().describe("The error body's `message`."),
    body: z
      .json()
      .optional()
      .describe('The whole body in place of `{status,message,code}`: a string is sent as it is, anything else as JSON.'),
    contentType: z
      .string()
      .regex(/^[\x20-\x7e]{1,200}$/)
      .optional()
      .describe('Left out: `text/html` for a string body, else `application/json`.'),
    headers: z
      .record(z.string().regex(/^[A-Za-z0-9-]{1,100}$/), z.string().regex(/^[\x20-\x7e]{0,1000}$/))
      .optional()
      .describe('More headers of the answer, such as `Retry-After`.'),
    bodyDelayMs: pauseMs.optional().describe('Sends the headers and the first byte of the body, then waits before the rest.'),
    bodyBytes: z
      .int()
      .min(1)
      .max(64 * 1024 * 1024)
      .optional()
      .describe('Fills the body up to this size with spaces.'),
  })
  .check((context) => {
    const { on, loseConnection, apply, lockAgain, httpStatus, code, message, body, contentType } = context.value;
    const refuse = (message: string): void => void context.issues.push({ code: 'custom', message, input: context.value });
    const answerGiven = [code, message, body, contentType].some((part) => part !== undefined);
    if (answerGiven && httpStatus === undefined) refuse('code, message, body and contentType need an httpStatus');
    if (body !== undefined && (code ?? message) !== undefined) refuse('body replaces code and message: give one or the other');
    if (loseConnection !== undefined && httpStatus !== undefined) refuse('a lost connection has no answer: leave out one of the two');
    if (loseConnection !== undefined && apply !== undefined) refuse('loseConnection says already what is applied: leave out apply');
    if (on !== 'unlock' && (apply ?? lockAgain) !== undefined) refuse('apply and lockAgain are for unlock steps');
  });

/** What the bank knows of a customer; left out, a customer is locked and otherwise in order. */
export const stateSchema = z.strictObject({
  active: z.boolean().default(true),
  onHold: z.boolean().default(false),
  locked: z.boolean().default(true),
  reset: z.boolean().default(false),
  registered: z.boolean().default(true),
  approved: z.boolean().default(true),
  rejected: z.boolean().default(false),
  failedLoginCount: z.int().min(0).max(1_000_000).default(0),
});

/** A customer's state and script, as `PUT /control/customers/{id}` takes them: both are replaced, and what is left out is as by default. */
export const setupSchema = z.strictObject({
  state: stateSchema.prefault({}),
  script: z.array(stepSchema).max(1000).default([]),
});

export const customerIdSchema = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'a customer id is 1 to 64 of A-Z a-z 0-9 _ -');

export type Step = z.output<typeof stepSchema>;
export type ScriptedEndpoint = Step['on'];
export type CustomerState = z.output<typeof stateSchema>;
export type CustomerSetup = z.input<typeof setupSchema>;
