/** What the verifier may find; each is told with the first place where it was found. */
export type OffenceKind =
  /** A sealed row says something else than when it was sealed. */
  | 'row_changed'
  | 'row_deleted'
  /** A leaf is missing, or stands twice. */
  | 'leaf_missing'
  /** Leaves stand in another order than their rows were written. */
  | 'reordered'
  /** A row claims to have been recorded long before those that were sealed before it. */
  | 'back_dated'
  /** A row that the sealer should have met has no leaf. */
  | 'row_inserted'
  /** The rows do not have the root that was signed. */
  | 'root_differs'
  /** More was signed than there is. */
  | 'truncated'
  /** Two checkpoints of one size have different roots. */
  | 'forked'
  /** A signature is wrong, or a note in the database is nobody's who is trusted. */
  | 'signature'
  /** A checkpoint was signed by a key after another one had taken its place. */
  | 'retired_key'
  /** What the sealer keeps for itself contradicts the rows. */
  | 'seal_tables'
  /** A later log is not linked to the one before as it should be. */
  | 'link';

export interface Offence {
  readonly kind: OffenceKind;
  /** The log's name; null where it belongs to none. */
  readonly origin: string | null;
  /** The leaf; null where it is about no single one. */
  readonly index: number | null;
  readonly eventId: string | null;
  /** What was found, for people. */
  readonly what: string;
}

export interface VerifiedLog {
  readonly origin: string;
  readonly leaves: number;
  /** Base64. */
  readonly root: string;
  /** Checkpoints that stand outside the database, and that the rows agree with. */
  readonly publishedMatched: number;
  /** The largest of those; null: none. */
  readonly publishedUpTo: number | null;
}

export interface VerifyReport {
  readonly logs: readonly VerifiedLog[];
  /** In the order in which they were found; the first names the first row that is wrong. */
  readonly offences: readonly Offence[];
  /** Offences beyond those that are told. */
  readonly moreOffences: number;
  /** Rows that are not sealed yet. */
  readonly unsealed: { readonly rows: number; readonly oldest: string | null };
  /** What could not be checked, for people. */
  readonly unchecked: readonly string[];
  /** What is no offence, yet should be known, such as rows that a restore has lost. */
  readonly remarks: readonly string[];
  /** False where nothing outside the database vouches for a log that has leaves. */
  readonly vouchedFor: boolean;
}

const TOLD = 20;

/** Collects what is found; the first twenty offences are told, the rest counted. */
export class Findings {
  readonly offences: Offence[] = [];
  readonly unchecked: string[] = [];
  readonly remarks: string[] = [];
  more = 0;

  offend(
    kind: OffenceKind,
    origin: string | null,
    what: string,
    { index = null, eventId = null }: Partial<Pick<Offence, 'index' | 'eventId'>> = {},
  ): void {
    if (this.offences.length < TOLD) this.offences.push({ kind, origin, index, eventId, what });
    else this.more += 1;
  }
}
