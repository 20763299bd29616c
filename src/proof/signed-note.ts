import { createHash, createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto';

/** Who signs: the name that stands in the note, and an Ed25519 key. */
export interface NoteSigner {
  readonly name: string;
  readonly key: KeyObject;
}

/** Whose signature is trusted: a name, the key's id within notes, and the Ed25519 public key. */
export interface NoteVerifier {
  readonly name: string;
  /** Eight hexadecimal digits. */
  readonly keyId: string;
  readonly key: KeyObject;
}

const ED25519 = Buffer.of(1);
const DASH = '\u2014';
// What stands before the 32 bytes of an Ed25519 key in its DER forms: RFC 8410.
const PUBLIC_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
const PRIVATE_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/** Thrown where a text is no signed note, a key is none, or nobody who is trusted has signed. */
export class NoteError extends Error {
  override readonly name = 'NoteError';
  /** True where the note may be good, and is signed by others alone. */
  readonly isUntrusted: boolean;

  constructor(message: string, { isUntrusted = false } = {}) {
    super(message);
    this.isUntrusted = isUntrusted;
  }
}

function assertName(name: string): void {
  if (name === '' || /[\s+]/u.test(name) || /\p{Surrogate}/u.test(name))
    throw new NoteError('a name in a note is not empty and has neither white space nor "+"');
}

function rawPublicKey(key: KeyObject): Buffer {
  const der = createPublicKey(key).export({ format: 'der', type: 'spki' });
  if (der.length !== 44 || !der.subarray(0, 12).equals(PUBLIC_PREFIX)) throw new NoteError('the key is not an Ed25519 key');
  return der.subarray(12);
}

const keyIdOf = (name: string, raw: Buffer): Buffer =>
  createHash('sha256').update(`${name}\n`).update(ED25519).update(raw).digest().subarray(0, 4);

/**
 * Reads a signing key: PKCS #8 in PEM, or in DER as one line of base64, or `PRIVATE+KEY+name+id+base64` as Go's tools write it.
 * @throws NoteError where it is neither, or no Ed25519 key
 */
export function readSigner(text: string, name: string): NoteSigner {
  const [, owner, seedWithType] = /^PRIVATE\+KEY\+([^+\s]+)\+[0-9a-f]{8}\+([A-Za-z0-9+/=]+)$/.exec(text.trim()) ?? [];
  let key: KeyObject;
  try {
    const der = seedWithType === undefined ? derIn(text) : Buffer.concat([PRIVATE_PREFIX, Buffer.from(seedWithType, 'base64').subarray(1)]);
    key = createPrivateKey(der === null ? text : { key: der, format: 'der', type: 'pkcs8' });
  } catch {
    throw new NoteError('the signing key cannot be read: it must be an Ed25519 private key in PKCS #8 form, PEM or one line of base64');
  }
  if (owner !== undefined && owner !== name) throw new NoteError(`the signing key belongs to "${owner}", not to "${name}"`);
  assertName(name);
  rawPublicKey(key);
  return { name, key };
}

function derIn(text: string): Buffer | null {
  const line = text.trim();
  return /^[A-Za-z0-9+/]+={0,2}$/.test(line) ? Buffer.from(line, 'base64') : null;
}

/** The verifier's key of a signer as one line, `name+id+base64`: what an examiner is handed. */
export function verifierKey({ name, key }: NoteSigner): string {
  const raw = rawPublicKey(key);
  return `${name}+${keyIdOf(name, raw).toString('hex')}+${Buffer.concat([ED25519, raw]).toString('base64')}`;
}

/**
 * Reads a verifier's key, `name+id+base64`.
 * @throws NoteError where the form, the algorithm or the id is wrong
 */
export function readVerifier(text: string): NoteVerifier {
  const [, name, keyId, encoded] = /^([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(text.trim()) ?? [];
  if (name === undefined || keyId === undefined || encoded === undefined) throw new NoteError('a public key has the form name+id+base64');
  const bytes = Buffer.from(encoded, 'base64');
  if (bytes.length !== 33 || bytes[0] !== ED25519[0]) throw new NoteError(`the public key of "${name}" is not an Ed25519 key`);
  const raw = bytes.subarray(1);
  if (keyIdOf(name, raw).toString('hex') !== keyId) throw new NoteError(`the id of the public key of "${name}" does not belong to it`);
  return { name, keyId, key: createPublicKey({ key: Buffer.concat([PUBLIC_PREFIX, raw]), format: 'der', type: 'spki' }) };
}

/**
 * Signs a text: C2SP `signed-note`, Ed25519.
 * @throws NoteError where the text does not end in a line feed, is empty, or holds control characters
 */
export function signNote(text: string, { name, key }: NoteSigner): string {
  if (!text.endsWith('\n') || /[\u0000-\u0009\u000b-\u001f\u007f]/.test(text) || /\p{Surrogate}/u.test(text))
    throw new NoteError('the text of a note is lines of plain characters');
  const signature = sign(null, Buffer.from(text), key);
  return `${text}\n${DASH} ${name} ${Buffer.concat([keyIdOf(name, rawPublicKey(key)), signature]).toString('base64')}\n`;
}

/**
 * Opens a note that at least one of the trusted has signed; a wrong signature in a trusted name spoils it, signatures of others are passed over.
 * @returns the text, and the ids of the trusted keys that signed it
 * @throws NoteError where it is no note, or none of the trusted has signed it
 */
export function openNote(note: string, trusted: readonly NoteVerifier[]): { readonly text: string; readonly keyIds: readonly string[] } {
  const end = note.lastIndexOf('\n\n');
  if (end < 0 || !note.endsWith('\n')) throw new NoteError('this is no signed note');
  const text = note.slice(0, end + 1);
  const keyIds: string[] = [];
  for (const line of note.slice(end + 2, -1).split('\n')) {
    const [, name, encoded] = new RegExp(`^${DASH} ([^+\\s]+) ([A-Za-z0-9+/=]+)$`, 'u').exec(line) ?? [];
    if (name === undefined || encoded === undefined) throw new NoteError('this is no signed note: a signature line has another form');
    const bytes = Buffer.from(encoded, 'base64');
    const keyId = bytes.subarray(0, 4).toString('hex');
    const verifier = trusted.find((one) => one.name === name && one.keyId === keyId);
    if (verifier === undefined || keyIds.includes(keyId)) continue;
    if (bytes.length !== 68 || !verify(null, Buffer.from(text), verifier.key, bytes.subarray(4))) {
      throw new NoteError(`the signature of "${name}" (key ${keyId}) is wrong`);
    }
    keyIds.push(keyId);
  }
  if (keyIds.length === 0) throw new NoteError('nobody who is trusted has signed this note', { isUntrusted: true });
  return { text, keyIds };
}
