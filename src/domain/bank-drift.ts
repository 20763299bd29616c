import type { JsonObject } from './audit-event.js';

/** Ways in which the bank answers otherwise than it is known to: what is read of such an answer may no longer be what it means. */
export const driftKinds = ['unknown_code', 'unexpected_body', 'unknown_flag', 'unreadable_flag'] as const;
export type DriftKind = (typeof driftKinds)[number];

/** One of them, with the code, the flag's name, or what kind of body came; never what stood in it. */
export interface BankDrift {
  readonly kind: DriftKind;
  readonly what: string;
}

/** What may be the name of a flag, and be told as one. */
export const FLAG_NAME = /^[A-Za-z][A-Za-z0-9_-]{0,39}$/;

/** For a row's metadata; nothing where the answer was as expected. */
export function driftAsJson(drift: readonly BankDrift[] = []): JsonObject {
  return drift.length === 0 ? {} : { drift: drift.map(({ kind, what }) => ({ kind, what })) };
}
