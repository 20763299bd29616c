import type { AttemptResult } from '../domain/attempt.js';
import type { AuditAction, AuditEvent } from '../domain/audit-event.js';
import type { Outcome } from '../domain/outcome.js';
import type { Hash } from '../proof/merkle-tree.js';
import type { Page } from './audit-log.js';

export interface EventFilters {
  readonly institutionId: string;
  readonly correlationId?: string | undefined;
  readonly customerId?: string | undefined;
  readonly action?: AuditAction | undefined;
  readonly result?: AttemptResult | undefined;
  readonly outcome?: Outcome | undefined;
  readonly httpStatus?: number | undefined;
  /** Which PUT of its request. */
  readonly attempt?: number | undefined;
  /** The actor's id. */
  readonly actor?: string | undefined;
  /** By `occurredAt`: from inclusive, to exclusive. */
  readonly from?: Date | undefined;
  readonly to?: Date | undefined;
}

/** A checkpoint as the database keeps it. */
export interface KeptCheckpoint {
  readonly treeId: number;
  readonly origin: string;
  readonly size: number;
  readonly root: Hash;
  /** The signed note. */
  readonly note: string;
  readonly signedAt: Date;
  /** The signed link to the log before it; null for the first log. */
  readonly continues: string | null;
}

export interface WantedCheckpoint {
  /** The log's name; left out: the newest one. */
  readonly origin?: string | undefined;
  /** Left out: its newest. */
  readonly size?: number | undefined;
}

/** What an export is to hold: every row that was committed when it began, whatever is written meanwhile. */
export interface ExportBounds {
  /** The moment, as Postgres tells it: `pg_snapshot`. */
  readonly snapshot: string;
  /** The newest checkpoint of that moment; null: nothing was sealed. */
  readonly checkpoint: KeptCheckpoint | null;
  /** What had been sealed at that moment, with or without a checkpoint; null: nothing. */
  readonly sealedUpTo: { readonly treeId: number; readonly size: number } | null;
  readonly rows: number;
  /** How many of them that checkpoint covers. */
  readonly sealedRows: number;
}

export interface ExportPage {
  readonly filters: EventFilters;
  readonly bounds: ExportBounds;
  /** The last position of the page before; 0 for the first page. */
  readonly after: bigint;
  readonly limit: number;
}

/** Rows in order of position, each as a line of JSON: the columns in camel case, times to the millisecond. */
export interface ExportedRows {
  readonly lines: string;
  readonly rows: number;
  readonly last: bigint;
}

/** What the newest rows that filters let through come to. */
export interface EventSummary {
  /** Rows that were looked at; never more than `SUMMARY_ROWS`. */
  readonly rows: number;
  /** When the oldest of them happened; null: there are none. */
  readonly since: Date | null;
  /** How requests ended, by the day in UTC, `2026-01-31`. */
  readonly outcomes: readonly { readonly day: string; readonly outcome: Outcome; readonly count: number }[];
  /** What came of attempts that did not succeed, the most frequent first. */
  readonly errors: readonly {
    readonly result: AttemptResult;
    readonly httpStatus: number | null;
    readonly upstreamCode: string | null;
    readonly count: number;
  }[];
  /** Who asked for unlocks, the most frequent first. */
  readonly actors: readonly { readonly actorId: string; readonly actorName: string | null; readonly count: number }[];
  /** How many requests came to a first attempt, a second one, and so on. */
  readonly attempts: readonly { readonly attempt: number; readonly count: number }[];
}

/** A row as it was sealed, or will be. */
export interface SealedRow {
  readonly eventId: string;
  /** In RFC 8785 canonical JSON: what the leaf is the hash of. */
  readonly record: string;
  /** Null: not sealed yet. */
  readonly leaf: LeafPlace | null;
}

export interface LeafPlace {
  readonly treeId: number;
  /** The name of that log. */
  readonly origin: string;
  readonly index: number;
  readonly hash: Hash;
}

/** One case: all rows of an unlock request. */
export interface CaseRows {
  readonly rows: readonly SealedRow[];
  /** In order of position, as `rows`. */
  readonly events: readonly AuditEvent[];
  /** The newest checkpoint of each log that holds a row of it. */
  readonly checkpoints: readonly KeptCheckpoint[];
}

