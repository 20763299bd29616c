/** The most of these moments that fall into one window of this length, wherever it begins; in milliseconds. */
export function peakWithin(windowMs: number, moments: readonly number[]): number {
  const sorted = [...moments].sort((one, other) => one - other);
  let first = 0;
  let peak = 0;
  for (const [index, moment] of sorted.entries()) {
    while (moment - (sorted[first] ?? moment) >= windowMs) first += 1;
    peak = Math.max(peak, index - first + 1);
  }
  return peak;
}
