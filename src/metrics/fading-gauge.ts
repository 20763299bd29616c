import { Gauge, type Registry } from 'prom-client';

interface FadingGaugeParts {
  readonly name: string;
  readonly help: string;
  readonly registers: Registry[];
}

/** Some runs of the reconciler, at its usual interval. */
const HOLDS_MS = 300_000;

/**
 * A gauge of what one of several processes finds out for all of them, now this one, now that: where it was told nothing for some minutes it
 * tells nothing, so that no process goes on with what was so when its turn came last.
 */
export function createFadingGauge(parts: FadingGaugeParts): { set(value: number): void } {
  let toldMs = -Infinity;
  const gauge: Gauge = new Gauge({
    ...parts,
    collect: () => {
      if (performance.now() - toldMs > HOLDS_MS) gauge.remove();
    },
  });
  return {
    set(value) {
      toldMs = performance.now();
      gauge.set(value);
    },
  };
}
