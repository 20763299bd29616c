import type pg from 'pg';
import { z } from 'zod';
import type { GrowingTree } from '../proof/merkle-tree.js';
import { leafHash, type Hash } from '../proof/merkle-tree.js';
import { recordOf } from '../proof/record.js';
import type { TrustedCheckpoint } from './verify-checkpoints.js';
import type { Findings } from './verify-report.js';

/** What is read of one leaf and its row. */
const leaves = z.array(
  z.object({
    index: z.string().transform(Number),
    event_id: z.string(),
    hash: z.instanceof(Uint8Array),
    record: z.string().nullable(),
    recorded_ms: z.number().nullable(),
    xid: z.string().nullable(),
    position: z.string().nullable(),
  }),
);
type Leaf = z.infer<typeof leaves>[number];
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
const NODE_HEIGHTS = 8;
const PAGE_SQL = `
  SELECT l.index, l.event_id, l.hash, (to_jsonb(e) - 'xid' - 'position')::text AS record,
    (extract(epoch FROM e.recorded_at) * 1000)::float8 AS recorded_ms, e.xid::text AS xid, e.position
  FROM audit_leaf l LEFT JOIN audit_event e ON e.id = l.event_id
  WHERE l.tree_id = $1 AND l.index >= $2 AND l.index < $3 ORDER BY l.index`;

/** Computes a log anew from its rows; what is stored besides only says where a difference is, never that there is none. */
export async function readLog(log: LogToVerify, reading: LogReading): Promise<LogRead> {
  const { tree, size } = log;
  const checks = createChecks(log, reading);
  let page = tree.size < size ? fetchPage(log, reading, tree.size) : null;
  while (page !== null) {
    const { rows, heads } = await page;
    checks.expect(heads);
    const end = Math.min(tree.size + reading.pageSize, size);
    // The next page is on its way while this one is hashed.
    page = end < size ? fetchPage(log, reading, end) : null;
    page?.catch(() => undefined);
    let next = tree.size;
    for (const leaf of rows) {
      for (; next < leaf.index; next += 1) checks.missing(next);
      checks.leaf(leaf);
      next = leaf.index + 1;
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

async function fetchPage({ treeId }: LogToVerify, { client, pageSize }: LogReading, from: number): Promise<Page> {
  const values = [treeId, from, from + pageSize];
  const [page, heads] = await Promise.all([
    client.query<Record<string, unknown>>({ name: 'verify_page', text: PAGE_SQL, values }),
    client.query<Record<string, unknown>>({ name: 'verify_heads', text: HEADS_SQL, values }),
  ]);
  return {
    rows: leaves.parse(page.rows),
    heads: new Map(hashes.parse(heads.rows).map(({ key, hash }) => [Number(key), Buffer.from(hash)])),
  };
}

function createChecks({ treeId, origin, checkpoints, tree }: LogToVerify, { client, findings, toleranceMs }: LogReading) {
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
    tree.append(hash, (count, node) => {
      const height = Math.log2(count);
      if (height % NODE_HEIGHTS === 0) built.set(`${height}/${tree.size / count}`, node);
    });
    compare();
    const head = heads.get(tree.size);
    if (head !== undefined && !isBroken && !head.equals(tree.root())) {
      offend('seal_tables', origin, `audit_tree_head has another root for ${tree.size} leaves than the rows`, { index: tree.size - 1 });
    }
  }

  function checkOrder({ index, event_id: eventId, xid, position }: Leaf): void {
    if (xid === null || position === null) return;
    const now = { xid: BigInt(xid), position: BigInt(position) };
    // After a restore the server may count its transactions anew: only the first log is in their order throughout.
    if (treeId === 0 && last !== null && (now.xid < last.xid || (now.xid === last.xid && now.position < last.position))) {
      offend('reordered', origin, `leaf ${index} was written before the one that stands before it`, { index, eventId });
    }
    last = now;
  }

  function checkTime({ index, event_id: eventId, recorded_ms: recordedMs }: Leaf): void {
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

    leaf(leaf: Leaf): void {
      const { index, event_id: eventId, hash: stored, record } = leaf;
      if (index < tree.size) {
        offend('leaf_missing', origin, `leaf ${index} stands twice`, { index, eventId });
        return;
      }
      if (record === null) {
        offend('row_deleted', origin, `the row of leaf ${index} is gone`, { index, eventId });
        append(Buffer.from(stored));
        return;
      }
      const hash = leafHash(recordOf(record));
      if (!hash.equals(stored))
        offend('row_changed', origin, `the row of leaf ${index} is not the one that was sealed${inShort(record)}`, { index, eventId });
      checkOrder(leaf);
      checkTime(leaf);
      append(hash);
    },

    /** What is kept to make proofs with must be what the leaves give. */
    async nodes(): Promise<void> {
      if (built.size === 0) return;
      const heights = [...built.keys()].map((key) => Number(key.split('/')[0]));
      const indices = [...built.keys()].map((key) => Number(key.split('/')[1]));
      const { rows } = await client.query<Record<string, unknown>>(
        `SELECT n.height || '/' || n.index AS key, n.hash FROM audit_node n
         JOIN unnest($2::integer[], $3::bigint[]) AS wanted (height, index) USING (height, index) WHERE n.tree_id = $1`,
        [treeId, heights, indices],
      );
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
