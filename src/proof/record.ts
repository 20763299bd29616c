import { canonicalize } from './canonical-json.js';

/** Where a row stands in the table, and which transaction wrote it. */
const UNRECORDED = new Set(['position', 'xid']);

// A time of day has a colon before digits, but no quote before the colon.
const mayBeInexact = /(?:"\s*:|[[,])\s*-?(?:\d{16,}|\d+[.eE])/;
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
 * @param row the row as Postgres writes it as JSON, times in UTC; of its columns `position` and `xid` are no part of the record
 * @throws SyntaxError where it is no JSON
 */
export function recordOf(row: string): string {
  const columns: unknown = JSON.parse(keepDigits(row));
  if (!isObject(columns)) throw new SyntaxError('a row is an object');
  const { names, areUnruly } = columnsOf(columns);
  if (areUnruly) return canonicalize(Object.fromEntries(names.map((name) => [name, columns[name]]).filter(([, value]) => value !== null)));
  const record: Record<string, unknown> = {};
  let isPlain = true;
  for (const name of names) {
    const value = columns[name];
    if (value === null) continue;
    if (typeof value === 'object' && isPlain) isPlain = !isUnruly(value);
    record[name] = typeof value === 'object' && isPlain ? inOrder(value) : value;
  }
  // Primitives are written as JSON.stringify writes them (RFC 8785, 3.2.2), so that with its keys in order a value writes itself: several times
  // as fast as the library, which is asked where an object would put its keys into another order.
  return isPlain ? JSON.stringify(record) : canonicalize(record);
}

interface Columns {
  /** Those that are recorded, in canonical order. */
  readonly names: readonly string[];
  readonly areUnruly: boolean;
}

let lastKeys: readonly string[] = [];
let lastColumns: Columns = { names: [], areUnruly: false };

/** Row after row has the same columns: their order is found once. */
function columnsOf(row: object): Columns {
  const keys = Object.keys(row);
  if (keys.length !== lastKeys.length || keys.some((key, index) => key !== lastKeys[index])) {
    const names = keys.filter((key) => !UNRECORDED.has(key)).sort();
    lastColumns = { names, areUnruly: isUnruly(Object.fromEntries(names.map((name) => [name, null]))) };
    lastKeys = keys;
  }
  return lastColumns;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Keys that JavaScript puts before all others, or takes for something else, begin with a digit or an underscore. */
const [ZERO, NINE, UNDERSCORE] = [48, 57, 95];

function isUnruly(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(isUnruly);
  if (!isObject(value)) return false;
  for (const key of Object.keys(value)) {
    const first = key.charCodeAt(0);
    if ((first >= ZERO && first <= NINE) || first === UNDERSCORE) return true;
    const each = value[key];
    if (typeof each === 'object' && isUnruly(each)) return true;
  }
  return false;
}

function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  if (!isObject(value)) return value;
  const ordered: Record<string, unknown> = {};
  for (const key of Object.keys(value).sort()) {
    const each = value[key];
    ordered[key] = typeof each === 'object' ? inOrder(each) : each;
  }
  return ordered;
}
