import type { AuditEvent } from '../domain/audit-event.js';
import type { HistoryDigest } from '../domain/history-digest.js';
import type { Hash } from '../proof/merkle-tree.js';

/** A log of which a record is a leaf. */
export interface EvidenceLog {
  readonly origin: string;
  /** The signed note. */
  readonly checkpoint: string;
  /** The signed link to the log before it; null for the first log. */
  readonly continues: string | null;
}

export interface EvidenceRecord {
  readonly eventId: string;
  /** In RFC 8785 canonical JSON: what the leaf is the hash of. */
  readonly record: string;
  /** Null: no checkpoint covers it yet. */
  readonly sealed: { readonly origin: string; readonly index: number; readonly proof: readonly Hash[] } | null;
}

/** Everything that is handed over about one unlock request. */
export interface EvidenceCase {
  readonly correlationId: string;
  readonly institutionId: string;
  readonly madeAt: Date;
  readonly madeFor: { readonly type: string; readonly id: string; readonly name: string | null };
  readonly records: readonly EvidenceRecord[];
  /** The same rows, for the page. */
  readonly events: readonly AuditEvent[];
  readonly logs: readonly EvidenceLog[];
  readonly workflow: HistoryDigest | { readonly unavailable: string };
  /** As this deployment has them: an examiner gets them from elsewhere too. */
  readonly publicKeys: readonly string[];
}
