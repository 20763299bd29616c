import type { RepeatGuard } from './repeat-guard.js';

/** Who asked, as the verified token says; `onBehalfOf` is the human a service names, asserted and not verified. */
export interface Actor {
  readonly type: 'user' | 'service';
  readonly id: string;
  readonly name: string | null;
  readonly clientId: string | null;
  readonly onBehalfOf: string | null;
}

/** Where a request came from. */
export interface RequestSource {
  readonly component: string;
  readonly clientAddress: string | null;
  readonly userAgent: string | null;
}

/** How long and how often one unlock request may try; fixed when the request is accepted. */
export interface RetryBudget {
  readonly maxAttempts: number;
  readonly initialIntervalMs: number;
  readonly maxIntervalMs: number;
  readonly retryAfterMaxMs: number;
  /** The longest that one execution of an activity may take. */
  readonly activityTimeoutMs: number;
  /** RFC 3339; past it no PUT is sent. */
  readonly deadlineAt: string;
}

/** Which unlock request, and whom it is about. */
export interface UnlockSubject {
  readonly correlationId: string;
  readonly institutionId: string;
  readonly customerId: string;
}

/** One wish to unlock one customer: the input of the workflow `unlockCustomer`. */
export interface UnlockRequest extends UnlockSubject {
  readonly actor: Actor;
  readonly reason: string | null;
  readonly reasonCode: string | null;
  readonly ticket: string | null;
  readonly source: RequestSource;
  /** RFC 3339; when the front door took it. */
  readonly requestedAt: string;
  readonly budget: RetryBudget;
  /** The task queue by which its PUTs go, where their rate is limited; absent or null: each leaves as soon as it may. */
  readonly sendQueue?: string | null;
  /** How long after an unlock it is looked whether the customer is locked again, in milliseconds; absent or null: not at all. */
  readonly relockWatchMs?: number | null;
  /** When a second person must approve it; absent or null: never. */
  readonly repeatGuard?: RepeatGuard | null;
  /** Whether its caller is told, by a workflow of its own, that it has ended; absent: it is not. */
  readonly notifyCaller?: boolean;
}

const GUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/**
 * Reads a correlationId: any GUID, whatever its version bits, lower-cased so that two spellings are one request.
 * @returns null where the text is no GUID
 */
export function parseCorrelationId(text: string): string | null {
  return GUID.test(text) ? text.toLowerCase() : null;
}

/** The id of the workflow that carries an unlock request. */
export function unlockWorkflowId(correlationId: string): string {
  return `unlock-${correlationId}`;
}
