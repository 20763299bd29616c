import { Prisma, type PrismaClient } from '../../generated/prisma/client.js';
import type { LogEnd } from '../proof/continuation.js';
import { GrowingTree } from '../proof/merkle-tree.js';
import { appendLeaves, headIn, keepHead, newestHeadSql, ONE_SEALER, resumed, unsealedRows } from './tree-rows.js';

/** The log that is to be continued, as the restored database has it. */
export interface RestoredLog extends LogEnd {
  readonly origin: string;
  readonly treeId: number;
}

interface ContinueLog {
  /** As `latchkey_owner`: it keeps every writer out until it is done. */
  readonly prisma: PrismaClient;
  /** Names the new log, signs its link to the restored one, and a checkpoint of that one's end; null where it may not be vouched for. */
  readonly link: (restored: RestoredLog) => { readonly origin: string; readonly note: string; readonly checkpoint: string | null };
  /** Rows hashed at a time; 5000 by default. */
  readonly batch?: number;
  readonly timeoutMs?: number;
}

/** Thrown where there is no log to continue. */
export class NothingSealedError extends Error {
  override readonly name = 'NothingSealedError';
}

const TIMEOUT_MS = 600_000;

/**
 * Begins a new log after a restore: it continues the restored one, and holds first what had no leaf yet. Rows that were lost are in neither.
 * @returns the restored log, and how many rows the new one begins with
 * @throws NothingSealedError
 * @throws SealBrokenError where the restored head contradicts itself
 */
export function continueLog({
  prisma,
  link,
  batch = 5_000,
  timeoutMs = TIMEOUT_MS,
}: ContinueLog): Promise<{ readonly restored: RestoredLog; readonly rows: number }> {
  return prisma.$transaction(
    async (transaction) => {
      // Who writes has ended when this returns, and nobody begins: all rows may be sealed, whatever their transactions' numbers.
      await transaction.$executeRaw`LOCK TABLE audit_event IN SHARE MODE`;
      await transaction.$executeRaw`SELECT pg_advisory_xact_lock(${ONE_SEALER}::integer, 0)`;
      await transaction.$executeRaw`SELECT audit_event_require_all_rows()`;
      const head = headIn(await transaction.$queryRaw(newestHeadSql));
      if (head === null) throw new NothingSealedError('nothing was sealed in this database: there is no log to continue');
      resumed(head);
      const { origin: restoredOrigin, treeId, size, root } = head;
      const restored = { origin: restoredOrigin, treeId, size, root };
      const { origin, note, checkpoint } = link(restored);
      // The sealer looks after the newest log alone: without this, rows that the last checkpoint did not cover would never be proved.
      if (checkpoint !== null) {
        await transaction.$executeRaw`
          INSERT INTO audit_checkpoint (tree_id, size, note) VALUES (${treeId}::integer, ${size}::bigint, ${checkpoint}) ON CONFLICT DO NOTHING`;
      }
      const growing = { treeId: treeId + 1, tree: new GrowingTree() };
      await transaction.$executeRaw`INSERT INTO audit_tree (id, origin, continues) VALUES (${growing.treeId}::integer, ${origin}, ${note})`;
      const [{ horizon } = { horizon: '0' }] = await transaction.$queryRaw<{ horizon: string }[]>`
        SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS horizon`;
      for (;;) {
        const rows = await unsealedRows(transaction, Prisma.sql`true`, batch);
        if (rows.length === 0) break;
        await appendLeaves(transaction, growing, rows);
      }
      await keepHead(transaction, growing, horizon);
      return { restored, rows: growing.tree.size };
    },
    { isolationLevel: 'ReadCommitted', timeout: timeoutMs, maxWait: timeoutMs },
  );
}
