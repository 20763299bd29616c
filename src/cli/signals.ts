import { constants } from 'node:os';

const PASSED_ON_TWICE_MS = 1_000;
/** By convention the exit code of a process that a signal ended is this and the signal's number. */
const ENDED_BY_SIGNAL = 128;

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
        process.exit(ENDED_BY_SIGNAL + constants.signals[signal]);
      }
    };
    process.on('SIGINT', heard);
    process.on('SIGTERM', heard);
  });
}
