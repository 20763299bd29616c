import { setImmediate } from 'node:timers/promises';
import type pg from 'pg';
import { z } from 'zod';
import type { GrowingTree } from '../proof/merkle-tree.js';
import { leafHash, type Hash } from '../proof/merkle-tree.js';
import { recordOf } from '../proof/record.js';
import { KEPT_HEIGHTS } from '../proof/subtrees.js';
import type { TrustedCheckpoint } from './verify-checkpoints.js';
import type { Findings } from './verify-report.js';

/** What is read of one leaf and its row; not parsed one by one, because a million of them are to be read in seconds. */
interface Leaf {
  readonly index: string;
  readonly event_id: string;
  readonly hash: Buffer;
  readonly record: string | null;
  readonly recorded_ms: number | null;
  readonly xid: string | null;
  readonly position: string | null;
}
const hashes = z.array(z.object({ key: z.string(), hash: z.instanceof(Uint8Array) }));

export interface LogToVerify {
  readonly treeId: number;
  readonly origin: string;
  /** Smallest first. */
  readonly checkpoints: readonly TrustedCheckpoint[];
  /** Where it is gone on from. */
  readonly tree: GrowingTree;
  /** Leaves that the table has, or should have. */
  readonly size: number;
}

export interface LogReading {
  readonly client: pg.ClientBase;
  readonly findings: Findings;
  readonly pageSize: number;
  readonly toleranceMs: number;
  /** Told how many leaves were read since the last time. */
  readonly onLeaves: (count: number) => void;
}

export interface LogRead {
  readonly tree: GrowingTree;
  /** When the newest row was recorded, in milliseconds since the epoch; null without any. */
  readonly newestMs: number | null;
  readonly publishedMatched: number;
  readonly publishedUpTo: number | null;
}

const HEADS_SQL = 'SELECT size::text AS key, root AS hash FROM audit_tree_head WHERE tree_id = $1 AND size > $2 AND size <= $3';
const NODES_SQL = `
  SELECT n.height || '/' || n.index AS key, n.hash FROM audit_node n
  JOIN unnest($2::integer[], $3::bigint[]) AS wanted (height, index) USING (height, index) WHERE n.tree_id = $1`;
const PAGE_SQL = `
  SELECT l.index, l.event_id, l.hash, row_to_json(e)::text AS record,
    (extract(epoch FROM e.recorded_at) * 1000)::float8 AS recorded_ms, e.xid::text AS xid, e.position
  FROM audit_leaf l LEFT JOIN audit_event e ON e.id = l.event_id
  WHERE l.tree_id = $1 AND l.index >= $2 AND l.index < $3 ORDER BY l.index`;

/** Computes a log anew from its rows; what is stored besides only says where a difference is, never that there is none. */
export async function readLog(log: LogToVerify, reading: LogReading): Promise<LogRead> {
  const { tree, size } = log;
  const query = inTurn(reading.client);
  const checks = createChecks(log, reading, query);
  let page = tree.size < size ? fetchPage(log, reading, query, tree.size) : null;
  while (page !== null) {
    const { rows, heads } = await page;
    checks.expect(heads);
    const end = Math.min(tree.size + reading.pageSize, size);
    // The next page is on its way while this one is hashed.
    page = end < size ? fetchPage(log, reading, query, end) : null;
    page?.catch(() => undefined);
    // Until the loop below lets go nothing is sent.
    await setImmediate();
    let next = tree.size;
    for (const leaf of rows) {
      const index = Number(leaf.index);
      for (; next < index; next += 1) checks.missing(next);
      checks.leaf(leaf, index);
      next = index + 1;
    }
    for (; next < end; next += 1) checks.missing(next);
    await checks.nodes();
    reading.onLeaves(rows.length);
  }
  return checks.end();
}

interface Page {
  readonly rows: readonly Leaf[];
  /** Roots by size, as the sealer kept them. */
  readonly heads: ReadonlyMap<number, Hash>;
}

async function fetchPage({ treeId }: LogToVerify, { pageSize }: LogReading, query: Query, from: number): Promise<Page> {
  const values = [treeId, from, from + pageSize];
  const rows = await query<Leaf>('verify_page', PAGE_SQL, values);
  const heads = await query<Record<string, unknown>>('verify_heads', HEADS_SQL, values);
  return { rows, heads: new Map(hashes.parse(heads).map(({ key, hash }) => [Number(key), Buffer.from(hash)])) };
}

type Query = <Row extends pg.QueryResultRow>(name: string, text: string, values: unknown[]) => Promise<Row[]>;

/** A connection does one thing at a time: the next page is asked for while others still ask. */
function inTurn(client: pg.ClientBase): Query {
  let last: Promise<unknown> = Promise.resolve();
  return async <Row extends pg.QueryResultRow>(name: string, text: string, values: unknown[]) => {
    const turn = last.then(() => client.query<Row>({ name, text, values }));
    last = turn.catch(() => undefined);
    return (await turn).rows;
  };
}

