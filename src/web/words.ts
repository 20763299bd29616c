import type { UnlockAnswer } from '../http/answer-schemas.js';

type Attempt = UnlockAnswer['attempts'][number];
type Outcome = NonNullable<UnlockAnswer['outcome']>;
type Verification = NonNullable<UnlockAnswer['verification']>;
type Approval = NonNullable<UnlockAnswer['approval']>;

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
export function progressWords({ attempts, nextAttemptAt, paused, approval }: UnlockAnswer): string {
  if (approval?.state === 'waiting') return 'It waits for a second person to approve it.';
  if (approval?.state === 'expired') return 'Nobody has decided in time; the request is being ended.';
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

/** What became of the request for a second person. */
export const approvalWords: Readonly<Record<Exclude<Approval['state'], 'waiting'>, string>> = {
  approved: 'Approved',
  declined: 'Declined',
  expired: 'Nobody decided in time',
  cancelled: 'The request ended before anybody decided',
};

/** Why somebody else had to be asked. */
export function whyApproval({ unlocks, windowMs }: Approval): string {
  const often = unlocks === 1 ? 'once' : `${unlocks} times`;
  return `The customer had been unlocked ${often} within ${durationWords(windowMs)}: somebody else must make sure that it is the customer who asks.`;
}

/** What came of attempts, for a heading over their number. */
export function attemptResultWords(result: string): string {
  return resultLabels.get(result) ?? result;
}

const resultLabels: ReadonlyMap<string, string> = new Map([
  ['succeeded', 'Accepted by the bank'],
  ['rejected', 'Refused for good'],
  ['retryable', 'Could not be done now'],
  ['unknown', 'No usable answer'],
]);

/** A part of the house, by its name in `/readyz`. */
export function partWords(part: string): string {
  return partLabels.get(part) ?? part;
}

const partLabels: ReadonlyMap<string, string> = new Map([
  ['postgres', 'Postgres'],
  ['temporal', 'Temporal'],
  ['worker', 'The worker of this process'],
  ['process', 'This process, which is going down'],
]);

const units = [
  { ms: 86_400_000, one: 'day' },
  { ms: 3_600_000, one: 'hour' },
  { ms: 60_000, one: 'minute' },
] as const;

/** A length of time, rounded as people say it. */
export function durationWords(ms: number): string {
  const { ms: unitMs, one } = units.find((unit) => ms >= unit.ms) ?? { ms: 1_000, one: 'second' };
  const count = Math.round(ms / unitMs);
  return `${count} ${one}${count === 1 ? '' : 's'}`;
}

/** Who asked, as people read it. */
export function actorWords(by: UnlockAnswer['requestedBy']): string {
  if (by === null) return 'not on record';
  const name = by.name === null ? by.id : `${by.name} (${by.id})`;
  return by.onBehalfOf === null ? name : `${name}, who says it is for ${by.onBehalfOf.id}`;
}
