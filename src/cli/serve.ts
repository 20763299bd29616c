import type { Logger } from 'pino';
import type { Config, Part } from '../config.js';
import type { Tracing } from '../tracing/index.js';
import { createClosers, type Closers } from './closers.js';
import { createLogger } from './logger.js';
import { untilToldToStop } from './signals.js';
import { stopWithin } from './stopping.js';
import { openTracing } from './tracing.js';

export interface Service {
  /** Settles when the service ends by itself, which it should not. */
  readonly ended: Promise<void>;
}

/** For a service that ends only when it is told to. */
export const forever: Service = { ended: new Promise(() => undefined) };

/** What a service is started with. */
export interface ServiceParts {
  readonly config: Config;
  readonly log: Logger;
  readonly closers: Closers;
  readonly signal: AbortSignal;
  readonly tracing: Tracing | null;
}

/** The parts by which an unlock goes; what the others do belongs to no request. */
const traced: readonly Part[] = ['up', 'api', 'worker'];

interface Serving {
  readonly part: Part;
  readonly config: Config;
  readonly redact: (line: string) => string;
}

/** Runs a service until a signal ends it, or it fails; stops what it started in order. */
export async function serve({ part, config, redact }: Serving, start: (parts: ServiceParts) => Promise<Service>): Promise<void> {
  const tellLost = (error: unknown) => log.warn({ err: error }, 'traces could not be sent and are lost');
  const tracing = traced.includes(part) ? await openTracing(config, part, tellLost) : null;
  const log = createLogger({
    level: part === 'up' && process.env.LOG_LEVEL === undefined ? 'warn' : config.LOG_LEVEL,
    toStderr: part === 'up',
    redact,
    besides: tracing?.logFields,
  });
  const closers = createClosers((name, error) => log.error({ err: error }, `stopping: ${name}`));
  if (tracing !== null) closers.add('traces', () => tracing.stop());
  const stopping = new AbortController();
  const told = untilToldToStop(() => closers.killAll()).then(() => stopping.abort());
  let failure: Error | undefined;
  try {
    // Also with a signal the start runs to its end: only then all that it started is known.
    const service = await start({ config, log, closers, signal: stopping.signal, tracing });
    const ended = service.ended.then(() => {
      if (!stopping.signal.aborted) throw new Error('the worker stopped by itself');
    });
    await Promise.race([told, ended]);
  } catch (error) {
    if (!stopping.signal.aborted) failure = error instanceof Error ? error : new Error(String(error));
  }
  await stopWithin(closers, config.SHUTDOWN_LIMIT_MS);
  if (failure !== undefined) throw failure;
  process.exit(0);
}
