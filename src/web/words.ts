import type { UnlockAnswer } from '../http/answer-schemas.js';

type Attempt = UnlockAnswer['attempts'][number];
type Outcome = NonNullable<UnlockAnswer['outcome']>;
type Verification = NonNullable<UnlockAnswer['verification']>;

/** How a request ended, for a heading. */
export const outcomeWords: Readonly<Record<Outcome, string>> = {
  unlocked: 'The customer is unlocked',
  not_locked: 'The customer was not locked',
  rejected: 'The bank refused the unlock',
  failed: 'The customer could not be unlocked',
  cancelled: 'The unlock was cancelled',
};

/** The mark beside it: what is good, what needs somebody, and what is neither. */
export const outcomeTone: Readonly<Record<Outcome, 'good' | 'bad' | 'plain'>> = {
  unlocked: 'good',
  not_locked: 'plain',
  rejected: 'bad',
  failed: 'bad',
  cancelled: 'plain',
};

/** What a look at the bank after the last attempt found, and what it is worth. */
export const verificationWords: Readonly<Record<Verification, string>> = {
  confirmed: 'Checked: the bank was asked again afterwards, and says that the customer is not locked.',
  attributed: 'Inferred: no answer came to an attempt, and the customer is not locked any more. The attempt must have done it.',
  still_locked: 'Doubtful: the bank was asked again afterwards, and says that the customer is locked.',
  unavailable: 'Not checked: the bank did not say afterwards whether the customer is still locked.',
};

/** What came of one attempt. */
export function attemptWords({
  result,
  httpStatus,
  upstreamCode,
  upstreamMessage,
}: Pick<Attempt, 'result' | 'httpStatus' | 'upstreamCode' | 'upstreamMessage'>): string {
  const code = upstreamCode === null ? '' : `, ${upstreamCode}`;
  const said = httpStatus === null ? '' : ` (${httpStatus}${code}${upstreamMessage === null ? '' : `: ${upstreamMessage}`})`;
  switch (result) {
    case null:
      return 'Sent; the bank has not answered yet.';
    case 'succeeded':
      return `The bank accepted it${said}.`;
    case 'rejected':
      return `The bank refused it for good${said}.`;
    case 'retryable':
      return `The bank could not do it now${said}.`;
    case 'unknown':
      return `No usable answer came: it may have been applied${said}.`;
  }
}

/** What is going on with a request that has not ended, in one sentence. */
export function progressWords({ attempts, nextAttemptAt, paused }: UnlockAnswer): string {
  const last = attempts.at(-1);
  if (paused === true) return 'An operator keeps the next attempt back.';
  if (last === undefined)
    return nextAttemptAt === null
      ? 'Accepted. The lock status is being read.'
      : 'The bank did not tell the lock status; it is asked again.';
  if (last.result === null) return `Attempt ${last.attempt} is out; the bank has not answered yet.`;
  if (last.result === 'succeeded') return 'The bank accepted it. Now it is checked whether the customer is unlocked.';
  return nextAttemptAt === null
    ? `Attempt ${last.attempt} is over; what follows is being decided.`
    : `Attempt ${last.attempt} did not do it; it is tried again by itself.`;
}

/** Who asked, as people read it. */
export function actorWords(by: UnlockAnswer['requestedBy']): string {
  if (by === null) return 'not on record';
  const name = by.name === null ? by.id : `${by.name} (${by.id})`;
  return by.onBehalfOf === null ? name : `${name}, who says it is for ${by.onBehalfOf.id}`;
}
