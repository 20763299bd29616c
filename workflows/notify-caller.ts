import {
  ActivityCancellationType,
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  proxyActivities,
  setCurrentDetails,
  TimeoutFailure,
} from '@temporalio/workflow';
import type { Activities, LastTry } from '../activities/contract.js';
import type { Notification, NotificationEnd } from '../src/domain/notification.js';

const THREE_DAYS_MS = 3 * 24 * 3_600_000;

/** Tells a request's caller that it has ended, and records what came of that. The activity says how long to wait between tries. */
export async function notifyCaller(notification: Notification): Promise<NotificationEnd | null> {
  setCurrentDetails('Telling the caller that the request has ended.');
  const end = await deliver(notification);
  // What became of it stands on record.
  if (end === null) return null;
  setCurrentDetails(
    `**${end.result}** after ${end.tries} tries${end.httpStatus === null ? '' : `; the last answer was ${end.httpStatus}`}`,
  );
  const { recordNotified } = proxyActivities<Activities>({
    startToCloseTimeout: '1 minute',
    heartbeatTimeout: '10 seconds',
    retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '1 minute' },
    summary: 'Record whether the caller was told',
  });
  await CancellationScope.nonCancellable(() => recordNotified(notification, end));
  return end;
}

async function deliver(notification: Notification): Promise<NotificationEnd | null> {
  const { deliverWebhook } = proxyActivities<Activities>({
    startToCloseTimeout: '1 minute',
    scheduleToCloseTimeout: notification.giveUpAfterMs ?? THREE_DAYS_MS,
    heartbeatTimeout: '10 seconds',
    retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '1 hour' },
    // A message that is out is waited for.
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    summary: 'Tell the caller',
  });
  try {
    return await deliverWebhook(notification);
  } catch (error) {
    // A failure that follows a request to cancel is not tried again: it arrives as a failure.
    const result = CancellationScope.current().consideredCancelled ? 'stopped' : 'given_up';
    return { result, ...lastTryIn(error) };
  }
}

/** What the last try left behind, however deep; one that was cut off left nothing. */
function lastTryIn(error: unknown): LastTry {
  const nothing = { tries: 0, httpStatus: null, host: null };
  if (error instanceof ActivityFailure || error instanceof TimeoutFailure) return lastTryIn(error.cause);
  if (!(error instanceof ApplicationFailure)) return nothing;
  const details: unknown = error.details?.[0];
  if (typeof details !== 'object' || details === null) return nothing;
  const { tries, httpStatus, host }: { tries?: unknown; httpStatus?: unknown; host?: unknown } = details;
  return {
    tries: typeof tries === 'number' ? tries : 0,
    httpStatus: typeof httpStatus === 'number' ? httpStatus : null,
    host: typeof host === 'string' ? host : null,
  };
}
