import type pg from 'pg';
import { z } from 'zod';
import type { Checkpoint } from '../proof/checkpoint.js';
import { openContinuation, type Continuation } from '../proof/continuation.js';
import { GrowingTree } from '../proof/merkle-tree.js';
import { NoteError, type NoteVerifier } from '../proof/signed-note.js';
import { sortCheckpoints, type FoundNote, type TrustedCheckpoint } from './verify-checkpoints.js';
import { readLog, type LogRead } from './verify-log.js';
import { Findings, type VerifiedLog, type VerifyReport } from './verify-report.js';

export type { FoundNote } from './verify-checkpoints.js';
export type { VerifyReport } from './verify-report.js';

export interface VerifyWishes {
  /** As `latchkey_auditor`, `latchkey_sealer` or `latchkey_owner`, in a transaction at REPEATABLE READ: see `verifyInTransaction`. */
  readonly client: pg.ClientBase;
  /** The current key first, then former ones, newest first. */
  readonly trusted: readonly NoteVerifier[];
  /** Checkpoints that stand outside the database. */
  readonly published: readonly Omit<FoundNote, 'isPublished'>[];
  /** A checkpoint that is trusted already: what it holds is not read again. */
  readonly since?: Checkpoint | null;
  /** How much earlier than rows before it a row may say that it was recorded, in milliseconds; a minute by default. */
  readonly toleranceMs?: number;
  readonly pageSize?: number;
  /** Told how many leaves of how many have been read. */
  readonly onProgress?: (read: number, of: number) => void;
}

/** Thrown where the log cannot be verified from where it was asked to be. */
export class VerifyError extends Error {
  override readonly name = 'VerifyError';
}

const TOLERANCE_MS = 60_000;
/** About a megabyte: it fits into the socket while the one before it is hashed. */
const PAGE = 1_500;
/** A signature takes some tens of microseconds, and a busy log has a checkpoint a second. */
const KEPT_NOTES = 10_000;

const trees = z.array(
  z.object({
    id: z.number(),
    origin: z.string(),
    continues: z.string().nullable(),
    leaves: z.string().transform(Number),
    head: z.string().nullable(),
  }),
);
type Tree = z.infer<typeof trees>[number];

/**
 * Verifies in a read-only transaction of its own.
 * @throws VerifyError where `since` is of no log here
 */
export async function verifyInTransaction(wishes: VerifyWishes): Promise<VerifyReport> {
  const { client } = wishes;
  await client.query(
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL latchkey.institution_id = '*'; SET LOCAL timezone = 'UTC'",
  );
  try {
    return await verify(wishes);
  } finally {
    await client.query('ROLLBACK');
  }
}

/**
 * Computes every log anew from the rows, and holds it against the checkpoints.
 * @throws VerifyError where `since` is of no log here
 */
