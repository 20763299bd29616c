/** Keys for a chaos run only. */
export const PAYLOAD_KEY = Buffer.alloc(32, 3);
export const SANDBOX_CLIENT = { id: 'latchkey', secret: 'sandbox-secret' } as const;

/** Short budgets, so that a run sees retries, lost answers and deadlines; `behaviours.ts` counts on the time-out. */
export const settings = {
  CUSTOMER_REF_KEY: 'a key for a chaos run only',
  UPSTREAM_TIMEOUT_MS: '1500',
  UNLOCK_MAX_ATTEMPTS: '8',
  UNLOCK_INITIAL_INTERVAL_MS: '100',
  UNLOCK_MAX_INTERVAL_MS: '1500',
  RETRY_AFTER_MAX_MS: '2000',
  UNLOCK_DEADLINE_MS: '60000',
  UNLOCK_WAIT_MS: '5000',
  REPEAT_UNLOCK_MAX: '0',
} as const;
