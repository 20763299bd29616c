import { pino, type Logger } from 'pino';

/**
 * Structured lines for machines.
 * @param toStderr where standard output is for people
 */
export function createLogger({ level, toStderr }: { readonly level: string; readonly toStderr: boolean }): Logger {
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination({ dest: toStderr ? 2 : 1, sync: true }));
}
