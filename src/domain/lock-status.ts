/** What the bank says of the customer. */
export type LockStatus = 'locked' | 'not_locked';

/** The flags of the bank's user status that Latchkey keeps; everything else in that answer is dropped. */
export const statusFlagNames = ['active', 'onHold', 'locked', 'reset', 'registered', 'approved', 'rejected'] as const;
export type StatusFlagName = (typeof statusFlagNames)[number];

/** The flags as the bank sent them; an absent flag means false. */
export type StatusFlags = { readonly [name in StatusFlagName]?: boolean | undefined };

/** An absent `locked` flag means not locked. */
export function lockStatusOf(flags: StatusFlags): LockStatus {
  return flags.locked === true ? 'locked' : 'not_locked';
}

/** The flags that the bank stated, for a row's metadata. */
export function flagsAsJson(flags: StatusFlags): { readonly [name: string]: boolean } {
  return Object.fromEntries(Object.entries(flags).filter((entry): entry is [string, boolean] => typeof entry[1] === 'boolean'));
}

/** Reads flags back from a row's metadata; null where there are none. */
export function statusFlagsFrom(value: unknown): StatusFlags | null {
  if (typeof value !== 'object' || value === null) return null;
  const known = new Map<string, unknown>(Object.entries(value));
  return Object.fromEntries(statusFlagNames.flatMap((name) => asFlag(name, known.get(name))));
}

function asFlag(name: StatusFlagName, flag: unknown): [StatusFlagName, boolean][] {
  return typeof flag === 'boolean' ? [[name, flag]] : [];
}
