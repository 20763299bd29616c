/**
 * When a customer who was unlocked before waits for a second person: often unlocked in a short time, somebody may be talking the
 * support desk into it. Times in milliseconds.
 */
export interface RepeatGuard {
  /** So many unlocks in the window are granted without asking anybody; the next one waits. */
  readonly maxUnlocks: number;
  readonly windowMs: number;
  /** How long it waits for a decision. */
  readonly approvalMs: number;
}
