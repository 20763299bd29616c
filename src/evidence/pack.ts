import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { strToU8, zipSync } from 'fflate';
import { packageFolder } from '../package-folder.js';
import type { EvidenceCase } from './case.js';
import { casePage } from './page.js';

/** One file (zip) that stands without us: records, proofs, checkpoints, a page for people, and a verifier that needs only Node. */
export function evidencePack(given: EvidenceCase): Buffer {
  const { correlationId, institutionId, madeAt, madeFor, records, logs, workflow, publicKeys } = given;
  const evidence = {
    format: 'latchkey-evidence/1',
    correlationId,
    institutionId,
    madeAt: madeAt.toISOString(),
    madeFor,
    publicKeys,
    logs,
    records: records.map(({ eventId, sealed }) => ({
      eventId,
      log: sealed?.origin ?? null,
      leafIndex: sealed?.index ?? null,
      proof: sealed?.proof.map((hash) => hash.toString('base64')) ?? null,
    })),
    workflow,
  };
  const files = {
    'README.txt': readme(given),
    'case.html': casePage(given),
    'evidence.json': `${JSON.stringify(evidence, null, 2)}\n`,
    'records.ndjson': records.map(({ record }) => `${record}\n`).join(''),
    'verify.mjs': verifier(),
    ...Object.fromEntries(logs.map(({ checkpoint }, at) => [`checkpoint-${at + 1}.note`, checkpoint])),
  };
  const zipped = zipSync(Object.fromEntries(Object.entries(files).map(([name, text]) => [name, strToU8(text)])), { mtime: madeAt });
  return Buffer.from(zipped);
}

let verifierText: string | undefined;

function verifier(): string {
  verifierText ??= readFileSync(join(packageFolder(), 'evidence', 'verify.mjs'), 'utf8');
  return verifierText;
}

function readme({ correlationId, madeAt, madeFor, records }: EvidenceCase): string {
  const unsealed = records.filter(({ sealed }) => sealed === null).length;
  return [
    `Evidence on the unlock request ${correlationId}`,
    `made ${madeAt.toISOString()} for ${madeFor.name ?? madeFor.id} (${madeFor.type} ${madeFor.id})`,
    '',
    'case.html         the case, to be read',
    'records.ndjson    every audit event of the request, one a line, exactly as it was sealed (RFC 8785 canonical JSON)',
    'evidence.json     where each of them stands in the log, with the proof (RFC 6962), and the signed checkpoint',
    'checkpoint-*.note the signed checkpoints (C2SP tlog-checkpoint)',
    'verify.mjs        checks all of it, offline',
    '',
    "  node verify.mjs --key 'name+id+key'",
    '',
    'Take the public key from a place other than this file, and compare the checkpoint with the one published under its size.',
    ...(unsealed > 0
      ? ['', `${unsealed} of the records were not sealed yet when this was made: ask for the evidence again in a few seconds.`]
      : []),
    '',
  ].join('\n');
}
