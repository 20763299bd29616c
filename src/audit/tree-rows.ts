import { z } from 'zod';
import { Prisma, type PrismaClient } from '../../generated/prisma/client.js';
import { GrowingTree, leafHash, type Hash } from '../proof/merkle-tree.js';
import { recordOf } from '../proof/record.js';
import { KEPT_HEIGHTS } from '../proof/subtrees.js';

/** Thrown where what stands in the database cannot be the tree that was sealed: nobody seals on until a person has looked. */
export class SealBrokenError extends Error {
  override readonly name = 'SealBrokenError';
}

/** The advisory lock of whoever appends to the tree: `pg_advisory_xact_lock(ONE_SEALER, 0)`. */
export const ONE_SEALER = 6962;

export type Transaction = Pick<PrismaClient, '$queryRaw' | '$executeRaw'>;

const bytes = z.instanceof(Uint8Array).transform((array) => Buffer.from(array));
const heads = z.array(
  z.object({
    treeId: z.number(),
    origin: z.string(),
    size: z.bigint().transform(Number),
    root: bytes,
    edge: bytes,
    sealedBelow: z.string(),
  }),
);
export type StoredHead = z.infer<typeof heads>[number];

/** The newest head as SQL, its columns named as in `StoredHead`. */
export const newestHeadSql = Prisma.sql`
  SELECT h.tree_id AS "treeId", t.origin, h.size, h.root, h.edge, h.sealed_below::text AS "sealedBelow"
  FROM audit_tree_head h JOIN audit_tree t ON t.id = h.tree_id
  ORDER BY h.tree_id DESC, h.size DESC LIMIT 1`;

/** @returns null before the first step */
export function headIn(rows: unknown): StoredHead | null {
  return heads.parse(rows)[0] ?? null;
}

/**
 * The tree as its newest head left it.
 * @throws SealBrokenError where the head contradicts itself
 */
export function resumed(head: StoredHead): GrowingTree {
  const tree = GrowingTree.resume(head.size, head.edge);
  if (tree.root().equals(head.root)) return tree;
  throw new SealBrokenError(
    `the head of ${head.origin} at ${head.size} leaves contradicts itself: do not seal on; run "latchkey audit verify"`,
  );
}

const unsealed = z.array(z.object({ id: z.string(), xid: z.string(), record: z.string() }));
export type UnsealedRow = z.infer<typeof unsealed>[number];

/** Rows without a leaf that fit a condition, in the order of the tree. Only those that are taken are written out: a backlog may be long. */
export async function unsealedRows(transaction: Transaction, condition: Prisma.Sql, limit: number): Promise<UnsealedRow[]> {
  return unsealed.parse(
    await transaction.$queryRaw`
      WITH next AS MATERIALIZED (
        SELECT e.id FROM audit_event e
        WHERE ${condition} AND NOT EXISTS (SELECT FROM audit_leaf l WHERE l.event_id = e.id)
        ORDER BY e.xid, e.position LIMIT ${limit}::integer
      )
      SELECT e.id, e.xid::text AS xid, row_to_json(e)::text AS record
      FROM audit_event e WHERE e.id IN (SELECT id FROM next) ORDER BY e.xid, e.position`,
  );
}

interface Growing {
  readonly treeId: number;
  readonly tree: GrowingTree;
}

/** Makes rows the next leaves of the tree, here and in the database. */
export async function appendLeaves(transaction: Transaction, { treeId, tree }: Growing, rows: readonly UnsealedRow[]): Promise<void> {
  if (rows.length === 0) return;
  const first = tree.size;
  const hashes = rows.map(({ record }) => leafHash(recordOf(record)));
  const nodes: { height: number; index: number; hash: Hash }[] = [];
  for (const leaf of hashes) {
    tree.append(leaf, (leaves, index, hash) => {
      const height = Math.log2(leaves);
      if (height % KEPT_HEIGHTS === 0) nodes.push({ height, index, hash });
    });
  }
  const ids = rows.map(({ id }) => id);
  await transaction.$executeRaw`
    INSERT INTO audit_leaf (tree_id, index, event_id, hash)
    SELECT ${treeId}::integer, ${first}::bigint + leaf.place - 1, leaf.event_id, decode(leaf.hash, 'hex')
    FROM unnest(${ids}::uuid[], ${hashes.map(inHex)}::text[]) WITH ORDINALITY AS leaf (event_id, hash, place)`;
  if (nodes.length === 0) return;
  const [heights, indices] = [nodes.map(({ height }) => height), nodes.map(({ index }) => index)];
  await transaction.$executeRaw`
    INSERT INTO audit_node (tree_id, height, index, hash)
    SELECT ${treeId}::integer, node.height, node.index, decode(node.hash, 'hex')
    FROM unnest(${heights}::integer[], ${indices}::bigint[], ${nodes.map(({ hash }) => inHex(hash))}::text[]) AS node (height, index, hash)`;
}

/** Keeps what the tree is now; every transaction below `sealedBelow` is sealed or has written nothing. */
export async function keepHead(transaction: Transaction, { treeId, tree }: Growing, sealedBelow: string): Promise<void> {
  await transaction.$executeRaw`
    INSERT INTO audit_tree_head (tree_id, size, root, edge, sealed_below, seen_at)
    VALUES (${treeId}::integer, ${tree.size}::bigint, ${tree.root()}, ${tree.edge()}, ${sealedBelow}::text::xid8, transaction_timestamp())`;
}

function inHex(hash: Hash): string {
  return hash.toString('hex');
}
