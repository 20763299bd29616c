import { openCheckpoint, type Checkpoint } from '../proof/checkpoint.js';
import { NoteError, type NoteVerifier } from '../proof/signed-note.js';
import type { Findings } from './verify-report.js';

/** A note as it was found. */
export interface FoundNote {
  /** Where, for people: a file's name, or the database. */
  readonly where: string;
  readonly note: string;
  /** True where whoever can write to the database cannot have written it. */
  readonly isPublished: boolean;
}

/** Checkpoints of one log that are trusted, smallest first; one a size. */
export interface TrustedCheckpoint extends Checkpoint {
  readonly where: string;
  readonly isPublished: boolean;
}

/**
 * Opens the notes and sorts them by log and size. What contradicts another one, or bears a wrong signature, is an offence.
 * @param trusted the current key first, then former ones, newest first
 */
export function sortCheckpoints(
  notes: readonly FoundNote[],
  trusted: readonly NoteVerifier[],
  findings: Findings,
): Map<string, TrustedCheckpoint[]> {
  const logs = new Map<string, (TrustedCheckpoint & { readonly key: number })[]>();
  for (const { where, note, isPublished } of notes) {
    try {
      const { keyIds, ...checkpoint } = openCheckpoint(note, trusted);
      const key = Math.min(...keyIds.map((id) => trusted.findIndex(({ keyId }) => keyId === id)));
      logs.set(checkpoint.origin, [...(logs.get(checkpoint.origin) ?? []), { ...checkpoint, where, isPublished, key }]);
    } catch (error) {
      if (!(error instanceof NoteError)) throw error;
      const isForeign = isPublished && error.isUntrusted;
      if (isForeign) findings.unchecked.push(`${where}: ${error.message}`);
      else findings.offend('signature', null, `${where}: ${error.message}`);
    }
  }
  return new Map([...logs].map(([origin, found]) => [origin, agreeing(origin, found, findings)]));
}

function agreeing(
  origin: string,
  found: readonly (TrustedCheckpoint & { readonly key: number })[],
  findings: Findings,
): TrustedCheckpoint[] {
  const bySize = new Map<number, TrustedCheckpoint>();
  let newestKey = Infinity;
  // Published ones first: where two contradict, the one outside the database stands.
  const inOrder = found.toSorted(
    (one, other) => one.size - other.size || Number(other.isPublished) - Number(one.isPublished) || one.key - other.key,
  );
  for (const { key, ...checkpoint } of inOrder) {
    const { size, root, where } = checkpoint;
    if (key > newestKey) {
      findings.offend(
        'retired_key',
        origin,
        `${where}: the checkpoint of ${size} leaves is signed by a key that another one had replaced before`,
      );
    }
    newestKey = Math.min(newestKey, key);
    const same = bySize.get(size);
    if (same === undefined) bySize.set(size, checkpoint);
    else if (!same.root.equals(root)) {
      findings.offend('forked', origin, `${same.where} and ${where} have different roots for ${size} leaves: there were two logs`);
    }
  }
  return [...bySize.values()];
}
