import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import type { ClassificationRule } from './domain/classification.js';
import type { RepeatGuard } from './domain/repeat-guard.js';
import { hostFaults, type HostRules } from './host-rules.js';
import { readSecretFile } from './secret-files.js';
import { readCertificateAndKey, readCodes, readFile, readJsonFile, type CertificateAndKey } from './setting-files.js';
import {
  flagName,
  httpUrl,
  institutionId,
  milliseconds,
  notLockedPolicy,
  pathTemplate,
  perSecond,
  repeatUnlockMax,
  requestsPerMinute,
  text,
  type Settings,
} from './settings.js';

/** An institution that this deployment serves. */
export interface Institution {
  readonly institutionId: string;
  /** Its unlock PUTs in any one second; null: as they come. */
  readonly maxPerSecond: number | null;
  /** Its callers' requests in a minute, over all APIs; 0: as many as come; undefined: what production has by default. */
  readonly requestsPerMinute: number | undefined;
  readonly notLockedPolicy: 'reject' | 'accept';
  readonly reasonRequired: boolean;
  /** How long after an unlock it is looked whether the customer is locked again; null: not at all. */
  readonly relockWatchMs: number | null;
  /** Null: unlocks are granted however many there were. */
  readonly repeatGuard: RepeatGuard | null;
  /** Null where this part does not call banks. */
  readonly bank: BankSettings | null;
}

/** How the worker reaches one institution's bank. */
export interface BankSettings {
  readonly baseUrl: string;
  readonly tokenUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly unlockPath: string;
  readonly statusPath: string;
  readonly statusFlags: string;
  readonly knownFlags: readonly string[];
  readonly classificationOverrides: readonly ClassificationRule[];
  /** PEM; null: the system's certificate authorities. */
  readonly ca: string | null;
  readonly clientCertificate: CertificateAndKey | null;
}

const entry = z
  .strictObject({
    institutionId,
    clientId: text,
    clientSecretFile: text.optional(),
    clientSecretVariable: text.optional(),
    baseUrl: httpUrl.optional(),
    tokenUrl: httpUrl.optional(),
    unlockPath: pathTemplate.optional(),
    statusPath: pathTemplate.optional(),
    statusFlags: z.string().optional(),
    knownFlags: z.array(flagName).optional(),
    codesFile: text.optional(),
    caFile: text.optional(),
    clientCertFile: text.optional(),
    clientKeyFile: text.optional(),
    maxPerSecond: perSecond.optional(),
    requestsPerMinute: requestsPerMinute.optional(),
    notLockedPolicy: notLockedPolicy.optional(),
    reasonRequired: z.boolean().optional(),
    relockWatchMs: milliseconds.optional(),
    repeatUnlockMax: repeatUnlockMax.optional(),
    repeatUnlockWindowMs: milliseconds.optional(),
    approvalTimeoutMs: milliseconds.optional(),
  })
  .refine(({ clientSecretFile, clientSecretVariable }) => (clientSecretFile === undefined) !== (clientSecretVariable === undefined), {
    error: 'must name its secret by clientSecretFile or by clientSecretVariable, and never hold it',
  })
  .refine(({ clientCertFile, clientKeyFile }) => (clientCertFile === undefined) === (clientKeyFile === undefined), {
    error: 'must name both clientCertFile and clientKeyFile, or neither',
  });
const entries = z
  .array(entry)
  .min(1, 'must name an institution')
  .refine((all) => new Set(all.map((each) => each.institutionId)).size === all.length, 'must name each institution once');

/** An institution as its file has it, with what the files that it names hold. */
export interface InstitutionEntry extends Pick<
  z.infer<typeof entry>,
  | 'institutionId'
  | 'clientId'
  | 'baseUrl'
  | 'tokenUrl'
  | 'unlockPath'
  | 'statusPath'
  | 'statusFlags'
  | 'knownFlags'
  | 'maxPerSecond'
  | 'requestsPerMinute'
  | 'notLockedPolicy'
  | 'reasonRequired'
  | 'relockWatchMs'
  | 'repeatUnlockMax'
  | 'repeatUnlockWindowMs'
  | 'approvalTimeoutMs'
