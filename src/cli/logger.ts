import { pino, type DestinationStream, type Logger } from 'pino';
import { sqlStateOf } from '../audit/failures.js';
import { CENSOR, redactedPaths } from './redaction.js';

interface LoggerSettings {
  readonly level: string;
  /** Where standard output is for people. */
  readonly toStderr: boolean;
  /** Takes out of a line, as it is written, what must not be read; the last to see it. */
  readonly redact: (line: string) => string;
  /** What each line says besides, as it is written; left out: nothing. */
  readonly besides?: (() => object) | undefined;
  /** Instead of standard output or error. */
  readonly destination?: DestinationStream;
}

/** Structured lines for machines, without secrets. */
export function createLogger({ level, toStderr, redact, besides, destination }: LoggerSettings): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      serializers: { err: errorInShort },
      redact: { paths: [...redactedPaths], censor: CENSOR },
      hooks: { streamWrite: redact },
      ...(besides === undefined ? {} : { mixin: besides }),
    },
    destination ?? pino.destination({ dest: toStderr ? 2 : 1, sync: true }),
  );
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
