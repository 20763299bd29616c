/** Limits of the processes under test, in milliseconds where they are times. */
export const CALL_TIMEOUT_MS = 1_000;
export const STATEMENT_TIMEOUT_MS = 1_500;
/** Connections that wait in vain for a reply must not keep the others waiting. */
export const POOL_SIZE = 60;

export const budget = {
  maxAttempts: 8,
  initialIntervalMs: 4_000,
  maxIntervalMs: 4_000,
  retryAfterMaxMs: 12_000,
  activityTimeoutMs: 5_000,
  deadlineMs: 180_000,
} as const;
