import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { hostFaults, type HostRules } from './host-rules.js';
import { readSecretFile } from './secret-files.js';
import { readJsonFile } from './setting-files.js';
import { httpUrl, institutionId, text } from './settings.js';
import { webhookKey } from './webhooks/signature.js';

/** A caller who is told that its requests have ended. */
export interface WebhookEntry {
  readonly institutionId: string;
  readonly clientId: string;
  readonly url: string;
  /** The current one first; none where this part calls no receivers: then they are not even read. */
  readonly secrets: readonly string[];
}

const entry = z
  .strictObject({
    institutionId,
    clientId: text,
    url: httpUrl,
    secretFile: text.optional(),
    secretVariable: text.optional(),
    previousSecretFile: text.optional(),
    previousSecretVariable: text.optional(),
  })
  .refine(({ secretFile, secretVariable }) => (secretFile === undefined) !== (secretVariable === undefined), {
    error: 'must name its secret by secretFile or by secretVariable, and never hold it',
  })
  .refine(({ previousSecretFile, previousSecretVariable }) => previousSecretFile === undefined || previousSecretVariable === undefined, {
    error: 'must name its previous secret by previousSecretFile or by previousSecretVariable, not by both',
  });
const entries = z
  .array(entry)
  .refine((all) => new Set(all.map((each) => JSON.stringify([each.institutionId, each.clientId]))).size === all.length, {
    error: 'must name each caller once',
  });

interface Reading {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Whether this part calls receivers. */
  readonly callsReceivers: boolean;
  /** The institutions that are served; none where that is not known yet. */
  readonly served: readonly string[];
  readonly hostRules: HostRules;
  readonly faults: string[];
}

/** The file that each fault names. */
const NAME = 'WEBHOOKS_FILE';

/**
 * Reads the file of callers' webhooks; files that it names are looked for beside it.
 * @returns none where it is not set, or of no use, which `faults` then tells without a word of what it holds
 */
export function readWebhooks(path: string | undefined, reading: Reading): readonly WebhookEntry[] {
  const { faults, hostRules, served, callsReceivers } = reading;
  const given = readJsonFile(path, NAME, entries, faults);
  if (path === undefined || given === null) return [];
  return given.map(({ institutionId, clientId, url, ...named }, index) => {
    const name = `${NAME}.${index}`;
    faults.push(...hostFaults(`${name}.url`, url, hostRules));
    if (served.length > 0 && !served.includes(institutionId)) faults.push(`${name}.institutionId: is none that is served`);
    const secrets = callsReceivers ? secretsOf(named, name, dirname(path), reading) : [];
    return { institutionId, clientId, url, secrets };
  });
}

type Named = Omit<z.infer<typeof entry>, 'institutionId' | 'clientId' | 'url'>;

function secretsOf(named: Named, name: string, folder: string, { environment, faults }: Reading): string[] {
  const ways = [
    { file: named.secretFile, variable: named.secretVariable, field: 'secret' },
    { file: named.previousSecretFile, variable: named.previousSecretVariable, field: 'previousSecret' },
  ];
  return ways.flatMap(({ file, variable, field }) => {
    if (file === undefined && variable === undefined) return [];
    const told = `${name}.${field}${file === undefined ? 'Variable' : 'File'}`;
    const secret = file === undefined ? environment[variable ?? ''] : readSecretFile(resolve(folder, file), told, faults);
    if (file === undefined && secret === undefined) faults.push(`${told}: ${variable ?? ''} is not set`);
    if (secret === undefined) return [];
    if (webhookKey(secret) === null) faults.push(`${told}: must be whsec_ and 24 to 64 bytes in base64`);
    return [secret];
  });
}
