import { createSecretKey, type KeyObject } from 'node:crypto';

/** The keys that payloads are encrypted with: the first encrypts, all of them decrypt. */
export interface PayloadKeys {
  readonly current: { readonly id: string; readonly key: KeyObject };
  find(id: string): KeyObject | undefined;
}

const ENTRY = /^([A-Za-z0-9_.-]{1,64}):([A-Za-z0-9+/_-]{43}=?)$/;
const KEY_BYTES = 32;

/**
 * Reads `id:key,id:key`, each key 32 bytes in base64 or base64url, the current one first. To rotate, put a new one in front and keep
 * the old ones for as long as histories live.
 * @throws TypeError naming the entry by its place, never by its value
 */
export function parsePayloadKeys(text: string): PayloadKeys {
  const keys = new Map<string, KeyObject>();
  const entries = text.split(',').map((entry) => entry.trim());
  for (const [index, entry] of entries.entries()) {
    const [, id, encoded] = ENTRY.exec(entry) ?? [];
    if (id === undefined || encoded === undefined) throw new TypeError(`entry ${index + 1} is not id:key with 32 bytes in base64`);
    const bytes = Buffer.from(encoded, 'base64');
    if (bytes.length !== KEY_BYTES) throw new TypeError(`entry ${index + 1} has a key of another length than 32 bytes`);
    if (keys.has(id)) throw new TypeError(`entry ${index + 1} has an id that an earlier one has`);
    keys.set(id, createSecretKey(bytes));
  }
  const [first] = keys;
  if (first === undefined) throw new TypeError('there is no key');
  const [id, key] = first;
  return { current: { id, key }, find: (wanted) => keys.get(wanted) };
}
