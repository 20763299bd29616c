import { AuditConflictError } from '../audit/audit-log.js';
import { TemporalUnavailableError } from '../temporal/unlock-executions.js';
import { RETRY_AFTER_SECONDS } from './error-codes.js';
import { Problem } from './problem.js';

/**
 * Waits for the audit log; whatever it cannot do makes the front door unavailable, because nothing goes unrecorded.
 * @throws Problem 503; Problem and AuditConflictError as they came
 */
export async function fromAudit<T>(work: Promise<T>): Promise<T> {
  return work.catch((error: unknown) => {
    throw error instanceof AuditConflictError || error instanceof Problem
      ? error
      : unavailable('The audit log does not answer, or takes no rows.', error);
  });
}

/**
 * Waits for Temporal.
 * @throws Problem 503 where it does not answer; anything else as it came
 */
export async function fromTemporal<T>(work: Promise<T>): Promise<T> {
  return work.catch((error: unknown) => {
    throw error instanceof TemporalUnavailableError ? unavailable('Temporal does not answer.', error) : error;
  });
}

function unavailable(what: string, cause: unknown): Problem {
  return new Problem('temporarily_unavailable', {
    detail: `${what} Send the same request with the same correlationId again.`,
    headers: { 'retry-after': RETRY_AFTER_SECONDS },
    cause,
  });
}
