import { isGrpcServiceError } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';
import proto from '@temporalio/proto';
import { searchAttributeTypes } from '../domain/search-attribute-names.js';
import type { TemporalClient } from './client.js';

const { IndexedValueType } = proto.temporal.api.enums.v1;
const indexedValueTypes = { KEYWORD: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD, INT: IndexedValueType.INDEXED_VALUE_TYPE_INT } as const;

const ALREADY_EXISTS = 6;
const NOT_FOUND = 5;
const RETENTION = '30 days';
const VISIBLE_WITHIN_MS = 90_000;

/**
 * Makes what Latchkey needs of a Temporal server: the namespace (where it may), and the search attributes. What is there already is fine.
 * @throws Error where an attribute is registered with another type, or is not usable within 90 s
 */
export async function setUpTemporal(temporal: TemporalClient, say: (line: string) => void): Promise<void> {
  const { namespace } = temporal.client.options;
  await ensureNamespace(temporal, say);
  const present = await registered(temporal);
  const wrong = [...present].filter(([name, type]) => name in searchAttributeTypes && type !== wanted(name));
  if (wrong.length > 0) throw new Error(`search attributes are registered with another type: ${wrong.map(([name]) => name).join(', ')}`);
  const missing = Object.entries(searchAttributeTypes).filter(([name]) => !present.has(name));
  if (missing.length === 0) return;
  say(`registering search attributes: ${missing.map(([name]) => name).join(', ')}`);
  try {
    await temporal.connection.operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(missing.map(([name, type]) => [name, indexedValueTypes[type]])),
    });
  } catch (error) {
    if (!hasCode(error, ALREADY_EXISTS)) throw error;
  }
  const deadlineMs = Date.now() + VISIBLE_WITHIN_MS;
  for (;;) {
    const now = await registered(temporal);
    if (missing.every(([name]) => now.has(name))) return;
    if (Date.now() > deadlineMs) throw new Error('the search attributes were registered, but the server does not show them');
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

async function ensureNamespace({ client }: TemporalClient, say: (line: string) => void): Promise<void> {
  const { namespace } = client.options;
  try {
    await client.workflowService.describeNamespace({ namespace });
  } catch (error) {
    if (!hasCode(error, NOT_FOUND)) throw error;
    say(`creating the namespace ${namespace}`);
    await client.workflowService.registerNamespace({ namespace, workflowExecutionRetentionPeriod: msToTs(RETENTION) });
  }
}

async function registered({ client, connection }: TemporalClient): Promise<Map<string, number>> {
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace: client.options.namespace });
  return new Map(Object.entries(customAttributes));
}

function wanted(name: string): number | undefined {
  return new Map(Object.entries(searchAttributeTypes).map(([each, type]) => [each, indexedValueTypes[type]])).get(name);
}

function hasCode(error: unknown, code: number): boolean {
  return isGrpcServiceError(error) && Number(error.code) === code;
}