export async function verify(wishes: VerifyWishes): Promise<VerifyReport> {
  const { client, trusted, published, since = null, toleranceMs = TOLERANCE_MS, pageSize = PAGE, onProgress = () => undefined } = wishes;
  const findings = new Findings();
  await client.query('SELECT audit_event_require_all_rows()');
  // A page is a small part of the table, whatever the statistics say: each row is looked up.
  await client.query('SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL enable_bitmapscan = off');
  const all = await readTrees(client);
  const kept = await client.query<{ tree_id: number; size: string; note: string }>(
    'SELECT tree_id, size, note FROM audit_checkpoint ORDER BY tree_id DESC, size DESC LIMIT $1',
    [KEPT_NOTES],
  );
  if (kept.rows.length === KEPT_NOTES) findings.unchecked.push(`of the checkpoints in the database all but the newest ${KEPT_NOTES}`);
  const notes: FoundNote[] = [
    ...published.map((note) => ({ ...note, isPublished: true })),
    ...kept.rows.map(({ tree_id: treeId, size, note }) => ({ where: `audit_checkpoint ${treeId}/${size}`, note, isPublished: false })),
  ];
  const checkpoints = sortCheckpoints(notes, trusted, findings);
  const from = since === null ? 0 : all.findIndex(({ origin }) => origin === since.origin);
  if (from < 0) throw new VerifyError(`the checkpoint to begin at is of ${since?.origin ?? 'no log'}, which this database does not have`);

  const selected = all.slice(from);
  const total = selected.reduce((sum, { leaves }) => sum + leaves, 0) - (since?.size ?? 0);
  let read = 0;
  const links = all.map((tree) => linkOf(tree, trusted, findings));
  const logs: VerifiedLog[] = [];
  let newestMs: number | null = null;
  for (const tree of selected) {
    const own = checkpoints.get(tree.origin) ?? [];
    const begun = tree.origin === since?.origin ? await resumeAt(client, tree, since) : new GrowingTree();
    const result = await readLog(
      { treeId: tree.id, origin: tree.origin, checkpoints: own, tree: begun, size: Math.max(tree.leaves, Number(tree.head ?? 0)) },
      { client, findings, pageSize, toleranceMs, onLeaves: (count) => onProgress((read += count), total) },
    );
    newestMs = result.newestMs ?? newestMs;
    checkEnd(tree, result, findings);
    checkLink(links[tree.id + 1] ?? null, tree, result, findings);
    checkBeyond(tree, own, links[tree.id + 1] ?? null, findings);
    logs.push(toldOf(tree, result));
  }
  for (const origin of checkpoints.keys()) {
    if (!all.some((tree) => tree.origin === origin))
      findings.offend('truncated', origin, `checkpoints of ${origin} were published, and this database has no such log`);
  }
  const unsealed = await checkUnsealed(client, newestMs === null ? null : newestMs - toleranceMs, findings);
  tellUnchecked(logs, since, findings);
  return {
    logs,
    offences: findings.offences,
    moreOffences: findings.more,
    unsealed,
    unchecked: findings.unchecked,
    remarks: findings.remarks,
    vouchedFor: logs.every(({ leaves, publishedUpTo }) => leaves === 0 || publishedUpTo !== null) && logs.some(({ leaves }) => leaves > 0),
  };
}

async function readTrees(client: pg.ClientBase): Promise<Tree[]> {
  const { rows } = await client.query<Record<string, unknown>>(`
    SELECT t.id, t.origin, t.continues,
      (SELECT count(*) FROM audit_leaf l WHERE l.tree_id = t.id) AS leaves,
      (SELECT max(h.size) FROM audit_tree_head h WHERE h.tree_id = t.id) AS head
    FROM audit_tree t ORDER BY t.id`);
  return trees.parse(rows);
}

/** The tree as it was at a checkpoint: what it takes to go on is kept in the database, and bound by the checkpoint's root. */
async function resumeAt(client: pg.ClientBase, { id, origin }: Tree, { size, root }: Checkpoint): Promise<GrowingTree> {
  const { rows } = await client.query<{ edge: Buffer }>('SELECT edge FROM audit_tree_head WHERE tree_id = $1 AND size = $2', [id, size]);
  const [head] = rows;
  if (head === undefined) throw new VerifyError(`the database does not know the state of ${origin} at ${size} leaves: verify all of it`);
  const tree = GrowingTree.resume(size, head.edge);
  if (!tree.root().equals(root))
    throw new VerifyError(`what the database keeps of ${origin} at ${size} leaves is not what was signed: verify all of it`);
  return tree;
}

function linkOf({ id, origin, continues }: Tree, trusted: readonly NoteVerifier[], findings: Findings): Continuation | null {
  if (id === 0 || continues === null) return null;
  try {
    const link = openContinuation(continues, trusted);
    if (link.origin !== origin) findings.offend('link', origin, `the link of ${origin} is that of ${link.origin}`);
    return link;
  } catch (error) {
    if (!(error instanceof NoteError)) throw error;
    findings.offend('link', origin, `the link of ${origin} to the log before it: ${error.message}`);
    return null;
  }
}

function checkEnd({ origin, head }: Tree, { tree }: LogRead, findings: Findings): void {
  if (head !== null && Number(head) !== tree.size) {
    findings.offend('seal_tables', origin, `the newest head of ${origin} is of ${head} leaves, and there are ${tree.size}`);
  }
}

