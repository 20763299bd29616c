import type { z } from 'zod';
import type { Call, FrontDoor } from './front-door.js';

interface Page<Item> {
  readonly items: readonly Item[];
  readonly nextCursor: string | null;
}

interface Listing<Item> extends Pick<Call<unknown>, 'path' | 'scope' | 'signal'> {
  readonly door: FrontDoor;
  readonly filters: Readonly<Record<string, string | undefined>>;
  readonly answer: z.ZodType<Page<Item>>;
  /** How many items at most; null: all that there are. */
  readonly limit: number | null;
}

/** What the front door answers at most at once. */
const PAGE = 200;

/**
 * Items of a list, a page at a time.
 * @returns whether there are more, once it ends
 * @throws CallFailure
 */
export async function* pages<Item>({ door, filters, limit, path, ...call }: Listing<Item>): AsyncGenerator<readonly Item[], boolean> {
  let left = limit ?? Infinity;
  let cursor: string | null = null;
  for (;;) {
    const query = new URLSearchParams({ limit: String(Math.min(left, PAGE)) });
    for (const [name, value] of Object.entries(filters)) if (value !== undefined) query.set(name, value);
    if (cursor !== null) query.set('cursor', cursor);
    const { items, nextCursor }: Page<Item> = await door.ask({ ...call, path: `${path}?${query.toString()}` });
    yield items;
    left -= items.length;
    if (nextCursor === null) return false;
    if (left <= 0) return true;
    cursor = nextCursor;
  }
}

interface Telling<Item> {
  readonly pages: AsyncGenerator<readonly Item[], boolean>;
  readonly json: boolean;
  readonly write: (text: string) => Promise<void>;
  readonly note: (line: string) => void;
  /** All items at once, since columns are as wide as the widest of them. */
  readonly asTable: (items: readonly Item[]) => string;
  /** What is said where there is nothing. */
  readonly none: string;
}

/** Writes a list: NDJSON as it comes for programs, one table for people. */
export async function tell<Item>({ pages: coming, json, write, note, asTable, none }: Telling<Item>): Promise<void> {
  const all: Item[] = [];
  let page = await coming.next();
  for (; page.done !== true; page = await coming.next()) {
    if (json) await write(page.value.map((item) => `${JSON.stringify(item)}\n`).join(''));
    else all.push(...page.value);
  }
  if (!json && all.length > 0) await write(`${asTable(all)}\n`);
  if (!json && all.length === 0) note(none);
  if (page.value) note('there are more: --limit takes a higher number, --all takes them all');
}
