/** `09:30:01Z`: within one request the day is known. */
export function clock(time: string): string {
  return `${new Date(time).toISOString().slice(11, 19)}Z`;
}

/** `2026-01-31 09:30:01Z`, or with milliseconds. */
export function moment(time: string, { precise = false }: { readonly precise?: boolean } = {}): string {
  const [day = '', rest = ''] = new Date(time).toISOString().split('T');
  return `${day} ${precise ? rest : `${rest.slice(0, 8)}Z`}`;
}

/** A length of time as people say it: two units at most. */
export function span(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 10_000) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`;
  return wholeSpan(ms);
}

/** The same for countdowns: never less than a second. */
export function wholeSpan(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return seconds % 60 === 0 ? `${minutes} min` : `${minutes} min ${seconds % 60} s`;
  const hours = Math.floor(minutes / 60);
  return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
}