> {
  /** Undefined where this part does not call banks: then it is not even read. */
  readonly clientSecret: string | undefined;
  /** Undefined: as for all. */
  readonly classificationOverrides: readonly ClassificationRule[] | undefined;
  readonly ca: string | undefined;
  readonly clientCertificate: CertificateAndKey | undefined;
}

interface Reading {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Whether this part calls banks. */
  readonly callsBanks: boolean;
  readonly hostRules: HostRules;
  readonly faults: string[];
}

/** The file that each fault names. */
const NAME = 'INSTITUTIONS_FILE';

/**
 * Reads the file of institutions; files that it names are looked for beside it.
 * @returns null where it is not set, or of no use, which `faults` then tells without a word of what it holds
 */
export function readInstitutions(path: string | undefined, reading: Reading): readonly InstitutionEntry[] | null {
  const { faults } = reading;
  const given = readJsonFile(path, NAME, entries, faults);
  if (path === undefined || given === null) return null;
  return given.map((each, index) => completed(each, `${NAME}.${index}`, dirname(path), reading));
}

function completed(given: z.infer<typeof entry>, name: string, folder: string, reading: Reading): InstitutionEntry {
  const { environment, callsBanks, hostRules, faults } = reading;
  const { codesFile, caFile, clientCertFile, clientKeyFile, clientSecretFile, clientSecretVariable, ...plain } = given;
  const beside = (file: string | undefined): string | undefined => (file === undefined ? undefined : resolve(folder, file));
  const urls = { baseUrl: ['UPSTREAM_BASE_URL', plain.baseUrl], tokenUrl: ['UPSTREAM_TOKEN_URL', plain.tokenUrl] } as const;
  for (const [field, [shared, url]] of Object.entries(urls)) {
    if (url !== undefined) faults.push(...hostFaults(`${name}.${field}`, url, hostRules));
    else if (callsBanks && environment[shared] === undefined) faults.push(`${name}.${field} is required where ${shared} is not set`);
  }
  if (!callsBanks) {
    return { ...plain, clientSecret: undefined, classificationOverrides: undefined, ca: undefined, clientCertificate: undefined };
  }
  const secretFile = beside(clientSecretFile);
  const clientSecret =
    secretFile === undefined ? environment[clientSecretVariable ?? ''] : readSecretFile(secretFile, `${name}.clientSecretFile`, faults);
  if (secretFile === undefined && clientSecret === undefined) {
    faults.push(`${name}.clientSecretVariable: ${clientSecretVariable ?? ''} is not set`);
  }
  return {
    ...plain,
    clientSecret,
    classificationOverrides: codesFile === undefined ? undefined : readCodes(beside(codesFile), faults, `${name}.codesFile`),
    ca: readFile(beside(caFile), `${name}.caFile`, faults) ?? undefined,
    clientCertificate:
      readCertificateAndKey(
        { certificate: beside(clientCertFile), key: beside(clientKeyFile) },
        [`${name}.clientCertFile`, `${name}.clientKeyFile`],
        faults,
      ) ?? undefined,
  };
}

/** What the settings say for all of them. */
export interface SharedSettings extends Pick<Settings, SharedSetting> {
  readonly classificationOverrides: readonly ClassificationRule[];
  /** PEM; null: the system's certificate authorities. */
  readonly upstreamCa: string | null;
  /** By which the worker names itself to the bank; null: by its client secret alone. */
  readonly upstreamClientCertificate: CertificateAndKey | null;
  /** As their file has them; null: there is the one that the settings name. */
  readonly institutions: readonly InstitutionEntry[] | null;
}

type SharedSetting =
  | 'UPSTREAM_INSTITUTION_ID'
  | 'UPSTREAM_CLIENT_ID'
  | 'UPSTREAM_CLIENT_SECRET'
  | 'UPSTREAM_BASE_URL'
  | 'UPSTREAM_TOKEN_URL'
  | 'UPSTREAM_UNLOCK_PATH'
  | 'UPSTREAM_STATUS_PATH'
  | 'UPSTREAM_STATUS_FLAGS'
  | 'UPSTREAM_KNOWN_FLAGS'
  | 'UPSTREAM_MAX_PER_SECOND'
  | 'RATE_LIMIT_INSTITUTION_PER_MINUTE'
  | 'NOT_LOCKED_POLICY'
  | 'REASON_REQUIRED'
  | 'RELOCK_WATCH_MS'
  | 'REPEAT_UNLOCK_MAX'
  | 'REPEAT_UNLOCK_WINDOW_MS'
  | 'APPROVAL_TIMEOUT_MS';

