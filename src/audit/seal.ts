import { z } from 'zod';
import { Prisma, type PrismaClient } from '../../generated/prisma/client.js';
import { GrowingTree, type Hash } from '../proof/merkle-tree.js';
import { sqlStateOf } from './failures.js';
import {
  appendLeaves,
  headIn,
  keepHead,
  newestHeadSql,
  ONE_SEALER,
  resumed,
  SealBrokenError,
  unsealedRows,
  type StoredHead,
  type Transaction,
} from './tree-rows.js';

export { SealBrokenError } from './tree-rows.js';

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

interface SealerParts {
  /** As `latchkey_sealer`, on the primary. */
  readonly prisma: PrismaClient;
  /** The name of the first log. */
  readonly origin: string;
  /** Rows in one step at most. */
  readonly batch?: number;
  readonly transactionTimeoutMs?: number;
}

const locks = z.tuple([z.object({ held: z.boolean() })]);
const looks = z.tuple([z.object({ horizon: z.string(), lagMs: z.number() })]);
const UNIQUE_VIOLATION = '23505';

/** The sealer over a connection of its own. */
export function createSealer({ prisma, origin, batch = 5_000, transactionTimeoutMs = 60_000 }: SealerParts): Sealer {
  return {
    async sealNext() {
      try {
        return await prisma.$transaction((transaction) => sealIn(transaction, origin, batch), {
          isolationLevel: 'RepeatableRead',
          timeout: transactionTimeoutMs,
          maxWait: transactionTimeoutMs,
        });
      } catch (error) {
        // Its snapshot was older than what another sealer committed just before it let go of the lock.
        if (sqlStateOf(error) === UNIQUE_VIOLATION) return null;
        throw error;
      }
    },

    async unsignedHead() {
      const unsigned = await prisma.$queryRaw`
        SELECT newest.* FROM (${newestHeadSql}) newest
        WHERE NOT EXISTS (SELECT FROM audit_checkpoint c WHERE c.tree_id = newest."treeId" AND c.size = newest.size)`;
      return asTreeHead(headIn(unsigned));
    },

    newestHead: async () => asTreeHead(headIn(await prisma.$queryRaw(newestHeadSql))),

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

function asTreeHead(head: StoredHead | null): TreeHead | null {
  return head === null ? null : { treeId: head.treeId, origin: head.origin, size: head.size, root: head.root };
}

async function sealIn(transaction: Transaction, origin: string, batch: number): Promise<SealStep | null> {
  const [lock] = locks.parse(await transaction.$queryRaw`SELECT pg_try_advisory_xact_lock(${ONE_SEALER}::integer, 0) AS held`);
  if (!lock.held) return null;
  await transaction.$executeRaw`SELECT audit_event_require_all_rows()`;
  const head = headIn(await transaction.$queryRaw(newestHeadSql));
  const growing = { treeId: head?.treeId ?? 0, tree: head === null ? new GrowingTree() : resumed(head) };
  if (head === null) await transaction.$executeRaw`INSERT INTO audit_tree (id, origin) VALUES (0, ${origin})`;

  const from = head?.sealedBelow ?? '0';
  // A transaction below the horizon has ended for every snapshot there is: nothing can come in below it any more.
  const [{ horizon, lagMs }] = looks.parse(
    await transaction.$queryRaw`
      SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS horizon, coalesce((
        SELECT extract(epoch FROM clock_timestamp() - min(e.recorded_at)) * 1000 FROM audit_event e
        WHERE (e.xid::text)::bigint >= pg_snapshot_xmin(pg_current_snapshot())::text::bigint
      ), 0)::float8 AS "lagMs"`,
  );
  if (BigInt(horizon) < BigInt(from)) {
    throw new SealBrokenError(
      'this server has not yet counted as many transactions as the one that sealed before: restored from a dump? Run "latchkey audit continue"',
    );
  }
  const between = Prisma.sql`(e.xid::text)::bigint >= ${from}::text::bigint AND (e.xid::text)::bigint < ${horizon}::text::bigint`;
  const found = await unsealedRows(transaction, between, batch + 1);
  const [taken, next] = [found.slice(0, batch), found[batch]];
  if (taken.length === 0 && head !== null) return { sealed: 0, more: false, lagMs };
  await appendLeaves(transaction, growing, taken);
  // The rest of a transaction that is half done comes next: what has a leaf is passed over.
  await keepHead(transaction, growing, next?.xid ?? horizon);
  return { sealed: taken.length, more: next !== undefined, lagMs };
}
