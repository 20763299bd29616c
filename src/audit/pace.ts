import { z } from 'zod';
import type { PrismaClient } from '../../generated/prisma/client.js';
import { repeated } from './repeat.js';

/** A turn that was taken; times in milliseconds. */
export interface TakenTurn {
  /** From the reply until the turn. */
  readonly waitMs: number;
  /** Spent in the database behind others who took theirs. */
  readonly queuedMs: number;
}

/** Spaces the PUTs of all workers that share one database. */
export interface Pace {
  /** How late a PUT may leave after its turn, in milliseconds; a later one could meet those that follow, and needs another turn. */
  readonly lateMs: number;
  /** From one turn to the next, in milliseconds. */
  readonly apartMs: number;
  /**
   * Takes the next turn at the institution's bank; it stands when this resolves, used or not.
   * @param withinMs the longest that the caller would wait for it
   * @returns null where none is free within that time: nothing was taken
   */
  takeTurn(institutionId: string, withinMs: number): Promise<TakenTurn | null>;
}

interface PaceParts {
  readonly prisma: PrismaClient;
  /** PUTs in any one second, over all workers. */
  readonly maxPerSecond: number;
}

const SECOND_MS = 1_000;
/** By so much more than a second n turns take, so that a PUT that left late or was long on its way meets no later one. */
const LEEWAY_MS = 250;
const LATE_MS = 100;
/** A turn that is further ahead than any that is given is no turn: the database's clock was set back. */
const CLOCK_SET_BACK_MS = 60_000;

const taken = z.array(z.object({ waitMs: z.number(), queuedMs: z.number() }));

/** Turns stand in `upstream_pace`, by the database's clock, so that no worker's clock counts. */
export function createPace({ prisma, maxPerSecond }: PaceParts): Pace {
  const apartMs = (SECOND_MS + LEEWAY_MS) / maxPerSecond;
  return {
    lateMs: LATE_MS,
    apartMs,
    // One that was taken twice over a broken connection goes unused: slower, never faster.
    takeTurn: repeated(async (institutionId: string, withinMs: number) => {
      const beyondMs = withinMs + apartMs + CLOCK_SET_BACK_MS;
      // One statement: whoever comes second waits for the row, and finds it as the first one left it.
      const [turn] = taken.parse(
        await prisma.$queryRaw`
          INSERT INTO upstream_pace AS pace (institution_id, next_put_at)
          VALUES (${institutionId}, clock_timestamp() + ${apartMs}::float8 * interval '1 millisecond')
          ON CONFLICT (institution_id) DO UPDATE SET next_put_at = ${apartMs}::float8 * interval '1 millisecond' + CASE
            WHEN pace.next_put_at > clock_timestamp() + ${beyondMs}::float8 * interval '1 millisecond' THEN clock_timestamp()
            ELSE greatest(pace.next_put_at, clock_timestamp())
          END
          WHERE pace.next_put_at <= clock_timestamp() + ${withinMs}::float8 * interval '1 millisecond'
            OR pace.next_put_at > clock_timestamp() + ${beyondMs}::float8 * interval '1 millisecond'
          RETURNING
            greatest(0, extract(epoch FROM pace.next_put_at - clock_timestamp()) * 1000 - ${apartMs}::float8)::float8 AS "waitMs",
            (extract(epoch FROM clock_timestamp() - statement_timestamp()) * 1000)::float8 AS "queuedMs"`,
      );
      return turn ?? null;
    }),
  };
}
