import canonicalizeModule from 'canonicalize';
import { z } from 'zod';

// The package is CommonJS and its types speak of a default export that it does not have.
const canonicalize = z.custom<(value: unknown) => string>((value) => typeof value === 'function').parse(canonicalizeModule);

const mayBeInexact = /[:[,] ?-?(?:\d{16,}|\d+[.eE])/;
const stringsAndNumbers = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g;

/** A number that a double does not hold digit for digit stands as a string that Postgres cannot hold, so that no two rows look the same. */
function keepDigits(text: string): string {
  if (!mayBeInexact.test(text)) return text;
  return text.replace(stringsAndNumbers, (token) =>
    token.startsWith('"') || JSON.stringify(Number(token)) === token ? token : `"\\u0000${token}"`,
  );
}

/**
 * What is sealed of a row: its columns in RFC 8785 canonical JSON, those that are null left out, so that a later column changes no older record.
 * @param row the row as Postgres writes it as JSON, without `position` and `xid`, times in UTC
 * @throws SyntaxError where it is no JSON
 */
export function recordOf(row: string): string {
  const columns: unknown = JSON.parse(keepDigits(row));
  if (typeof columns !== 'object' || columns === null) throw new SyntaxError('a row is an object');
  return canonicalize(Object.fromEntries(Object.entries(columns).filter(([, value]) => value !== null)));
}
