import type { BankDrift } from './bank-drift.js';
import type { Meaning } from './meaning.js';

/** What the bank answered to one call, read by the table of `classification`; nothing of the body but its code and message. */
export interface BankAnswer {
  readonly meaning: Meaning;
  readonly httpStatus: number | null;
  readonly code: string | null;
  readonly message: string | null;
  /** Why there is no answer to read, in words; null where there is one. */
  readonly reason: string | null;
  readonly retryAfterMs: number | null;
  readonly durationMs: number;
  /** In what it was otherwise than answers are known to be; absent: in nothing. */
  readonly drift?: readonly BankDrift[];
}