export interface InclusionClaim {
  readonly treeId: number;
  readonly size: number;
  readonly indices: readonly number[];
}

export interface ConsistencyClaim {
  readonly treeId: number;
  readonly earlier: number;
  readonly size: number;
}

/** How far a look at the health of the house goes. */
export interface HealthQuery {
  /** Requests asked for within so many milliseconds are looked at; older ones have ended, or are the reconciler's to tell of. */
  readonly runningWithinMs: number;
  /** What counts as lately, in milliseconds. */
  readonly recentMs: number;
  /** Rows of each kind looked at, newest first. */
  readonly limit: number;
}

/** One institution's requests at a glance, by the database's clock. */
export interface HealthReading {
  readonly readAt: Date;
  /** Requests without an end; each that waits is counted under one heading. */
  readonly running: {
    readonly count: number;
    readonly waitingForApproval: number;
    readonly paused: number;
    readonly waitingForRetry: number;
    /** The correlationId of the one that was asked for first. */
    readonly oldest: string | null;
    readonly oldestRequestedAt: Date | null;
    /** False: the limit was reached, and there may be more. */
    readonly complete: boolean;
  };
  readonly lately: {
    readonly outcomes: ReadonlyMap<Outcome, number>;
    readonly attempts: ReadonlyMap<AttemptResult, number>;
    readonly complete: boolean;
  };
  readonly newestRowAt: Date | null;
  /** When the newest checkpoint was signed; null: there is none. */
  readonly checkpointAt: Date | null;
}

/** The audit log as compliance reads it: the rows of one institution, and the seal over the rows of all. */
export interface InstitutionReview {
  /** A page of events, newest first (by position, descending). */
  listEvents(page: Page<EventFilters, bigint>): Promise<AuditEvent[]>;
  /** Those that are there, in order of position. */
  eventsById(ids: readonly string[]): Promise<AuditEvent[]>;
  /** Of the newest rows, `SUMMARY_ROWS` at most. */
  summarize(filters: EventFilters): Promise<EventSummary>;
  beginExport(filters: EventFilters): Promise<ExportBounds>;
  /** @returns null after the last row */
  exportPage(page: ExportPage): Promise<ExportedRows | null>;
  caseOf(correlationId: string): Promise<CaseRows>;
  /** @returns null where the institution has no such row */
  sealedEvent(eventId: string): Promise<SealedRow | null>;
  /** @returns null where there is none */
  checkpoint(wanted: WantedCheckpoint): Promise<KeptCheckpoint | null>;
  /**
   * For each leaf the hashes that prove it under the root of `size` leaves: RFC 6962, section 2.1.1.
   * @throws SealBrokenError where the database lacks what the proof is made of
   */
  inclusionProofs(claim: InclusionClaim): Promise<Hash[][]>;
  /**
   * The hashes that prove that the tree of `size` leaves begins with the earlier one: RFC 6962, section 2.1.2.
   * @throws SealBrokenError where the database lacks what the proof is made of
   */
  consistencyProof(claim: ConsistencyClaim): Promise<Hash[]>;
  /** It costs as much as was asked for within the times that the query names, up to its limit. */
  health(query: HealthQuery): Promise<HealthReading>;
}

/** The same for many institutions: each call names whose eyes it looks with. */
export interface AuditReview extends Pick<InstitutionReview, 'listEvents' | 'summarize' | 'beginExport' | 'exportPage'> {
  eventsById(ids: readonly string[], institutionId: string): Promise<AuditEvent[]>;
  caseOf(correlationId: string, institutionId: string): Promise<CaseRows>;
  sealedEvent(eventId: string, institutionId: string): Promise<SealedRow | null>;
  checkpoint(wanted: WantedCheckpoint, institutionId: string): Promise<KeptCheckpoint | null>;
  inclusionProofs(claim: InclusionClaim, institutionId: string): Promise<Hash[][]>;
  consistencyProof(claim: ConsistencyClaim, institutionId: string): Promise<Hash[]>;
  health(query: HealthQuery, institutionId: string): Promise<HealthReading>;
}
