import { Client, Connection } from '@temporalio/client';
import { connectionOptions, type TemporalSettings } from './settings.js';

export interface TemporalClient {
  readonly client: Client;
  readonly connection: Connection;
}

/** Connects on first use, so that a front door can start while Temporal is away and say so. */
export function createTemporalClient(settings: TemporalSettings): TemporalClient {
  const connection = Connection.lazy(connectionOptions(settings));
  return { connection, client: new Client({ connection, namespace: settings.namespace }) };
}
