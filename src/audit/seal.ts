import { z } from 'zod';
import { Prisma, type PrismaClient } from '../../generated/prisma/client.js';
import { GrowingTree, leafHash, type Hash } from '../proof/merkle-tree.js';
import { recordOf } from '../proof/record.js';

/** A step of the seal. */
export interface SealStep {
  /** Rows sealed by this step. */
  readonly sealed: number;
  /** Whether there may be more that can be sealed at once. */
  readonly more: boolean;
  /** How old the oldest row is that may not be sealed yet, in milliseconds; 0 where there is none. */
  readonly lagMs: number;
}

/** What the tree was at one moment. */
export interface TreeHead {
  readonly treeId: number;
  readonly origin: string;
  readonly size: number;
  readonly root: Hash;
}

/** Seals committed rows, in the one order that no later commit can disturb. */
export interface Sealer {
  /**
   * Appends the next rows to the tree; null where another sealer is at it.
   * @throws SealBrokenError where the tree does not go on from where it was
   */
  sealNext(): Promise<SealStep | null>;
  /** The newest head; null before the first step. */
  newestHead(): Promise<TreeHead | null>;
  /** The root that a tree had with so many leaves; null where no step of it ended there. */
  rootAt(treeId: number, size: number): Promise<Hash | null>;
  /** The newest head that nothing has been signed of yet; null where there is none. */
  unsignedHead(): Promise<TreeHead | null>;
  /** Keeps what was signed; the same note again changes nothing. */
  keepCheckpoint(head: Pick<TreeHead, 'treeId' | 'size'>, note: string): Promise<void>;
}

/** Thrown where what stands in the database cannot be the tree that was sealed: nobody seals on until a person has looked. */
export class SealBrokenError extends Error {
  override readonly name = 'SealBrokenError';
}

interface SealerParts {
  /** As `latchkey_sealer`, on the primary. */
  readonly prisma: PrismaClient;
  /** The name of the first log. */
  readonly origin: string;
  /** Rows in one step at most. */
  readonly batch?: number;
  readonly transactionTimeoutMs?: number;
}

const ONE_SEALER = 6962;
/** Subtrees over 256 leaves, over 65536, … are kept. */
const NODE_HEIGHTS = 8;

const heads = z.array(
  z.object({
    treeId: z.number(),
    origin: z.string(),
    size: z.bigint().transform(Number),
    root: z.instanceof(Uint8Array).transform((bytes) => Buffer.from(bytes)),
    edge: z.instanceof(Uint8Array).transform((bytes) => Buffer.from(bytes)),
    sealedBelow: z.string(),
  }),
);
const looks = z.tuple([z.object({ horizon: z.string(), lagMs: z.number() })]);
const rows = z.array(z.object({ id: z.string(), xid: z.string(), record: z.string() }));

const newestHead = Prisma.sql`
  SELECT h.tree_id AS "treeId", t.origin, h.size, h.root, h.edge, h.sealed_below::text AS "sealedBelow"
  FROM audit_tree_head h JOIN audit_tree t ON t.id = h.tree_id
  ORDER BY h.tree_id DESC, h.size DESC LIMIT 1`;

/** The sealer over a connection of its own. */
export function createSealer({ prisma, origin, batch = 5_000, transactionTimeoutMs = 60_000 }: SealerParts): Sealer {
  return {
    sealNext: () =>
      prisma.$transaction((transaction) => sealIn(transaction, origin, batch), {
        isolationLevel: 'RepeatableRead',
        timeout: transactionTimeoutMs,
        maxWait: transactionTimeoutMs,
      }),

    async unsignedHead() {
      const [head] = heads.parse(
        await prisma.$queryRaw`
          SELECT newest.* FROM (${newestHead}) newest
          WHERE NOT EXISTS (SELECT FROM audit_checkpoint c WHERE c.tree_id = newest."treeId" AND c.size = newest.size)`,
      );
      return asTreeHead(head);
    },

    newestHead: async () => asTreeHead(heads.parse(await prisma.$queryRaw(newestHead))[0]),

    async rootAt(treeId, size) {
      const head = await prisma.auditTreeHead.findUnique({
        select: { root: true },
        where: { treeId_size: { treeId, size: BigInt(size) } },
      });
      return head === null ? null : Buffer.from(head.root);
    },

    async keepCheckpoint({ treeId, size }, note) {
      await prisma.$executeRaw`
        INSERT INTO audit_checkpoint (tree_id, size, note) VALUES (${treeId}::integer, ${size}::bigint, ${note}) ON CONFLICT DO NOTHING`;
    },
  };
}

function asTreeHead(head: z.infer<typeof heads>[number] | undefined): TreeHead | null {
  return head === undefined ? null : { treeId: head.treeId, origin: head.origin, size: head.size, root: head.root };
}

