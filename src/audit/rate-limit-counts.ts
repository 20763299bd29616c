import { z } from 'zod';
import type { PrismaClient } from '../../generated/prisma/client.js';

/** What a subject's count stands at, and for how long it will count. */
export interface StandingCount {
  readonly count: number;
  /** Until the next window begins, in milliseconds. */
  readonly endsInMs: number;
}

/** Counts that all APIs over one database share, by windows of the database's clock. */
export interface RateLimitCounts {
  /**
   * Adds to several subjects' counts in one statement.
   * @returns by subject, with what was added
   */
  add(wanted: ReadonlyMap<string, number>): Promise<ReadonlyMap<string, StandingCount>>;
  /** Removes the counts of windows that are long over. */
  prune(): Promise<void>;
}

interface RateLimitCountsParts {
  readonly prisma: PrismaClient;
  /** How long one window is, in milliseconds. */
  readonly windowMs: number;
}

/** A count that would grow beyond an integer says no more than this one. */
const CEILING = 1_000_000_000;
const KEPT_WINDOWS = 10;

const standing = z.array(z.object({ subject: z.string(), count: z.int(), endsInMs: z.number() }));

/** Counts stand in `rate_limit_count`. */
export function createRateLimitCounts({ prisma, windowMs }: RateLimitCountsParts): RateLimitCounts {
  return {
    async add(wanted) {
      // Sorted, so that no two statements wait for each other; not flushed to disk, because a crash may forget the last counts.
      const rows = standing.parse(
        await prisma.$queryRaw`
          WITH current AS MATERIALIZED (
            SELECT clock_timestamp() AS now, set_config('synchronous_commit', 'off', true) AS unhurried,
              date_bin(${windowMs}::float8 * interval '1 millisecond', clock_timestamp(), timestamptz 'epoch') AS window_start
          )
          INSERT INTO rate_limit_count AS held (subject, window_start, count)
          SELECT each.subject, current.window_start, each.wanted
          FROM unnest(${[...wanted.keys()]}::text[], ${[...wanted.values()]}::int[]) AS each (subject, wanted), current
          WHERE current.unhurried IS NOT NULL
          ORDER BY each.subject
          ON CONFLICT (subject) DO UPDATE SET window_start = excluded.window_start, count = CASE
            WHEN held.window_start = excluded.window_start THEN least(held.count + excluded.count::bigint, ${CEILING}::bigint)::int
            ELSE excluded.count
          END
          RETURNING held.subject, held.count, (extract(epoch FROM held.window_start - clock_timestamp()) * 1000)::float8 + ${windowMs}::float8 AS "endsInMs"`,
      );
      return new Map(rows.map(({ subject, ...count }) => [subject, count]));
    },

    async prune() {
      await prisma.$executeRaw`
        DELETE FROM rate_limit_count WHERE window_start < clock_timestamp() - ${KEPT_WINDOWS * windowMs}::float8 * interval '1 millisecond'`;
    },
  };
}
