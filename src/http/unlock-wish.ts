import type { UnlockRequest } from '../domain/unlock-request.js';
import { invalid } from './problem.js';
import type { AuthenticatedCall } from './route.js';
import { rulesOf, type HttpSettings } from './settings.js';

/** What a caller asks for, as the body says it. */
export interface UnlockWish {
  readonly customerId: string;
  readonly reason?: string | null | undefined;
  readonly reasonCode?: string | null | undefined;
  readonly ticket?: string | null | undefined;
  readonly onBehalfOf?: string | null | undefined;
}

type From = Pick<AuthenticatedCall, 'caller' | 'source'>;

/** What a caller asks for, as the workflow takes it; the budget counts from now. */
export function unlockRequest(call: From, wish: UnlockWish & { readonly correlationId: string }, settings: HttpSettings): UnlockRequest {
  const { deadlineMs, ...limits } = settings.budget;
  const { institutionId } = call.caller;
  const { sendQueue, relockWatchMs, repeatGuard } = rulesOf(settings, institutionId);
  const now = Date.now();
  return {
    correlationId: wish.correlationId,
    institutionId,
    customerId: wish.customerId,
    actor: { ...call.caller.actor, onBehalfOf: wish.onBehalfOf ?? null },
    reason: wish.reason ?? null,
    reasonCode: wish.reasonCode ?? null,
    ticket: wish.ticket ?? null,
    source: call.source,
    requestedAt: new Date(now).toISOString(),
    budget: { ...limits, deadlineAt: new Date(now + deadlineMs).toISOString() },
    sendQueue,
    relockWatchMs,
    repeatGuard,
    notifyCaller: hasWebhook(call, settings),
  };
}

function hasWebhook({ caller }: From, { webhookCallers = [] }: HttpSettings): boolean {
  const { clientId } = caller.actor;
  return webhookCallers.some((each) => each.institutionId === caller.institutionId && each.clientId === clientId);
}

/**
 * Holds that only a service names a human behind it.
 * @throws Problem `validation_failed`
 */
export function refuseUserOnBehalf({ caller }: Pick<AuthenticatedCall, 'caller'>, onBehalfOf: string | null | undefined): void {
  if (typeof onBehalfOf !== 'string' || caller.actor.type !== 'user') return;
  throw invalid([{ pointer: '/onBehalfOf', detail: 'is for service tokens: a user acts for themselves' }]);
}