function createChecks({ treeId, origin, checkpoints, tree }: LogToVerify, { findings, toleranceMs }: LogReading, query: Query) {
  const offend = findings.offend.bind(findings);
  const awaited = checkpoints.filter(({ size }) => size >= tree.size);
  let matchedUpTo = tree.size;
  let published = 0;
  let publishedUpTo: number | null = null;
  let newestMs: number | null = null;
  let last: { readonly xid: bigint; readonly position: bigint } | null = null;
  let built = new Map<string, Hash>();
  let isBroken = false;
  let heads: ReadonlyMap<number, Hash> = new Map();

  const compare = (): void => {
    for (let next = awaited[0]; next !== undefined && next.size <= tree.size; next = awaited[0]) {
      awaited.shift();
      const { size, root, where, isPublished } = next;
      if (root.equals(tree.root())) {
        matchedUpTo = size;
        if (isPublished) {
          published += 1;
          publishedUpTo = size;
        }
        continue;
      }
      // Every later root differs too.
      if (isBroken) continue;
      isBroken = true;
      offend(
        'root_differs',
        origin,
        `${where}: the rows do not have the root that was signed for ${size} leaves; what differs stands among the leaves ${matchedUpTo} to ${size - 1}`,
        { index: matchedUpTo },
      );
    }
  };
  compare();

  function append(hash: Hash): void {
    tree.append(hash, (count, index, node) => {
      const height = Math.log2(count);
      if (height % KEPT_HEIGHTS === 0) built.set(`${height}/${index}`, node);
    });
    compare();
    const head = heads.get(tree.size);
    if (head !== undefined && !isBroken && !head.equals(tree.root())) {
      offend('seal_tables', origin, `audit_tree_head has another root for ${tree.size} leaves than the rows`, { index: tree.size - 1 });
    }
  }

  function checkOrder({ event_id: eventId, xid, position }: Leaf, index: number): void {
    if (xid === null || position === null) return;
    const now = { xid: BigInt(xid), position: BigInt(position) };
    // After a restore the server may count its transactions anew: only the first log is in their order throughout.
    if (treeId === 0 && last !== null && (now.xid < last.xid || (now.xid === last.xid && now.position < last.position))) {
      offend('reordered', origin, `leaf ${index} was written before the one that stands before it`, { index, eventId });
    }
    last = now;
  }

  function checkTime({ event_id: eventId, recorded_ms: recordedMs }: Leaf, index: number): void {
    if (recordedMs === null) return;
    if (newestMs !== null && recordedMs < newestMs - toleranceMs) {
      offend(
        'back_dated',
        origin,
        `the row of leaf ${index} says that it was recorded at ${time(recordedMs)}, after rows of ${time(newestMs)} were`,
        { index, eventId },
      );
    }
    newestMs = Math.max(newestMs ?? recordedMs, recordedMs);
  }

  return {
    expect(kept: ReadonlyMap<number, Hash>): void {
      heads = kept;
    },

    missing(index: number): void {
      offend('leaf_missing', origin, `leaf ${index} is missing`, { index });
      append(leafHash(''));
    },

    leaf(leaf: Leaf, index: number): void {
      const { event_id: eventId, hash: stored, record } = leaf;
      if (index < tree.size) {
        offend('leaf_missing', origin, `leaf ${index} stands twice`, { index, eventId });
        return;
      }
      if (record === null) {
        offend('row_deleted', origin, `the row of leaf ${index} is gone`, { index, eventId });
        append(stored);
        return;
      }
      const hash = leafHash(recordOf(record));
      if (!hash.equals(stored))
        offend('row_changed', origin, `the row of leaf ${index} is not the one that was sealed${inShort(record)}`, { index, eventId });
      checkOrder(leaf, index);
      checkTime(leaf, index);
      append(hash);
    },

    /** What is kept to make proofs with must be what the leaves give. */
    async nodes(): Promise<void> {
      if (built.size === 0) return;
      const heights = [...built.keys()].map((key) => Number(key.split('/')[0]));
      const indices = [...built.keys()].map((key) => Number(key.split('/')[1]));
      const rows = await query<Record<string, unknown>>('verify_nodes', NODES_SQL, [treeId, heights, indices]);
      const kept = new Map(hashes.parse(rows).map(({ key, hash }) => [key, Buffer.from(hash)]));
      for (const [key, hash] of built) {
        if (kept.get(key)?.equals(hash) !== true) offend('seal_tables', origin, `audit_node ${key} is not what the leaves below it give`);
      }
      built = new Map();
    },

    end(): LogRead {
      return { tree, newestMs, publishedMatched: published, publishedUpTo };
    },
  };
}

/** Whom and what a row is about, so that it can be looked for; no more of it. */
function inShort(record: string): string {
  const row: unknown = JSON.parse(record);
  const named = z.object({ action: z.string(), correlation_id: z.string().nullish(), recorded_at: z.string() }).safeParse(row);
  if (!named.success) return '';
  const { action, correlation_id: correlationId, recorded_at: recordedAt } = named.data;
  return `: now it says ${action}, correlationId ${correlationId ?? 'none'}, recorded ${recordedAt}`;
}

function time(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
