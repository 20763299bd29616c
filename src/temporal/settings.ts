import type { ConnectionOptions } from '@temporalio/client';
import type { NativeConnectionOptions } from '@temporalio/worker';

/** Where Temporal is; what client and worker have in common. */
export interface TemporalSettings {
  readonly address: string;
  readonly namespace: string;
  readonly tls: Exclude<ConnectionOptions['tls'], null> & NativeConnectionOptions['tls'];
  readonly apiKey: string | undefined;
}

export const taskQueue = 'latchkey';
/** The sealer's, which holds the signing key and nothing of the bank. */
export const sealTaskQueue = 'latchkey-seal';

/**
 * The queue of an institution's `sendUnlock` alone, where the rate of its PUTs is limited: beside the one of everything else.
 * Every worker polls that of each institution, so that a request which was accepted under a limit goes on also where the limit is gone.
 */
export function sendQueueBeside(queue: string, institutionId: string): string {
  return `${queue}-send-${institutionId}`;
}

/** The options by which both kinds of connection are made. */
export function connectionOptions({ address, tls, apiKey }: TemporalSettings) {
  return { address, ...(tls === undefined ? {} : { tls }), ...(apiKey === undefined ? {} : { apiKey }) };
}
