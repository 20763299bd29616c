import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import * as z from 'zod';
import { bankCallSchema, type BankCall } from './call-log.js';
import type { Customer, CustomerChange } from './customers.js';
import { customerIdSchema, stateSchema, stepSchema } from './script.js';

const customerSchema = z.strictObject({ state: stateSchema, script: z.array(stepSchema) });
const entrySchema = z.discriminatedUnion('kind', [
  // Null: back to the start.
  z.strictObject({ kind: z.literal('customer'), at: z.string(), customerId: customerIdSchema, customer: customerSchema.nullable() }),
  z.strictObject({ kind: z.literal('call'), at: z.string(), call: bankCallSchema }),
]);
type Entry = z.output<typeof entrySchema>;

/**
 * What a sandbox keeps beyond its own end, SIGKILL included: one line of JSON for each change, on the file before anything of it is answered.
 * A call is written at arrival, when it is applied and when it is over; the line that says it was applied is also the one that says that
 * its customer is unlocked, so that no end of the process can come between the two.
 */
export interface Journal {
  customer(customerId: string, customer: Customer | null): void;
  call(call: BankCall): void;
  close(): void;
}

/** What an earlier sandbox left in its journal. */
export interface Kept {
  /** In the order in which they came. */
  readonly changes: readonly CustomerChange[];
  /** In order of arrival. */
  readonly calls: readonly BankCall[];
}

/**
 * Opens a journal, new or with what is in it; a last line that was cut short is left out.
 * @throws where the file cannot be read or written, or a line is none of a journal
 */
export function openJournal(path: string): { readonly journal: Journal; readonly kept: Kept } {
  const file = openSync(path, 'a+', 0o600);
  const text = readFileSync(path, 'utf8');
  const kept = keptIn(text.slice(0, text.lastIndexOf('\n') + 1));
  if (text !== '' && !text.endsWith('\n')) writeSync(file, '\n');
  const write = (entry: Entry): void => void writeSync(file, `${JSON.stringify(entry)}\n`);
  const at = (): string => new Date().toISOString();
  return {
    kept,
    journal: {
      customer: (customerId, customer) =>
        write({ kind: 'customer', at: at(), customerId, customer: customer && { ...customer, script: [...customer.script] } }),
      call: (call) => write({ kind: 'call', at: at(), call }),
      close: () => closeSync(file),
    },
  };
}

function keptIn(text: string): Kept {
  const changes: CustomerChange[] = [];
  const calls = new Map<number, BankCall>();
  for (const line of text.split('\n')) {
    const entry = entryIn(line);
    if (entry === null) continue;
    if (entry.kind === 'customer') {
      changes.push({ customerId: entry.customerId, becomes: entry.customer ?? 'as_at_first' });
      continue;
    }
    const { call } = entry;
    const isNewlyApplied = call.applied && calls.get(call.sequence)?.applied !== true;
    if (call.customerId !== null && isNewlyApplied) changes.push({ customerId: call.customerId, becomes: 'unlocked' });
    calls.set(call.sequence, call);
  }
  return { changes, calls: [...calls.values()] };
}

/** @returns null for an empty line, or one that a killed sandbox began and its successor ended */
function entryIn(line: string): Entry | null {
  if (line === '') return null;
  let entry: unknown;
  try {
    entry = JSON.parse(line);
  } catch {
    return null;
  }
  return entrySchema.parse(entry);
}
