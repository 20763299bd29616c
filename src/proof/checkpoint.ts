import type { Hash } from './merkle-tree.js';
import { NoteError, openNote, signNote, type NoteSigner, type NoteVerifier } from './signed-note.js';

/** What a log says of itself at one moment: C2SP `tlog-checkpoint`. */
export interface Checkpoint {
  /** The log's own name, for ever; a log that begins anew has another. */
  readonly origin: string;
  /** How many leaves it has. */
  readonly size: number;
  readonly root: Hash;
}

/** Writes and signs a checkpoint; the note says who signed. */
export function signCheckpoint({ origin, size, root }: Checkpoint, signer: NoteSigner): string {
  if (origin === '' || origin.includes('\n')) throw new NoteError('the origin of a log is one line');
  if (!Number.isSafeInteger(size) || size < 0 || root.length !== 32) throw new NoteError('a checkpoint has a size and a hash of 32 bytes');
  return signNote(`${origin}\n${size}\n${root.toString('base64')}\n`, signer);
}

/**
 * Reads a checkpoint that a trusted key has signed; further lines that the format allows are passed over.
 * @throws NoteError where it is none, or nobody who is trusted has signed it
 */
export function openCheckpoint(note: string, trusted: readonly NoteVerifier[]): Checkpoint & { readonly keyIds: readonly string[] } {
  const { text, keyIds } = openNote(note, trusted);
  const [origin = '', size = '', encoded = '', ...others] = text.slice(0, -1).split('\n');
  const root = Buffer.from(encoded, 'base64');
  if (
    origin === '' ||
    !/^(0|[1-9]\d{0,15})$/.test(size) ||
    !Number.isSafeInteger(Number(size)) ||
    root.length !== 32 ||
    root.toString('base64') !== encoded ||
    others.includes('')
  ) {
    throw new NoteError('the note is no checkpoint');
  }
  return { origin, size: Number(size), root, keyIds };
}
