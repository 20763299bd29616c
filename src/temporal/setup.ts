import { msToTs } from '@temporalio/common/lib/time.js';
import proto from '@temporalio/proto';
import { searchAttributeTypes } from '../domain/search-attribute-names.js';
import type { TemporalClient } from './client.js';
import { ALREADY_EXISTS, hasCode, NOT_FOUND } from './grpc-code.js';
import { scheduleReconciler, scheduleSealer } from './schedules.js';

const { IndexedValueType } = proto.temporal.api.enums.v1;
const indexedValueTypes = { KEYWORD: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD, INT: IndexedValueType.INDEXED_VALUE_TYPE_INT } as const;
const wanted = new Map(Object.entries(searchAttributeTypes).map(([name, type]) => [name, indexedValueTypes[type]]));

const RETENTION = '30 days';
/** A server's caches learn of a new namespace or attribute by and by. */
const VISIBLE_WITHIN_MS = 90_000;
const LOOK_AGAIN_MS = 250;

interface SetUpWishes {
  /** How often the reconciler looks. */
  readonly reconcileIntervalMs: number;
  readonly say: (line: string) => void;
}

/**
 * Makes what Latchkey needs of a Temporal server: the namespace (where it may), the search attributes, and the schedules of reconciler and sealer.
 * What is there already is fine.
 * @throws Error where an attribute is registered with another type, or is not usable within 90 s
 */
export async function setUpTemporal(temporal: TemporalClient, { reconcileIntervalMs, say }: SetUpWishes): Promise<void> {
  await ensureNamespace(temporal, say);
  await ensureSearchAttributes(temporal, say);
  await eventuallyFound(async () => {
    await scheduleReconciler(temporal.client, { intervalMs: reconcileIntervalMs });
    await scheduleSealer(temporal.client);
    return true;
  });
}

async function ensureSearchAttributes(temporal: TemporalClient, say: (line: string) => void): Promise<void> {
  const present = await eventuallyFound(() => registered(temporal));
  const wrong = [...wanted].filter(([name, type]) => present.has(name) && present.get(name) !== type).map(([name]) => name);
  if (wrong.length > 0) throw new Error(`search attributes are registered with another type: ${wrong.join(', ')}`);
  const missing = [...wanted].filter(([name]) => !present.has(name));
  if (missing.length === 0) return;
  say(`registering search attributes: ${missing.map(([name]) => name).join(', ')}`);
  const { namespace } = temporal.client.options;
  const added = temporal.connection.operatorService.addSearchAttributes({ namespace, searchAttributes: Object.fromEntries(missing) });
  await added.catch((error: unknown) => {
    if (!hasCode(error, ALREADY_EXISTS)) throw error;
  });
  await eventuallyFound(async () => {
    const now = await registered(temporal);
    return missing.every(([name]) => now.has(name)) ? now : null;
  });
}

async function ensureNamespace({ client }: TemporalClient, say: (line: string) => void): Promise<void> {
  const { namespace } = client.options;
  try {
    await client.workflowService.describeNamespace({ namespace });
  } catch (error) {
    if (!hasCode(error, NOT_FOUND)) throw error;
    say(`creating the namespace ${namespace} (some seconds)`);
    await client.workflowService.registerNamespace({ namespace, workflowExecutionRetentionPeriod: msToTs(RETENTION) });
  }
}

async function registered({ client, connection }: TemporalClient): Promise<Map<string, number>> {
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace: client.options.namespace });
  return new Map(Object.entries(customAttributes));
}

/** Looks until there is something to see; what the server does not know yet it may know soon. */
async function eventuallyFound<Found>(look: () => Promise<Found | null>): Promise<Found> {
  const deadlineMs = performance.now() + VISIBLE_WITHIN_MS;
  for (;;) {
    const found = await look().catch((error: unknown) => {
      if (!hasCode(error, NOT_FOUND) || performance.now() > deadlineMs) throw error;
      return null;
    });
    if (found !== null) return found;
    if (performance.now() > deadlineMs) throw new Error('the search attributes were registered, but the server does not show them');
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
}
