import { defaultGrpcRetryOptions, makeGrpcRetryInterceptor } from '@temporalio/client';

type Interceptor = ReturnType<typeof makeGrpcRetryInterceptor>;

/** The retries of a client's calls, which can be brought to an end. */
export interface Retries {
  readonly interceptor: Interceptor;
  /** Begins no further retry; resolves when those that are due have gone: one that comes to a closed channel would end the process. */
  end(): Promise<void>;
}

const LONGEST_WAIT_MS = 1_000;
const LEEWAY_MS = 50;

/** Retries as the SDK's own, each wait bounded. */
export function createRetries(): Retries {
  const usual = defaultGrpcRetryOptions();
  let ended = false;
  let nextDueMs = 0;
  return {
    interceptor: makeGrpcRetryInterceptor({
      retryableDecider: (attempt, status) => !ended && usual.retryableDecider(attempt, status),
      delayFunction(attempt, status) {
        const waitMs = Math.min(usual.delayFunction(attempt, status), LONGEST_WAIT_MS);
        nextDueMs = Math.max(nextDueMs, performance.now() + waitMs);
        return waitMs;
      },
    }),
    async end() {
      ended = true;
      const leftMs = nextDueMs + LEEWAY_MS - performance.now();
      if (leftMs > 0) await new Promise((resolve) => setTimeout(resolve, leftMs));
    },
  };
}
