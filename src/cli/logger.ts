import { pino, type Logger } from 'pino';
import { sqlStateOf } from '../audit/failures.js';

/**
 * Structured lines for machines.
 * @param toStderr where standard output is for people
 */
export function createLogger({ level, toStderr }: { readonly level: string; readonly toStderr: boolean }): Logger {
  const destination = pino.destination({ dest: toStderr ? 2 : 1, sync: true });
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime, serializers: { err: errorInShort } }, destination);
}

/** Names, types and codes alone, causes included: messages of a database quote the row that it refused. */
export function errorInShort(error: unknown): string {
  const named: string[] = [];
  for (let each = error; typeof each === 'object' && each !== null && named.length < 5; each = 'cause' in each ? each.cause : null) {
    const name = 'name' in each ? String(each.name) : 'object';
    const codes = ['type' in each ? each.type : null, 'code' in each ? each.code : null, sqlStateOf(each)];
    const told = new Set(codes.filter((code) => typeof code === 'string' || typeof code === 'number'));
    named.push(told.size === 0 ? name : `${name} (${[...told].join(', ')})`);
  }
  return named.length === 0 ? typeof error : named.join(' < ');
}
