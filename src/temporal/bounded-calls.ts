import {
  isGrpcServiceError,
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
  WorkflowNotFoundError,
  type Client,
} from '@temporalio/client';
import { TemporalUnavailableError } from './unlock-executions.js';

/** How long one call to Temporal may take, its retries included, in milliseconds. */
export const CALL_TIMEOUT_MS = 4_000;

/**
 * Makes one call to Temporal, whose client sets no deadline of its own.
 * @throws TemporalUnavailableError where no answer came; what says something of the workflow, as it came
 */
export async function callWithin<Result>(client: Client, timeoutMs: number, call: () => Promise<Result>): Promise<Result> {
  try {
    return await client.connection.withDeadline(Date.now() + timeoutMs, call);
  } catch (error) {
    throw isKnown(error) ? error : unavailable(error);
  }
}

/** Errors that say something of the workflow rather than of the way to Temporal. */
function isKnown(error: unknown): boolean {
  return (
    error instanceof WorkflowExecutionAlreadyStartedError || error instanceof WorkflowNotFoundError || error instanceof WorkflowFailedError
  );
}

function unavailable(error: unknown): TemporalUnavailableError {
  const code = isGrpcServiceError(error) ? `gRPC status ${error.code}` : error instanceof Error ? error.name : typeof error;
  return new TemporalUnavailableError(`Temporal did not answer (${code})`, { cause: error });
}
