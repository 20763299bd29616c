import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { connectAudit } from '../audit/connection.js';
import { continueLog } from '../audit/continue-log.js';
import type { Config, Part } from '../config.js';
import { openCheckpoint, signCheckpoint } from '../proof/checkpoint.js';
import { signContinuation, type LogEnd } from '../proof/continuation.js';
import { NoteError, readVerifier, verifierKey, type NoteSigner } from '../proof/signed-note.js';
import { pathOfOrigin } from '../publication/index.js';
import { createDirectoryPublication } from '../publication/directory.js';
import { fetchAuditFile } from './audit-fetch.js';
import { listAuditEvents } from './audit-list.js';
import { verifyByHand, verifyExitCodes, type VerifyOptions } from './audit-verify.js';
import { ending, exitCodeHelp } from './exit-codes.js';
import { callerHelp, countArgument, kebab } from './people.js';
import { auditSigner, publishDirectory, trustedVerifierKeys } from './sealer.js';

interface AuditCommandParts {
  readonly program: Command;
  readonly settingsOf: (part: Part) => Config;
  readonly say: (line: string) => void;
}

const filters = ['correlationId', 'customerId', 'action', 'result', 'outcome', 'httpStatus', 'actor', 'from', 'to'] as const;

/** Adds `latchkey audit …`: what is read of the audit log and done about its seal by hand. */
export function addAuditCommands({ program, settingsOf, say }: AuditCommandParts): void {
  const audit = program.command('audit').description('reads the audit log, and works on its seal');

  audit
    .command('key')
    .description('prints the public key of AUDIT_SIGNING_KEY: what AUDIT_VERIFIERS and an examiner are given')
    .action(async () => say(verifierKey(await auditSigner(settingsOf('key')))));

  audit
    .command('verify')
    .description('computes the seal anew from the rows, and holds it against the published checkpoints')
    .option('--checkpoints <path...>', 'files, or directories, of published checkpoints (default: AUDIT_PUBLISH_DIR)')
    .option('--key <name+id+key...>', 'public keys that are trusted, the current one first (default: AUDIT_VERIFIERS)')
    .option('--since <file>', 'a checkpoint that is trusted already: what it holds is not read again')
    .option('--json', 'the whole report as JSON')
    .addHelpText(
      'after',
      `\nExit codes: ${verifyExitCodes.intact} intact, 1 could not verify, 2 wrong usage, ${verifyExitCodes.falsified} falsified, ${verifyExitCodes.notVouchedFor} nothing wrong, but no checkpoint from outside the database vouches for it.`,
    )
    .action(async (options: VerifyOptions) => {
      process.exitCode = await verifyByHand({ config: settingsOf('audit'), options, say, stderr: process.stderr });
    });

  const listing = audit
    .command('list')
    .description('shows the newest audit events of your institution; each page that is read is recorded')
    .option('--limit <number>', `how many at most (default: ${USUAL_LIMIT})`, countArgument)
    .option('--all', 'all that there are')
    .option('--json', 'NDJSON, with all that the audit log has of each event');
  for (const name of filters) listing.option(`--${kebab(name)} <value>`, `only with this ${name}, as in GET /v1/audit/events`);
  listing
    .addHelpText('after', `${callerHelp('audit:read')}\n\nExit codes: 0 told, ${exitCodeHelp.calling}.`)
    .action(
      ending(async ({ limit = USUAL_LIMIT, all = false, json = false, ...given }: ListOptions) =>
        listAuditEvents({ config: settingsOf('caller'), filters: given, limit: all ? null : limit, json }),
      ),
    );

  const exporting = audit
    .command('export')
    .description('takes the audit events of your institution from the front door as one file; that is recorded')
    .requiredOption('--format <csv|ndjson>', 'CSV for spreadsheets, NDJSON for programs')
    .option('--out <file>', 'where to write it (default: the name that the front door gives it)');
  for (const name of filters) exporting.option(`--${kebab(name)} <value>`, `only with this ${name}, as in GET /v1/audit/events`);
  exporting.addHelpText('after', callerHelp('audit:read')).action(async (options: Readonly<Record<string, string | undefined>>) => {
    const query = new URLSearchParams({ format: options.format ?? '' });
    for (const name of filters) if (options[name] !== undefined) query.set(name, options[name]);
    await fetchAuditFile({
      config: settingsOf('caller'),
      path: `export?${query.toString()}`,
      out: options.out ?? null,
      say,
      stderr: process.stderr,
    });
  });

  audit
    .command('evidence <correlationId>')
    .description('takes the evidence on one unlock request: a zip that anybody can verify with Node alone; that is recorded')
    .option('--out <file>', 'where to write it (default: evidence-<correlationId>.zip)')
    .addHelpText('after', callerHelp('audit:read'))
    .action(async (correlationId: string, { out }: { out?: string }) => {
      const path = `unlocks/${encodeURIComponent(correlationId)}/evidence`;
      await fetchAuditFile({ config: settingsOf('caller'), path, out: out ?? null, say, stderr: process.stderr });
    });

  audit
    .command('continue')
    .description('begins a new log after the database was restored from a backup, with a signed link to the one before')
    .requiredOption('--reason <text>', 'why, in one line; it is signed and kept')
    .option('--published <file>', 'the newest checkpoint that was published before the restore (default: in AUDIT_PUBLISH_DIR)')
    .action(async ({ reason, published }: { reason: string; published?: string }) => {
      await continueByHand({ config: settingsOf('continue'), reason, published: published ?? null, say });
    });
}

interface ListOptions extends Partial<Record<(typeof filters)[number], string>> {
  readonly limit?: number;
  readonly all?: boolean;
  readonly json?: boolean;
}

const USUAL_LIMIT = 50;

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

async function continueByHand({ config, reason, published, say }: Continuing): Promise<void> {
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
