/** What somebody can do to an unlock's workflow directly in Temporal, without the front door. */
export const outOfBandOperations = ['terminate', 'cancel', 'signal', 'update', 'reset', 'change_options', 'pause_activity'] as const;
export type OutOfBandOperation = (typeof outOfBandOperations)[number];

/** What the front door calls itself to Temporal where it may choose. */
export const FRONT_DOOR_IDENTITY = 'latchkey-api';

/** One such operation, as Temporal tells of it. */
export interface OperationTrace {
  readonly operation: OutOfBandOperation;
  /** The same whenever it is read, and no other's of this workflow. */
  readonly key: string;
  /** RFC 3339, by Temporal's clock. */
  readonly at: string;
  readonly runId: string;
  /** What whoever did it called themselves: Temporal believes any name. */
  readonly identity: string | null;
  /** Of an update, as whoever sent it chose it; absent: it was none. */
  readonly updateId?: string | null;
  /** In their words, or the name of the signal or update; null where none was given. */
  readonly reason: string | null;
}
