import type { UnlockRequest } from '../domain/unlock-request.js';
import type { AuthenticatedCall } from './route.js';
import type { HttpSettings } from './settings.js';

interface Wish {
  readonly correlationId: string;
  readonly customerId: string;
  readonly reason?: string | null | undefined;
  readonly reasonCode?: string | null | undefined;
  readonly ticket?: string | null | undefined;
  readonly onBehalfOf?: string | null | undefined;
}

type From = Pick<AuthenticatedCall, 'caller' | 'source'>;

/** What a caller asks for, as the workflow takes it; the budget counts from now. */
export function unlockRequest(call: From, wish: Wish, { budget }: Pick<HttpSettings, 'budget'>): UnlockRequest {
  const { deadlineMs, ...limits } = budget;
  const now = Date.now();
  return {
    correlationId: wish.correlationId,
    institutionId: call.caller.institutionId,
    customerId: wish.customerId,
    actor: { ...call.caller.actor, onBehalfOf: wish.onBehalfOf ?? null },
    reason: wish.reason ?? null,
    reasonCode: wish.reasonCode ?? null,
    ticket: wish.ticket ?? null,
    source: call.source,
    requestedAt: new Date(now).toISOString(),
    budget: { ...limits, deadlineAt: new Date(now + deadlineMs).toISOString() },
  };
}
