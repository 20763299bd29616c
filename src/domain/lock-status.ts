/** What the bank says of the customer. */
export type LockStatus = 'locked' | 'not_locked';

/** The flags of the bank's user status that Latchkey keeps; everything else in that answer is dropped. */
export const statusFlagNames = ['active', 'onHold', 'locked', 'reset', 'registered', 'approved', 'rejected'] as const;
export type StatusFlagName = (typeof statusFlagNames)[number];

/** The flags as the bank sent them; an absent flag means false. */
export type StatusFlags = { readonly [name in StatusFlagName]?: boolean };

/** An absent `locked` flag means not locked. */
export function lockStatusOf(flags: StatusFlags): LockStatus {
  return flags.locked === true ? 'locked' : 'not_locked';
}

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

/**
 * Plain words for the support desk on why an unlock will not help, or not alone, and what will.
 * @returns null where an unlock is all that is needed
 */
export function diagnose(flags: StatusFlags): string | null {
  const found = obstacles.filter((obstacle) => obstacle.stands(flags)).map((obstacle) => obstacle.says);
  if (lockStatusOf(flags) === 'locked') {
    return found.length === 0 ? null : `An unlock alone will not let the customer in; ${found.join('; ')}.`;
  }
  if (found.length > 0) return `The customer is not locked, so an unlock will not help; ${found.join('; ')}.`;
  return 'The customer is not locked, so an unlock will not help; if they cannot log in, check the user name or offer a password reset.';
}
