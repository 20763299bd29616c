import type { AuditLog } from '../src/audit/audit-log.js';
import { auditEventId } from '../src/audit/event-id.js';
import { notifyWorkflowId, unlockCompleted, type Notification, type NotificationEnd } from '../src/domain/notification.js';
import type { Observer } from '../src/domain/observer.js';
import { waitMs } from '../src/domain/retry-after.js';
import { unlockRecord } from '../src/domain/unlock-record.js';
import type { Delivery, Webhooks } from '../src/webhooks/index.js';
import type { Execution } from './execution.js';
import { tellAgain } from './failures.js';

interface Parts {
  readonly audit: AuditLog;
  readonly observer: Observer;
  readonly webhooks?: Webhooks;
}

/** Milliseconds. What a receiver asks for beyond the longest is not waited for. */
const intervals = { initialIntervalMs: 1_000, maxIntervalMs: 3_600_000, retryAfterMaxMs: 3_600_000 };
/** A request that is about to end is looked at again within a minute. */
const END_COMES_WITHIN_MS = 60_000;
/** Of the statuses that say no: these mean "not now" (RFC 9110, RFC 8470, RFC 6585). */
const NOT_NOW = new Set([408, 425, 429]);

/**
 * Makes one try to tell a request's caller how it ended, as the audit log has it.
 * @returns how telling it ended; null where that stands on record already
 * @throws ApplicationFailure where it is to be tried again
 */
export async function deliverWebhook(
  { audit, observer, webhooks }: Parts,
  { correlationId, institutionId }: Notification,
  { activityAttempt: tries }: Execution,
): Promise<NotificationEnd | null> {
  const { events } = await audit.eventsOf(correlationId, institutionId);
  if (events.some(({ action }) => action === 'customer.unlock.notified')) return null;
  const { requested, completed, attempts } = unlockRecord(events);
  const message = completed && unlockCompleted(completed, attempts.length);
  const again = (message: string, told: Partial<Again> = {}) => {
    const { httpStatus = null, host = null, retryAfterMs = null, longestMs = intervals.maxIntervalMs } = told;
    const delayMs = waitMs(
      { kind: 'back_off', failures: tries - 1, retryAfterMs },
      { ...intervals, maxIntervalMs: longestMs },
      Math.random(),
    );
    return tellAgain({ message, delayMs, lastTry: { tries, httpStatus, host } });
  };
  if (message === null) throw again('the request has not ended yet', { longestMs: END_COMES_WITHIN_MS });
  const clientId = requested?.metadata.clientId;
  const webhook = typeof clientId === 'string' ? webhooks?.of(institutionId, clientId) : null;
  // Another worker may know it, or this one after its next start.
  if (!webhook) throw again('this worker knows no webhook of the caller');

  const { host } = webhook;
  const delivery = await webhook.send({ id: webhookId(correlationId), body: JSON.stringify(message) });
  if (delivery.kind === 'answered') {
    const { httpStatus } = delivery;
    if (httpStatus >= 200 && httpStatus <= 299) return { result: 'delivered', tries, httpStatus, host };
    if (isRefusal(httpStatus)) return { result: 'refused', tries, httpStatus, host };
  }
  observer.tellingCallerFailed();
  throw again(`the receiver at ${host}: ${inWords(delivery)}`, { ...delivery, host });
}

interface Again {
  readonly httpStatus: number | null;
  readonly host: string | null;
  readonly retryAfterMs: number | null;
  readonly longestMs: number;
}

/** By which receivers know a message again: the id of the event that will tell what became of it. */
export function webhookId(correlationId: string): string {
  return auditEventId(notifyWorkflowId(correlationId), 'customer.unlock.notified', 'once');
}

function isRefusal(httpStatus: number): boolean {
  return httpStatus >= 400 && httpStatus <= 499 && !NOT_NOW.has(httpStatus);
}

function inWords(delivery: Delivery): string {
  return delivery.kind === 'answered' ? `answered ${delivery.httpStatus}` : delivery.reason;
}
