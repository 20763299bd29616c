import type { Attempt, AttemptResult } from './attempt.js';
import type { Meaning } from './meaning.js';

/** What Latchkey does about each meaning; `delay` says how long it waits before it tries again. */
interface Treatment {
  readonly result: AttemptResult;
  readonly delay: 'none' | 'back_off' | 'long_back_off' | null;
}

const treatments: Record<Meaning, Treatment> = {
  unlocked: { result: 'succeeded', delay: null },
  stale_token: { result: 'retryable', delay: 'none' },
  forbidden: { result: 'rejected', delay: null },
  no_such_customer: { result: 'rejected', delay: null },
  bad_request: { result: 'rejected', delay: null },
  refused: { result: 'rejected', delay: null },
  too_fast: { result: 'retryable', delay: 'long_back_off' },
  unwell: { result: 'retryable', delay: 'back_off' },
  not_sent: { result: 'retryable', delay: 'back_off' },
  no_answer: { result: 'unknown', delay: 'back_off' },
};

/** One line of the table; without `code` it holds for every code of that status. `httpStatus` is exact or a family (`5xx`). */
export interface ClassificationRule {
  readonly httpStatus: number | `${1 | 2 | 3 | 4 | 5}xx`;
  readonly code?: string | undefined;
  readonly meaning: Meaning;
}

/**
 * The bank's answers, as far as they are published. The status decides first, the code refines it:
 * published versions give one code to several statuses.
 */
export const publishedRules: readonly ClassificationRule[] = [
  { httpStatus: '2xx', meaning: 'unlocked' },
  { httpStatus: 400, meaning: 'bad_request' },
  { httpStatus: 400, code: 'UXU_10001', meaning: 'stale_token' },
  { httpStatus: 400, code: 'UXU_10003', meaning: 'stale_token' },
  { httpStatus: 400, code: 'CMN_90018', meaning: 'stale_token' },
  { httpStatus: 400, code: 'UXU_10002', meaning: 'forbidden' },
  { httpStatus: 400, code: 'UXU_10000', meaning: 'no_such_customer' },
  { httpStatus: 400, code: 'UXU_88890', meaning: 'no_such_customer' },
  { httpStatus: 400, code: 'UXU_10006', meaning: 'bad_request' },
  { httpStatus: 400, code: 'UXU_10007', meaning: 'bad_request' },
  { httpStatus: 400, code: 'UXU_10011', meaning: 'bad_request' },
  { httpStatus: 400, code: 'UXU_10012', meaning: 'bad_request' },
  { httpStatus: 400, code: 'CMN_90005', meaning: 'bad_request' },
  { httpStatus: 401, meaning: 'stale_token' },
  { httpStatus: 403, meaning: 'forbidden' },
  { httpStatus: 403, code: 'UXU_10002', meaning: 'forbidden' },
  { httpStatus: 404, meaning: 'no_such_customer' },
  { httpStatus: 404, code: 'UXU_10000', meaning: 'no_such_customer' },
  { httpStatus: 408, meaning: 'unwell' },
  { httpStatus: 429, meaning: 'too_fast' },
  { httpStatus: '4xx', meaning: 'refused' },
  { httpStatus: 500, code: 'CMN_90002', meaning: 'too_fast' },
  { httpStatus: 500, code: 'CMN_90003', meaning: 'too_fast' },
  { httpStatus: 503, code: 'UXU_30001', meaning: 'unwell' },
  { httpStatus: 503, code: 'UXU_30002', meaning: 'unwell' },
  { httpStatus: 503, code: 'SYSTEM_ERROR', meaning: 'unwell' },
  { httpStatus: '5xx', meaning: 'unwell' },
  // Redirects are never followed and no part of the bank's contract: a gateway speaks, so try again.
  { httpStatus: '3xx', meaning: 'unwell' },
  { httpStatus: '1xx', meaning: 'unwell' },
];

/** Reads what an answer means: the exact status with its code, then the family with it, then the status, then the family. */
export type Classifier = (httpStatus: number, code: string | null) => Meaning;

/**
 * @param overrides rules that come before the published ones (`UPSTREAM_CODES_FILE`)
 */
export function createClassifier(overrides: readonly ClassificationRule[] = []): Classifier {
  const table = new Map<string, Meaning>();
  for (const rule of [...publishedRules, ...overrides]) table.set(key(rule.httpStatus, rule.code ?? null), rule.meaning);
  return (httpStatus, code) => {
    const family = `${Math.floor(httpStatus / 100)}xx`;
    const found = [key(httpStatus, code), key(family, code), key(httpStatus, null), key(family, null)]
      .map((candidate) => table.get(candidate))
      .find((meaning) => meaning !== undefined);
    return found ?? 'unwell';
  };
}

/** Every error code that the table names, whatever its status. */
export function namedCodes(overrides: readonly ClassificationRule[] = []): ReadonlySet<string> {
  return new Set([...publishedRules, ...overrides].flatMap(({ code }) => code ?? []));
}

function key(httpStatus: number | string, code: string | null): string {
  return code === null ? String(httpStatus) : `${httpStatus} ${code}`;
}

/**
 * What an attempt with this answer counts as.
 * @param previous the attempt before it, if any: a stale token twice in a row is permanent
 */
export function attemptResult(meaning: Meaning, previous: Pick<Attempt, 'meaning'> | undefined): AttemptResult {
  if (meaning === 'stale_token' && previous?.meaning === 'stale_token') return 'rejected';
  return treatments[meaning].result;
}

/** True where a read of the lock status is refused for good; the reading has tried a new token, so a stale one is the second in a row. */
export function refusesReading(meaning: Meaning): boolean {
  return attemptResult(meaning, { meaning: 'stale_token' }) === 'rejected';
}

/** How long to wait after an answer of this meaning; null where it is final. */
export function delayAfter(meaning: Meaning): 'none' | 'back_off' | 'long_back_off' | null {
  return treatments[meaning].delay;
}

/** True for an answer that only a fresh look at the lock status can explain (409 and its kin). */
export function needsStatusRead(meaning: Meaning | null): boolean {
  return meaning === 'refused';
}
