import { isGrpcServiceError } from '@temporalio/client';

/** Statuses as gRPC numbers them. */
export const NOT_FOUND = 5;
export const ALREADY_EXISTS = 6;

/** True for an answer of Temporal's server with this status. */
export function hasCode(error: unknown, code: number): boolean {
  if (!isGrpcServiceError(error)) return false;
  const got: number = error.code;
  return got === code;
}
