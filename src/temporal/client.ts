import { Client, Connection } from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import { connectionOptions, type TemporalSettings } from './settings.js';

export interface TemporalClient {
  readonly client: Client;
  readonly connection: Connection;
}

/**
 * Connects on first use, so that a front door can start while Temporal is away and say so.
 * @param dataConverter left out where no payload is read or written
 */
export function createTemporalClient(settings: TemporalSettings, dataConverter?: DataConverter): TemporalClient {
  const connection = Connection.lazy(connectionOptions(settings));
  const { namespace } = settings;
  return { connection, client: new Client({ connection, namespace, ...(dataConverter === undefined ? {} : { dataConverter }) }) };
}
