import { Client, Connection } from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import { createRetries } from './retries.js';
import { connectionOptions, type TemporalSettings } from './settings.js';
import type { TemporalTracing } from './tracing.js';

export interface TemporalClient {
  readonly client: Client;
  readonly connection: Connection;
  /** Resolves once nothing of it is left, also while Temporal is away and calls are being retried. */
  close(): Promise<void>;
}

/**
 * Connects on first use, so that a front door can start while Temporal is away and say so.
 * @param dataConverter left out where no payload is read or written
 * @param tracing left out where nothing is traced
 */
export function createTemporalClient(settings: TemporalSettings, dataConverter?: DataConverter, tracing?: TemporalTracing): TemporalClient {
  const retries = createRetries();
  const connection = Connection.lazy({ ...connectionOptions(settings), interceptors: [retries.interceptor] });
  const { namespace } = settings;
  return {
    connection,
    client: new Client({
      connection,
      namespace,
      ...(dataConverter === undefined ? {} : { dataConverter }),
      ...(tracing === undefined ? {} : { interceptors: tracing.client }),
    }),
    async close() {
      await retries.end();
      await connection.close();
    },
  };
}
