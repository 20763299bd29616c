/** All that a checker is told, as plain data: nothing here comes through the product's code. Times are milliseconds since the epoch. */
export interface Evidence {
  /** The bank's own journal, in the order of writing. */
  readonly bank: readonly BankLine[];
  /** Unlock PUTs as they passed the way from the workers to the bank, whatever became of them. */
  readonly wire: readonly WirePut[];
  /** In order of position. */
  readonly rows: readonly AuditRow[];
  readonly executions: readonly Execution[];
  readonly answers: readonly CallerAnswer[];
}

/** A customer as they were set from outside, or a call as it stood at that moment. */
export type BankLine =
  | { readonly kind: 'customer'; readonly atMs: number; readonly customerId: string; readonly locked: boolean }
  | { readonly kind: 'call'; readonly atMs: number; readonly call: BankCallState };

export interface BankCallState {
  readonly sequence: number;
  readonly endpoint: string;
  readonly customerId: string | null;
  readonly correlationId: string | null;
  readonly transactionId: string | null;
  readonly arrivedAtMs: number;
  readonly appliedAtMs: number | null;
  readonly wasLocked: boolean | null;
  /** What a status read was told. */
  readonly toldLocked: boolean | null;
  readonly answer: number | 'connection lost' | null;
}

export interface WirePut {
  readonly correlationId: string;
  readonly transactionId: string;
  readonly seenAtMs: number;
}

export interface AuditRow {
  readonly position: number;
  /** By the database's own record of commits. */
  readonly committedAtMs: number;
  /** When its statement began to write it. */
  readonly recordedAtMs: number;
  readonly action: string;
  readonly correlationId: string;
  readonly customerId: string;
  readonly attempt: number | null;
  readonly result: string | null;
  readonly outcome: string | null;
  readonly verification: string | null;
  readonly httpStatus: number | null;
  readonly lockStatus: string | null;
  /** What an answer was read as. */
  readonly meaning: string | null;
}

export interface Execution {
  readonly correlationId: string;
  /** `COMPLETED`, `RUNNING`, … */
  readonly status: string;
  /** Null unless completed. */
  readonly result: { readonly outcome: string; readonly verification: string | null; readonly attempts: number } | null;
}

/** One call of a caller, or one wish for a cancellation. */
export interface CallerAnswer {
  readonly correlationId: string;
  readonly customerId: string;
  readonly door: 'drop-in' | 'post' | 'post-wait' | 'read' | 'impostor' | 'cancel';
  readonly sentAtMs: number;
  /** Null where no whole answer came. */
  readonly httpStatus: number | null;
  readonly code: string | null;
  /** The request as a body of ours told of it; null where there was none. */
  readonly told: { readonly state: string; readonly outcome: string | null; readonly attempts: number } | null;
}

export interface Violation {
  readonly rule: Rule;
  readonly correlationId: string;
  readonly detail: string;
}

/** What must never be, by name. */
export const rules = {
  put_without_intent: 'a PUT without an intent row of its own committed before it',
  attempts_miscounted: 'an attempt number missing or doubled, or an attempt without exactly one result',
  put_after_unlocked: 'a PUT sent, or begun, after the customer was known to be unlocked or the request had ended',
  result_contradicts_bank: 'an attempt result that contradicts what the bank did',
  outcome_contradicts_bank: 'an outcome that contradicts what the bank did',
  no_outcome: 'an accepted unlock without an outcome',
  two_outcomes: 'two outcomes',
  temporal_contradicts_audit: 'a result in Temporal other than the outcome in the audit table',
  answered_but_unknown: 'an acceptance or an outcome answered to a caller whose request does not exist',
  answer_contradicts_record: 'an answer to a caller that contradicts the record',
} as const;
export type Rule = keyof typeof rules;
