import { randomUUID } from 'node:crypto';
import { fromHouse } from './house-variables.js';

export interface TestTemporal {
  /** host:port of the house's Temporal server. */
  readonly address: string;
  readonly namespace: string;
  /** The workflows as the house bundled them, for `startWorker`. */
  readonly workflowBundle: { readonly codePath: string };
}

/** The Temporal server that all test files share; each takes a task queue of its own. */
export function testTemporal(): TestTemporal {
  return { address: fromHouse('temporalAddress'), namespace: 'default', workflowBundle: { codePath: fromHouse('workflowBundle') } };
}

export function uniqueTaskQueue(purpose = 'test'): string {
  return `${purpose}-${randomUUID()}`;
}
