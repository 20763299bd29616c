/** A history as text to search in, its payloads' bytes read as UTF-8. */
export function historyText(history: object): string {
  return JSON.stringify(history, (_key, value: unknown) => (value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : value));
}
