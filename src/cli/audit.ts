import type { Command } from 'commander';
import type { Config, Part } from '../config.js';
import type { VerifyOptions } from './audit-verify.js';
import { ending, exitCodeHelp, verifyExitCodes } from './exit-codes.js';
import { callerHelp, countArgument, kebab } from './people.js';

// What a command needs beyond its own description is loaded once it runs: the others start quicker for that.

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
    .action(async () => {
      const { auditSigner } = await import('./sealer.js');
      const { verifierKey } = await import('../proof/signed-note.js');
      say(verifierKey(await auditSigner(settingsOf('key'))));
    });

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
      const { verifyByHand } = await import('./audit-verify.js');
      process.exitCode = await verifyByHand({ config: settingsOf('audit'), options, say, stderr: process.stderr });
    });

  const listing = audit
    .command('list')
    .description('shows the newest audit events of your institution; each page that is read is recorded')
    .option('--limit <number>', `how many at most (default: ${USUAL_LIMIT})`, countArgument)
    .option('--all', 'all that there are')
    .option('--json', 'NDJSON, with all that the audit log has of each event');
  for (const name of filters) listing.option(`--${kebab(name)} <value>`, `only with this ${name}, as in GET /v1/audit/events`);
  listing.addHelpText('after', `${callerHelp('audit:read')}\n\nExit codes: 0 told, ${exitCodeHelp.calling}.`).action(
    ending(async ({ limit = USUAL_LIMIT, all = false, json = false, ...given }: ListOptions) => {
      const { listAuditEvents } = await import('./audit-list.js');
      return listAuditEvents({ config: settingsOf('caller'), filters: given, limit: all ? null : limit, json });
    }),
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
    const { fetchAuditFile } = await import('./audit-fetch.js');
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
      const { fetchAuditFile } = await import('./audit-fetch.js');
      await fetchAuditFile({ config: settingsOf('caller'), path, out: out ?? null, say, stderr: process.stderr });
    });

  audit
    .command('continue')
    .description('begins a new log after the database was restored from a backup, with a signed link to the one before')
    .requiredOption('--reason <text>', 'why, in one line; it is signed and kept')
    .option('--published <file>', 'the newest checkpoint that was published before the restore (default: in AUDIT_PUBLISH_DIR)')
    .action(async ({ reason, published }: { reason: string; published?: string }) => {
      const { continueByHand } = await import('./audit-continue.js');
      await continueByHand({ config: settingsOf('continue'), reason, published: published ?? null, say });
    });
}

interface ListOptions extends Partial<Record<(typeof filters)[number], string>> {
  readonly limit?: number;
  readonly all?: boolean;
  readonly json?: boolean;
}

const USUAL_LIMIT = 50;
