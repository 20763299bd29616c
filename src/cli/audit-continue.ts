import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { connectAudit } from '../audit/connection.js';
import { continueLog } from '../audit/continue-log.js';
import type { Config } from '../config.js';
import { openCheckpoint, signCheckpoint } from '../proof/checkpoint.js';
import { signContinuation, type LogEnd } from '../proof/continuation.js';
import { NoteError, readVerifier, verifierKey, type NoteSigner } from '../proof/signed-note.js';
import { pathOfOrigin } from '../publication/index.js';
import { createDirectoryPublication } from '../publication/directory.js';
import { auditSigner, publishDirectory, trustedVerifierKeys } from './sealer.js';

function isSignedBy(signer: NoteSigner, note: string): boolean {
  try {
    openCheckpoint(note, [readVerifier(verifierKey(signer))]);
    return true;
  } catch (error) {
    if (error instanceof NoteError) return false;
    throw error;
  }
}

interface Continuing {
  readonly config: Config;
  readonly reason: string;
  readonly published: string | null;
  readonly say: (line: string) => void;
}

const LONG_MS = 600_000;

/** Begins a new log after a restore, with a signed link to the one before. */
export async function continueByHand({ config, reason, published, say }: Continuing): Promise<void> {
  const signer = await auditSigner(config);
  const trusted = [...(await trustedVerifierKeys(config)), verifierKey(signer)].map(readVerifier);
  const directory = publishDirectory(config);
  const databaseUrl = config.MIGRATE_DATABASE_URL ?? config.DATABASE_URL;
  if (databaseUrl === undefined) throw new TypeError('MIGRATE_DATABASE_URL is not set');
  const noteOf = async (origin: string): Promise<string | null> => {
    if (published !== null) return readFile(published, 'utf8');
    return directory === undefined ? null : createDirectoryPublication(directory).newest(origin);
  };
  const { prisma, close } = connectAudit({ databaseUrl, role: null, poolSize: 1, statementTimeoutMs: LONG_MS });
  try {
    const newest = await prisma.auditTree.findFirst({ orderBy: { id: 'desc' } });
    const note = newest === null ? null : await noteOf(newest.origin);
    const end: (LogEnd & { readonly origin: string }) | null = note === null ? null : openCheckpoint(note, trusted);
    if (newest !== null && end !== null && end.origin !== newest.origin) {
      throw new Error(`the checkpoint given is of ${end.origin}, and the log in this database is ${newest.origin}`);
    }
    // A later checkpoint by another key stands already: one of a smaller tree by this key would make that other one look misused.
    const mayVouch = ({ size }: { readonly size: number }): boolean =>
      note === null || end === null || end.size <= size || isSignedBy(signer, note);
    let link = '';
    const { restored, rows } = await continueLog({
      prisma,
      link: (old) => {
        const origin = `${config.AUDIT_LOG_ORIGIN}/${old.treeId + 2}`;
        link = signContinuation({ origin, continues: old.origin, published: end, restored: old, reason }, signer);
        return { origin, note: link, checkpoint: mayVouch(old) ? signCheckpoint(old, signer) : null };
      },
    });
    const [origin = ''] = link.split('\n');
    if (directory !== undefined) say(`the link stands in ${await publishLink(directory, origin, link)} too`);
    say(`${origin} continues ${restored.origin}, which ends at ${restored.size} leaves, and begins with ${rows} rows that had none`);
    if (end !== null && end.size > restored.size)
      say(`${end.size - restored.size} rows that were published are lost: docs/audit.md says what to do`);
    say('');
    say(link);
  } finally {
    await close();
  }
}

async function publishLink(directory: string, origin: string, link: string): Promise<string> {
  const path = join(directory, pathOfOrigin(origin), 'continues.note');
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, link, { flag: 'wx' });
  return path;
}