/**
 * The institutions that are served: those of the file, or the one that the settings name; none where neither is there.
 * What an institution leaves out is as the settings have it.
 */
export function institutionsOf(config: SharedSettings): readonly Institution[] {
  const { institutions, UPSTREAM_INSTITUTION_ID, UPSTREAM_CLIENT_ID, UPSTREAM_CLIENT_SECRET } = config;
  if (institutions !== null) return institutions.map((each) => withDefaults(each, config));
  if (UPSTREAM_INSTITUTION_ID === undefined) return [];
  const only = { institutionId: UPSTREAM_INSTITUTION_ID, clientId: UPSTREAM_CLIENT_ID, clientSecret: UPSTREAM_CLIENT_SECRET };
  return [withDefaults(only, config)];
}

type Given = { readonly [Field in Exclude<keyof InstitutionEntry, 'institutionId'>]?: InstitutionEntry[Field] | undefined } & {
  readonly institutionId: string;
};

function withDefaults(given: Given, config: SharedSettings): Institution {
  const { clientId, clientSecret } = given;
  const baseUrl = given.baseUrl ?? config.UPSTREAM_BASE_URL;
  const tokenUrl = given.tokenUrl ?? config.UPSTREAM_TOKEN_URL;
  const reachable = baseUrl !== undefined && tokenUrl !== undefined && clientId !== undefined && clientSecret !== undefined;
  return {
    institutionId: given.institutionId,
    maxPerSecond: given.maxPerSecond ?? config.UPSTREAM_MAX_PER_SECOND ?? null,
    requestsPerMinute: given.requestsPerMinute ?? config.RATE_LIMIT_INSTITUTION_PER_MINUTE,
    notLockedPolicy: given.notLockedPolicy ?? config.NOT_LOCKED_POLICY,
    reasonRequired: given.reasonRequired ?? config.REASON_REQUIRED,
    relockWatchMs: given.relockWatchMs ?? config.RELOCK_WATCH_MS ?? null,
    repeatGuard: repeatGuardOf(config, given),
    bank: reachable
      ? {
          baseUrl,
          tokenUrl,
          clientId,
          clientSecret,
          unlockPath: given.unlockPath ?? config.UPSTREAM_UNLOCK_PATH,
          statusPath: given.statusPath ?? config.UPSTREAM_STATUS_PATH,
          statusFlags: given.statusFlags ?? config.UPSTREAM_STATUS_FLAGS,
          knownFlags: given.knownFlags ?? config.UPSTREAM_KNOWN_FLAGS,
          classificationOverrides: given.classificationOverrides ?? config.classificationOverrides,
          ca: given.ca ?? config.upstreamCa,
          clientCertificate: given.clientCertificate ?? config.upstreamClientCertificate,
        }
      : null,
  };
}

type GuardSettings = Pick<Settings, 'REPEAT_UNLOCK_MAX' | 'REPEAT_UNLOCK_WINDOW_MS' | 'APPROVAL_TIMEOUT_MS'>;

/** When a second person must approve an unlock: as the institution has it or, where it says nothing, as for all; null: never. */
export function repeatGuardOf(config: GuardSettings, given: Omit<Given, 'institutionId'> = {}): RepeatGuard | null {
  const maxUnlocks = given.repeatUnlockMax ?? config.REPEAT_UNLOCK_MAX;
  const windowMs = given.repeatUnlockWindowMs ?? config.REPEAT_UNLOCK_WINDOW_MS;
  return maxUnlocks === 0 ? null : { maxUnlocks, windowMs, approvalMs: given.approvalTimeoutMs ?? config.APPROVAL_TIMEOUT_MS };
}