function checkLink(link: Continuation | null, { origin }: Tree, { tree }: LogRead, findings: Findings): void {
  if (link === null) return;
  const { restored, published, reason } = link;
  if (link.continues !== origin || restored.size !== tree.size || !restored.root.equals(tree.root())) {
    findings.offend(
      'link',
      link.origin,
      `${link.origin} continues ${link.continues} at ${restored.size} leaves, which is not where ${origin} ends here`,
    );
  }
  if (published !== null && published.size > restored.size) {
    findings.remarks.push(
      `${published.size - restored.size} rows of ${origin} were lost in a restore, leaves ${restored.size} to ${published.size - 1}, as its successor says and signs: ${reason}`,
    );
  }
}

/** What was signed beyond the log's end was cut off, unless a signed link says that a restore lost it. */
function checkBeyond(
  { origin, leaves }: Tree,
  checkpoints: readonly TrustedCheckpoint[],
  link: Continuation | null,
  findings: Findings,
): void {
  const beyond = checkpoints.findLast(({ size }) => size > leaves);
  if (beyond === undefined || beyond.size <= (link?.published?.size ?? 0)) return;
  findings.offend(
    'truncated',
    origin,
    `${beyond.where}: ${beyond.size} leaves of ${origin} were signed, and there are ${leaves}: rows were cut off, or an older backup stands here`,
    { index: leaves },
  );
}

function toldOf({ origin }: Tree, { tree, publishedMatched, publishedUpTo }: LogRead): VerifiedLog {
  return { origin, leaves: tree.size, root: tree.root().toString('base64'), publishedMatched, publishedUpTo };
}

const waiting = z.array(
  z.object({
    id: z.string(),
    recorded_at: z.date(),
    action: z.string(),
    late: z.boolean(),
    rows: z.string().transform(Number),
    oldest: z.date(),
  }),
);

/** Rows without a leaf wait to be sealed, but for those that the sealer must have met. */
async function checkUnsealed(client: pg.ClientBase, notBeforeMs: number | null, findings: Findings): Promise<VerifyReport['unsealed']> {
  // This is about all rows at once.
  await client.query('SET LOCAL enable_hashjoin = on; SET LOCAL enable_nestloop = off');
  const { rows } = await client.query<Record<string, unknown>>(
    `WITH head AS (SELECT sealed_below FROM audit_tree_head ORDER BY tree_id DESC, size DESC LIMIT 1),
    unsealed AS (SELECT e.id, e.action, e.recorded_at, e.position,
        coalesce(e.xid < (SELECT sealed_below FROM head), false) OR e.recorded_at < to_timestamp($1::float8 / 1000) AS late
      FROM audit_event e WHERE NOT EXISTS (SELECT FROM audit_leaf l WHERE l.event_id = e.id))
    SELECT id, action, recorded_at, coalesce(late, false) AS late, count(*) OVER () AS rows, min(recorded_at) OVER () AS oldest
    FROM unsealed ORDER BY coalesce(late, false) DESC, position LIMIT 20`,
    [notBeforeMs],
  );
  const found = waiting.parse(rows);
  for (const { id, action, recorded_at: recordedAt, late } of found) {
    if (late)
      findings.offend(
        'row_inserted',
        null,
        `a row says ${action}, recorded ${recordedAt.toISOString()}, and was never sealed: it came in behind the sealer's back`,
        { eventId: id },
      );
  }
  const [first] = found;
  return { rows: first?.rows ?? 0, oldest: first?.oldest.toISOString() ?? null };
}

function tellUnchecked(logs: readonly VerifiedLog[], since: Checkpoint | null, findings: Findings): void {
  if (since !== null)
    findings.unchecked.push(
      `the first ${since.size} leaves of ${since.origin}, and logs before it: the checkpoint to begin at vouches for them`,
    );
  if (logs.length === 0) findings.unchecked.push('nothing has been sealed yet');
  for (const { origin, leaves, publishedUpTo } of logs) {
    if (leaves === 0) continue;
    if (publishedUpTo === null)
      findings.unchecked.push(
        `no checkpoint from outside the database vouches for ${origin}: whoever can write to it may have made all of this`,
      );
    else if (publishedUpTo < leaves)
      findings.unchecked.push(`${leaves - publishedUpTo} leaves of ${origin} are newer than the newest checkpoint given`);
  }
}
