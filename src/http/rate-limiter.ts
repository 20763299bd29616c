import { createHash } from 'node:crypto';
import type { RateLimitCounts } from '../audit/rate-limit-counts.js';
import type { Caller } from './auth.js';
import { Problem } from './problem.js';
import { createShare, type Share } from './rate-limit-share.js';
import type { HttpLog } from './settings.js';

/** Lets a caller's requests through as long as its limit, and its institution's, allow. */
export interface RateLimiter {
  /**
   * Counts one request.
   * @returns the `RateLimit` fields for its answer
   * @throws Problem `rate_limited`
   */
  admit(caller: Caller): Promise<Readonly<Record<string, string>>>;
}

interface RateLimiterParts {
  /** Requests in one window; null: as many as they like. */
  readonly callerLimit: number | null;
  readonly institutionLimitOf: (institutionId: string) => number | null;
  readonly windowMs: number;
  readonly counts: RateLimitCounts;
  readonly log: HttpLog;
  /** How long an answer waits for the shared count before this process goes by its own; milliseconds. */
  readonly patienceMs?: number;
}

const policies = {
  caller: ({ institutionId, actor }: Caller) =>
    `caller:${createHash('sha256')
      .update(JSON.stringify([institutionId, actor.clientId, actor.id]))
      .digest('base64url')}`,
  institution: ({ institutionId }: Caller) => `institution:${institutionId}`,
} as const;
type Policy = keyof typeof policies;

const PATIENCE_MS = 500;

export function createRateLimiter({
  callerLimit,
  institutionLimitOf,
  windowMs,
  counts,
  log,
  patienceMs = PATIENCE_MS,
}: RateLimiterParts): RateLimiter {
  const share = createShare({ counts, windowMs, patienceMs, log });

  return {
    async admit(caller) {
      const limits = { caller: callerLimit, institution: institutionLimitOf(caller.institutionId) } satisfies Record<Policy, number | null>;
      const taken = (['caller', 'institution'] as const).flatMap((policy) => {
        const limit = limits[policy];
        return limit === null ? [] : [{ policy, limit, share: share.of(policies[policy](caller), limit) }];
      });
      const refusing = await takeFromAll(taken);
      const fields = rateLimitFields(taken, windowMs);
      if (refusing === null) return fields;
      throw new Problem('rate_limited', {
        detail: `More than ${refusing.limit} requests ${per(windowMs)} came from this ${refusing.policy}. Nothing was done with this one.`,
        headers: { ...fields, 'retry-after': String(seconds(refusing.share.endsInMs())) },
      });
    },
  };
}

interface Taken {
  readonly policy: Policy;
  readonly limit: number;
  readonly share: Share;
}

/** @returns which one had nothing left; nothing is taken then */
async function takeFromAll(taken: readonly Taken[]): Promise<Taken | null> {
  for (;;) {
    const refusing = taken.find(({ share }) => share.state() === 'used_up');
    if (refusing !== undefined) return refusing;
    const empty = taken.filter(({ share }) => share.state() === 'empty');
    if (empty.length === 0) {
      for (const { share } of taken) share.take();
      return null;
    }
    await Promise.all(empty.map(({ share }) => share.refill()));
  }
}

/** draft-ietf-httpapi-ratelimit-headers-11. What other APIs are using is not looked up for it: the rest is an estimate. */
function rateLimitFields(taken: readonly Taken[], windowMs: number): Readonly<Record<string, string>> {
  if (taken.length === 0) return {};
  const items = (item: (each: Taken) => string) => taken.map(item).join(', ');
  return {
    'ratelimit-policy': items(({ policy, limit }) => `"${policy}";q=${limit};w=${seconds(windowMs)}`),
    ratelimit: items(({ policy, share }) => `"${policy}";r=${share.remaining()};t=${seconds(share.endsInMs())}`),
  };
}

function seconds(durationMs: number): number {
  return Math.max(1, Math.ceil(durationMs / 1000));
}

function per(windowMs: number): string {
  return windowMs === 60_000 ? 'a minute' : `in ${seconds(windowMs)} s`;
}
