const PASSED_ON_TWICE_MS = 1_000;
const KILLED_BY_SIGINT = 130;

/**
 * Resolves at the first SIGINT or SIGTERM. A second one at least a second later ends the process at once:
 * npm passes the first one on twice, and that must not cut an orderly stop short.
 */
export function untilToldToStop(onSecond: () => void): Promise<NodeJS.Signals> {
  let firstMs: number | undefined;
  return new Promise((resolve) => {
    const heard = (signal: NodeJS.Signals) => {
      if (firstMs === undefined) {
        firstMs = performance.now();
        resolve(signal);
      } else if (performance.now() - firstMs >= PASSED_ON_TWICE_MS) {
        onSecond();
        process.exit(KILLED_BY_SIGINT);
      }
    };
    process.on('SIGINT', heard);
    process.on('SIGTERM', heard);
  });
}
