import { z } from 'zod';
import { Prisma, type PrismaClient } from '../../generated/prisma/client.js';
import { consistencyRanges, inclusionRanges, type Hash, type LeafRange } from '../proof/merkle-tree.js';
import { keptSubtrees, rootOfRange, type Subtree } from '../proof/subtrees.js';
import type { InstitutionReview, KeptCheckpoint } from './audit-review.js';
import { SealBrokenError } from './tree-rows.js';

const bytes = z.instanceof(Uint8Array).transform((array) => Buffer.from(array));
const hashes = z.array(z.object({ height: z.number(), index: z.bigint(), hash: bytes }));
const checkpoints = z.array(
  z.object({
    treeId: z.number(),
    origin: z.string(),
    size: z.bigint().transform(Number),
    root: bytes,
    note: z.string(),
    signedAt: z.date(),
    continues: z.string().nullable(),
    sealedBelow: z.string(),
  }),
);

/** With it, what no caller is shown: below which transaction everything is sealed. */
export type CheckpointRow = KeptCheckpoint & { readonly sealedBelow: string };

/** Checkpoints that fit a condition on `c`, the newest of each log; newest log first. */
export async function newestCheckpoints(prisma: Pick<PrismaClient, '$queryRaw'>, condition: Prisma.Sql): Promise<CheckpointRow[]> {
  return checkpoints.parse(
    await prisma.$queryRaw`
      SELECT DISTINCT ON (c.tree_id) c.tree_id AS "treeId", t.origin, c.size, h.root, c.note, c.signed_at AS "signedAt", t.continues,
        h.sealed_below::text AS "sealedBelow"
      FROM audit_checkpoint c JOIN audit_tree t ON t.id = c.tree_id JOIN audit_tree_head h ON h.tree_id = c.tree_id AND h.size = c.size
      WHERE ${condition} ORDER BY c.tree_id DESC, c.size DESC`,
  );
}

/** Checkpoints, and proofs for what they say; see `InstitutionReview`. */
export function createProofs({
  prisma,
}: {
  readonly prisma: PrismaClient;
}): Pick<InstitutionReview, 'checkpoint' | 'inclusionProofs' | 'consistencyProof'> {
  async function rootsOf(treeId: number, ranges: readonly LeafRange[]): Promise<Hash[]> {
    const kept = await read(treeId, ranges.flatMap(keptSubtrees));
    return ranges.map((range) => rootOfRange(range, kept));
  }

  async function read(treeId: number, subtrees: readonly Subtree[]): Promise<(subtree: Subtree) => Hash> {
    const leaves = [...new Set(subtrees.filter(({ height }) => height === 0).map(({ index }) => index))];
    const nodes = subtrees.filter(({ height }) => height > 0);
    const rows = hashes.parse(
      await prisma.$queryRaw`
        SELECT 0 AS height, l.index, l.hash FROM audit_leaf l WHERE l.tree_id = ${treeId}::integer AND l.index = ANY (${leaves}::bigint[])
        UNION ALL
        SELECT n.height, n.index, n.hash FROM audit_node n
        JOIN (SELECT DISTINCT * FROM unnest(${nodes.map(({ height }) => height)}::integer[], ${nodes.map(({ index }) => index)}::bigint[]) AS wanted (height, index)) w
          USING (height, index) WHERE n.tree_id = ${treeId}::integer`,
    );
    const found = new Map(rows.map(({ height, index, hash }) => [`${height}/${index}`, hash]));
    return ({ height, index }) => {
      const hash = found.get(`${height}/${index}`);
      if (hash === undefined)
        throw new SealBrokenError(`the seal lacks the hash over ${2 ** height} leaves from ${index * 2 ** height} on`);
      return hash;
    };
  }

  return {
    checkpoint: async ({ origin, size }) => {
      const ofOrigin = origin === undefined ? Prisma.sql`c.tree_id = (SELECT max(id) FROM audit_tree)` : Prisma.sql`t.origin = ${origin}`;
      const ofSize = size === undefined ? Prisma.sql`true` : Prisma.sql`c.size = ${size}::bigint`;
      const [newest] = await newestCheckpoints(prisma, Prisma.sql`${ofOrigin} AND ${ofSize}`);
      return newest ?? null;
    },

    inclusionProofs: async ({ treeId, size, indices }) => {
      const paths = indices.map((index) => inclusionRanges(index, size));
      const roots = (await rootsOf(treeId, paths.flat())).values();
      return paths.map((path) => path.map(() => roots.next().value ?? raise()));
    },

    consistencyProof: async ({ treeId, earlier, size }) => rootsOf(treeId, consistencyRanges(earlier, size)),
  };
}

function raise(): never {
  throw new RangeError('there are fewer hashes than were asked for');
}
