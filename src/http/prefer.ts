/** A caller may ask to be kept waiting, but not for longer than proxies commonly bear. */
export const MAX_WAIT_SECONDS = 60;

// RFC 7240: a preference, its value as token or quoted string, its parameters (of which none means anything here).
const WAIT = /^wait\s*=\s*(?:"(\d+)"|(\d+))\s*(?:;.*)?$/i;

/**
 * Reads `Prefer: wait=N` (RFC 7240); the first of several counts.
 * @returns seconds, capped at 60; null where no such preference can be read: preferences are hints, so nothing is refused
 */
export function preferredWaitSeconds(header: string | readonly string[] | undefined): number | null {
  if (header === undefined) return null;
  const preferences = [header].flat().join(',').split(',');
  for (const preference of preferences) {
    const found = WAIT.exec(preference.trim());
    if (found !== null) return Math.min(Number(found[1] ?? found[2]), MAX_WAIT_SECONDS);
  }
  return null;
}
