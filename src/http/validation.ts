import type { z } from 'zod';
import { invalid, type InputFault } from './problem.js';

const prefixes = { body: '', query: '/query', header: '/header', path: '/path' } as const;
type Part = keyof typeof prefixes;

/**
 * Reads one part of a request.
 * @throws Problem `validation_failed` with every fault of that part
 */
export function parsePart<Schema extends z.ZodType>(part: Part, schema: Schema, value: unknown): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw invalid(parsed.error.issues.flatMap((issue) => faultsOf(issue, prefixes[part])));
}

/**
 * Reads the query; a parameter given twice is refused, because readers differ on which one counts.
 * @param search what follows the `?`
 * @throws Problem `validation_failed`
 */
export function parseQuery<Schema extends z.ZodType>(schema: Schema, search: string): z.output<Schema> {
  const parameters = new URLSearchParams(search);
  const names = [...parameters.keys()];
  const repeated = new Set(names.filter((name, index) => names.indexOf(name) !== index));
  if (repeated.size > 0) {
    throw invalid([...repeated].map((name) => ({ pointer: `/query/${escapePointer(name)}`, detail: 'is given more than once' })));
  }
  return parsePart('query', schema, Object.fromEntries(parameters));
}

function faultsOf(issue: z.core.$ZodIssue, prefix: string): InputFault[] {
  const at = [prefix, ...issue.path.map((step) => escapePointer(String(step)))].join('/');
  if (issue.code !== 'unrecognized_keys') return [{ pointer: at, detail: issue.message }];
  return issue.keys.map((key) => ({ pointer: `${at}/${escapePointer(key)}`, detail: 'is not known here: leave it out' }));
}

// RFC 6901; cut, because an unknown name is the caller's own and may be long.
function escapePointer(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1').slice(0, 100);
}
