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
        process.exit(signalExitCode(signal));
      }
    };
    process.on('SIGINT', heard);
    process.on('SIGTERM', heard);
  });
}

/** What a process ends with that a signal ended. */
export function signalExitCode(signal: NodeJS.Signals): number {
  return ENDED_BY_SIGNAL + constants.signals[signal];
}

/** A signal stops the watching: what is watched goes on. */
export interface Interruption {
  readonly signal: AbortSignal;
  /** What the command ends with once it was told to stop. */
  readonly exitCode: () => number;
}

export function untilInterrupted(): Interruption {
  const stopping = new AbortController();
  let told: NodeJS.Signals = 'SIGINT';
  void untilToldToStop(() => undefined).then((signal) => {
    told = signal;
    stopping.abort();
  });
  return { signal: stopping.signal, exitCode: () => signalExitCode(told) };
}
