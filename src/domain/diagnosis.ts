import type { ApprovalState } from './approval.js';
import type { Meaning } from './meaning.js';
import { lockStatusOf, type StatusFlags } from './lock-status.js';
import type { Settlement } from './outcome.js';

interface Obstacle {
  readonly stands: (flags: StatusFlags) => boolean;
  readonly says: string;
}

// Only what the bank states outright counts: a bank that leaves `active` out must not make every customer inactive.
const obstacles: readonly Obstacle[] = [
  { stands: (flags) => flags.onHold === true, says: 'the customer is on hold: the hold must be lifted at the institution' },
  { stands: (flags) => flags.reset === true, says: 'a password reset is pending: the customer must finish it' },
  { stands: (flags) => flags.rejected === true, says: 'the registration was rejected: the customer must register again' },
  { stands: (flags) => flags.active === false, says: 'the customer is inactive: the institution must activate them' },
  { stands: (flags) => flags.registered === false, says: 'the customer has not registered for online banking: they must register first' },
  {
    stands: (flags) => flags.approved === false && flags.rejected !== true,
    says: 'the registration is not approved yet: the institution must approve it',
  },
];

function standing(flags: StatusFlags): string {
  return obstacles
    .filter((obstacle) => obstacle.stands(flags))
    .map((obstacle) => obstacle.says)
    .join('; ');
}

/**
 * Plain words for the support desk on why an unlock will not help, or not alone, and what will.
 * @returns null where an unlock is all that is needed
 */
export function diagnose(flags: StatusFlags): string | null {
  const found = standing(flags);
  if (lockStatusOf(flags) === 'locked') return found === '' ? null : `An unlock alone will not let the customer in; ${found}.`;
  if (found !== '') return `The customer is not locked, so an unlock will not help; ${found}.`;
  return 'The customer is not locked, so an unlock will not help; if they cannot log in, check the user name or offer a password reset.';
}

const refusals: { readonly [meaning in Meaning]?: string } = {
  no_such_customer: 'The bank knows no customer of this id: check the id and ask again with a new correlationId.',
  forbidden: 'The bank refuses Latchkey itself: its operators must mend the credentials or their rights.',
  stale_token: 'The bank refuses Latchkey’s token, a new one too: its operators must mend the credentials.',
  bad_request: 'The bank takes the request for malformed: tell the operators of Latchkey.',
  refused: 'The bank refused the unlock although the customer reads as locked: ask the bank.',
};

interface Ending extends Settlement {
  /** From the last status read, if there was one. */
  readonly flags: StatusFlags | null;
  /** How the bank's last refusal was read, if it refused. */
  readonly meaning: Meaning | null;
  /** What a second person said who had to be asked; absent: nobody had to be. */
  readonly approval?: ApprovalState | null;
}

/**
 * Plain words on how a request ended and what is left to do.
 * @returns null where nothing is
 */
export function diagnoseEnding({ outcome, verification, flags, meaning, approval = null }: Ending): string | null {
  if (outcome === 'cancelled' && approval === 'declined') {
    return 'A second person declined the unlock: the customer was unlocked too often in a short time. Find out who is asking for it.';
  }
  if (outcome === 'failed' && approval === 'expired') {
    return 'The customer was unlocked too often in a short time, and no second person approved another unlock in the time allowed: ask again with a new correlationId, and have it approved.';
  }
  if (outcome === 'rejected') return (meaning === null ? undefined : refusals[meaning]) ?? 'The bank refused the unlock for good.';
  if (outcome === 'failed') {
    return verification === 'unavailable'
      ? 'It is not known whether the customer is unlocked: read the lock status before asking again.'
      : 'The bank did not unlock the customer in the time allowed: ask again with a new correlationId.';
  }
  if (outcome === 'cancelled') return null;
  if (outcome === 'not_locked') return flags === null ? null : diagnose(flags);
  if (verification === 'still_locked') {
    return 'The bank accepted the unlock, yet the customer reads as locked: somebody may still be guessing the password.';
  }
  const left = flags === null ? '' : standing(flags);
  return left === '' ? null : `The customer is unlocked, but cannot log in yet; ${left}.`;
}
