/** What a newcomer reads before the first operation; Markdown, as OpenAPI has it. */
export const introduction = `
Latchkey unlocks customers who are locked out of online banking. It stands before the bank's own unlock call and keeps two promises:
**an accepted unlock is never lost**, whatever fails on the way, and **no call to the bank goes unrecorded**.

### Which operation do I want?

- An existing caller of the bank's endpoint changes its base URL and token, and keeps the rest: \`PUT /v1/customers/{customerId}:unlock-user\`, the drop-in.
- A new caller sends \`POST /v1/unlocks\`, with a reason for the audit log; it answers 202 at once, or waits with \`Prefer: wait=30\`.
- An operator steers a request under way: \`POST /v1/unlocks/{correlationId}:cancel\`, \`:retry-now\`, \`:pause\`, \`:resume\`, each with a reason.
- Whoever helps the customer reads \`GET /v1/customers/{customerId}/lock-status\` first: it says in plain words whether an unlock will help.

### One request, one correlationId

The \`correlationId\` (any GUID, in the header of that name) identifies an unlock request. Sent again, the same request joins the one that is under way,
or is answered as that one ended, for ever: after a time-out or a 503 repeat it with the same correlationId. Another try is another correlationId.

A request is \`running\` until it has an **outcome**:

| outcome | it means |
|---|---|
| \`unlocked\` | the bank confirmed an attempt, or the customer is unlocked after an attempt whose answer was lost |
| \`not_locked\` | the customer was not locked: no attempt was made, or none had an effect |
| \`rejected\` | the bank refused for good |
| \`failed\` | attempts or time are used up |
| \`cancelled\` | stopped on request; no attempt succeeded |

### Tokens

Send \`Authorization: Bearer <token>\`: an access token (RFC 9068) with the scope that the operation names and the claim \`institution_id\`. You see
your own institution alone.

### Errors

Every error is problem details (RFC 9457, \`application/problem+json\`) with a stable \`code\`; the drop-in alone answers in the bank's own shape
\`{status, message, code}\`, where Latchkey's codes begin with \`LATCHKEY_\`. The [catalogue of error codes](/docs/errors) says what each means and what to do.
Where more requests come than this deployment takes from one caller or institution in a minute, the answer is 429 with a \`Retry-After\`; \`RateLimit\` tells what is left.
Any path may also answer 405 and 431, an unknown one 404.
`.trim();

/** The groups of operations, in their order on the page. */
export const tags = {
  'Drop-in': "The bank's own endpoint, made durable: same path, headers and answers.",
  'Unlock requests': 'Asking for an unlock, and how it goes.',
  "Operators' actions": 'Steering a request that is under way. Every action is recorded, with its reason.',
  Approvals: 'A second person decides on the unlock of a customer who was unlocked too often lately.',
  Customers: 'What the bank says of a customer. Every look is recorded.',
  Audit: 'What happened, who did it, when, and with what result. Every look is recorded.',
  Operations: 'For those who run Latchkey.',
} as const;
