import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { verifyInTransaction, type VerifyReport } from '../audit/verify.js';
import type { Config } from '../config.js';
import { openCheckpoint } from '../proof/checkpoint.js';
import { readVerifier } from '../proof/signed-note.js';
import { readPublished, type PublishedFile } from '../publication/directory.js';
import { verifyExitCodes } from './exit-codes.js';
import { progressBar } from './progress.js';
import { publishDirectory, trustedVerifierKeys } from './sealer.js';

export interface VerifyOptions {
  readonly checkpoints?: readonly string[];
  readonly key?: readonly string[];
  readonly since?: string;
  readonly json?: boolean;
}

interface VerifyParts {
  readonly config: Config;
  readonly options: VerifyOptions;
  readonly say: (line: string) => void;
  readonly stderr: NodeJS.WriteStream;
}

/**
 * Verifies the audit log and says what was found.
 * @returns the exit code
 * @throws where the database, a key or a file cannot be read
 */
export async function verifyByHand({ config, options, say, stderr }: VerifyParts): Promise<number> {
  const trusted = (options.key ?? (await trustedVerifierKeys(config))).map(readVerifier);
  if (trusted.length === 0) throw new Error('no public key is trusted: give one with --key, or set AUDIT_VERIFIERS');
  const { published, remarks } = await publishedNotes(config, options);
  const since = options.since === undefined ? null : openCheckpoint(await readFile(options.since, 'utf8'), trusted);
  const client = new pg.Client(connectionOf(config));
  await client.connect();
  const bar = progressBar(stderr, 'rows verified');
  try {
    const report = await verifyInTransaction({ client, trusted, published, since, onProgress: bar.show });
    bar.clear();
    const told: VerifyReport = { ...report, unchecked: [...remarks, ...report.unchecked] };
    for (const line of options.json === true ? [JSON.stringify(told)] : inWords(told)) say(line);
    if (told.offences.length > 0) return verifyExitCodes.falsified;
    return told.vouchedFor ? verifyExitCodes.intact : verifyExitCodes.notVouchedFor;
  } finally {
    bar.clear();
    await client.end();
  }
}

async function publishedNotes(config: Config, { checkpoints }: VerifyOptions): Promise<{ published: PublishedFile[]; remarks: string[] }> {
  const own = publishDirectory(config);
  const paths = checkpoints ?? (own === undefined ? [] : [own]);
  const published: PublishedFile[] = [];
  const remarks: string[] = [];
  for (const path of paths) {
    try {
      const { files, found } = await readPublished(path);
      published.push(...files);
      if (files.length < found) remarks.push(`${found - files.length} of the ${found} checkpoints in ${path}`);
    } catch (error) {
      // The place of the settings may not be there yet; one that was named must be.
      if (checkpoints !== undefined) throw error;
      remarks.push(`checkpoints in ${path}, which cannot be read`);
    }
  }
  return { published, remarks };
}

function connectionOf({ AUDIT_DATABASE_URL, DATABASE_URL }: Config): pg.ClientConfig {
  const connectionString = AUDIT_DATABASE_URL ?? DATABASE_URL;
  if (connectionString === undefined) throw new TypeError('AUDIT_DATABASE_URL is not set');
  // A login of its own has rights of its own; the one login for everything takes the lesser role.
  const role = AUDIT_DATABASE_URL === undefined ? { options: '-c role=latchkey_auditor' } : {};
  return { connectionString, application_name: 'latchkey-verify', connectionTimeoutMillis: 10_000, keepAlive: true, ...role };
}

function inWords({ logs, offences, moreOffences, unsealed, unchecked, remarks, vouchedFor }: VerifyReport): string[] {
  const leaves = logs.reduce((sum, log) => sum + log.leaves, 0);
  const verdict =
    offences.length > 0
      ? `FALSIFIED: ${offences.length + moreOffences} offence(s) were found`
      : vouchedFor
        ? `INTACT: ${leaves} sealed rows are as they were recorded`
        : 'NOT VOUCHED FOR: nothing is wrong within the database, and nothing outside it says so';
  const offenceLines = offences.map(({ kind, what, eventId }) => `  ${kind}: ${what}${eventId === null ? '' : ` (event ${eventId})`}`);
  return [
    verdict,
    ...offenceLines,
    ...(moreOffences > 0 ? [`  and ${moreOffences} more`] : []),
    ...logs.map(
      ({ origin, leaves: size, publishedMatched, publishedUpTo }) =>
        `log ${origin}: ${size} leaves; ${publishedMatched} published checkpoints agree, the newest of ${publishedUpTo ?? 0} leaves`,
    ),
    `not sealed yet: ${unsealed.rows} rows${unsealed.oldest === null ? '' : `, the oldest recorded ${unsealed.oldest}`}`,
    ...remarks.map((remark) => `note: ${remark}`),
    ...unchecked.map((line) => `not checked: ${line}`),
  ];
}
