import type { Hash } from './merkle-tree.js';
import { NoteError, openNote, signNote, type NoteSigner, type NoteVerifier } from './signed-note.js';

/** How far a log had come. */
export interface LogEnd {
  readonly size: number;
  readonly root: Hash;
}

/** What a log says of the one that it continues, after the database was restored from a backup. */
export interface Continuation {
  /** The log that begins. */
  readonly origin: string;
  /** The log that it goes on from. */
  readonly continues: string;
  /** The newest checkpoint that was published of that one; null: none was found. */
  readonly published: LogEnd | null;
  /** Where that one ends in the restored database: what was published beyond it was lost. */
  readonly restored: LogEnd;
  /** Why, in the words of whoever restored it; one line. */
  readonly reason: string;
}

const LINE = /^[^\p{C}]+$/u;

/**
 * Writes and signs the link from one log to the one before: a note of its own kind, no checkpoint.
 * @throws NoteError where a part of it is not one line
 */
export function signContinuation({ origin, continues, published, restored, reason }: Continuation, signer: NoteSigner): string {
  if (![origin, continues, reason].every((line) => LINE.test(line))) throw new NoteError('origin and reason are one line each');
  const lines = [origin, `continues ${continues}`, `published ${endLine(published)}`, `restored ${endLine(restored)}`, `reason ${reason}`];
  return signNote(`${lines.join('\n')}\n`, signer);
}

/**
 * Reads what `signContinuation` wrote.
 * @throws NoteError where it is none, or nobody who is trusted has signed it
 */
export function openContinuation(note: string, trusted: readonly NoteVerifier[]): Continuation {
  const { text } = openNote(note, trusted);
  const [, origin, continues, published, restored, reason] =
    /^(.+)\ncontinues (.+)\npublished (none|\d+ \S+)\nrestored (\d+ \S+)\nreason (.+)\n$/.exec(text) ?? [];
  if (origin === undefined || continues === undefined || restored === undefined || reason === undefined) {
    throw new NoteError('the note does not say which log another one continues');
  }
  const end = endOf(restored);
  if (end === null) throw new NoteError('the note does not say where the restored log ends');
  return { origin, continues, published: endOf(published ?? ''), restored: end, reason };
}

function endLine(end: LogEnd | null): string {
  return end === null ? 'none' : `${end.size} ${end.root.toString('base64')}`;
}

function endOf(line: string): LogEnd | null {
  if (line === 'none') return null;
  const [size = '', encoded = ''] = line.split(' ');
  const root = Buffer.from(encoded, 'base64');
  if (!Number.isSafeInteger(Number(size)) || root.length !== 32) throw new NoteError('the note has a size or a hash that is none');
  return { size: Number(size), root };
}