type Transaction = Pick<PrismaClient, '$queryRaw' | '$executeRaw'>;

async function sealIn(transaction: Transaction, origin: string, batch: number): Promise<SealStep | null> {
  const [lock] = z
    .tuple([z.object({ held: z.boolean() })])
    .parse(await transaction.$queryRaw`SELECT pg_try_advisory_xact_lock(${ONE_SEALER}::integer, 0) AS held`);
  if (!lock.held) return null;
  await transaction.$executeRaw`SELECT audit_event_require_all_rows()`;
  const [head] = heads.parse(await transaction.$queryRaw(newestHead));
  const tree = head === undefined ? new GrowingTree() : resumed(head);
  const treeId = head?.treeId ?? 0;
  if (head === undefined) await transaction.$executeRaw`INSERT INTO audit_tree (id, origin) VALUES (0, ${origin})`;

  const from = head?.sealedBelow ?? '0';
  // A transaction below the horizon has ended for every snapshot there is: nothing can come in below it any more.
  const [{ horizon, lagMs }] = looks.parse(
    await transaction.$queryRaw`
      SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS horizon, coalesce((
        SELECT extract(epoch FROM clock_timestamp() - min(e.recorded_at)) * 1000 FROM audit_event e
        WHERE (e.xid::text)::bigint >= pg_snapshot_xmin(pg_current_snapshot())::text::bigint
      ), 0)::float8 AS "lagMs"`,
  );
  const found = rows.parse(
    await transaction.$queryRaw`
      SELECT e.id, e.xid::text AS xid, (to_jsonb(e) - 'xid' - 'position')::text AS record FROM audit_event e
      WHERE (e.xid::text)::bigint >= ${from}::text::bigint AND (e.xid::text)::bigint < ${horizon}::text::bigint
        AND NOT EXISTS (SELECT FROM audit_leaf l WHERE l.event_id = e.id)
      ORDER BY e.xid, e.position LIMIT ${batch + 1}::integer`,
  );
  const { taken, below } = wholeTransactions(found, batch, horizon);
  if (taken.length === 0 && head !== undefined) return { sealed: 0, more: false, lagMs };

  const first = tree.size;
  const hashes = taken.map(({ record }) => leafHash(recordOf(record)));
  const nodes: { height: number; index: number; hash: Hash }[] = [];
  for (const leaf of hashes) {
    tree.append(leaf, (leaves, hash) => {
      const height = Math.log2(leaves);
      if (height % NODE_HEIGHTS === 0) nodes.push({ height, index: tree.size / leaves, hash });
    });
  }
  if (taken.length > 0) {
    await transaction.$executeRaw`
      INSERT INTO audit_leaf (tree_id, index, event_id, hash)
      SELECT ${treeId}::integer, ${first}::bigint + leaf.place - 1, leaf.event_id, decode(leaf.hash, 'hex')
      FROM unnest(${taken.map(({ id }) => id)}::uuid[], ${hashes.map((hash) => hash.toString('hex'))}::text[]) WITH ORDINALITY AS leaf (event_id, hash, place)`;
  }
  if (nodes.length > 0) {
    await transaction.$executeRaw`
      INSERT INTO audit_node (tree_id, height, index, hash)
      SELECT ${treeId}::integer, node.height, node.index, decode(node.hash, 'hex')
      FROM unnest(${nodes.map(({ height }) => height)}::integer[], ${nodes.map(({ index }) => index)}::bigint[], ${nodes.map(({ hash }) => hash.toString('hex'))}::text[]) AS node (height, index, hash)`;
  }
  await transaction.$executeRaw`
    INSERT INTO audit_tree_head (tree_id, size, root, edge, sealed_below, seen_at)
    VALUES (${treeId}::integer, ${tree.size}::bigint, ${tree.root()}, ${tree.edge()}, ${below}::text::xid8, transaction_timestamp())`;
  return { sealed: taken.length, more: found.length > taken.length, lagMs };
}

function resumed(head: z.infer<typeof heads>[number]): GrowingTree {
  const tree = GrowingTree.resume(head.size, head.edge);
  if (!tree.root().equals(head.root))
    throw new SealBrokenError(
      `the head of ${head.origin} at ${head.size} leaves contradicts itself: do not seal on; run "latchkey audit verify"`,
    );
  return tree;
}

/** A step ends between transactions, so that the next one begins with a number. */
function wholeTransactions(found: z.infer<typeof rows>, batch: number, horizon: string): { taken: z.infer<typeof rows>; below: string } {
  const next = found[batch];
  if (next === undefined) return { taken: found, below: horizon };
  const taken = found.filter(({ xid }) => xid !== next.xid);
  if (taken.length === 0)
    throw new SealBrokenError(`transaction ${next.xid} wrote more than ${batch} audit rows, which Latchkey never does`);
  return { taken, below: next.xid };
}
