import { z } from 'zod';
import type { PrismaClient } from '../../generated/prisma/client.js';

/** A session as it is kept: what is sealed is read by whoever holds the browser's secret. */
export interface KeptSession {
  readonly sealed: string;
  readonly version: number;
  /** Until it ends if the person does nothing more, in milliseconds. */
  readonly endsInMs: number;
}

/** Sessions that all APIs over one database share, by the database's clock. Ids are hashes. */
export interface DeskSessions {
  /** Also removes sessions that ended some time ago. */
  begin(session: { readonly id: Uint8Array; readonly sealed: string; readonly lifeMs: number }): Promise<void>;
  /**
   * @param isActive whether the person is doing something, which puts the idle time-out off
   * @returns null where there is none, or it has ended
   */
  find(id: Uint8Array, isActive: boolean): Promise<KeptSession | null>;
  /**
   * Takes the right to renew what is sealed, for a little while.
   * @returns false where another has it, or the session has changed or ended
   */
  beginRenewal(id: Uint8Array, version: number): Promise<boolean>;
  /** Replaces what is sealed, once. */
  renew(id: Uint8Array, version: number, sealed: string): Promise<void>;
  end(id: Uint8Array): Promise<void>;
}

interface DeskSessionsParts {
  readonly prisma: PrismaClient;
  /** After how many milliseconds without anything done a session ends. */
  readonly idleMs: number;
}

/** Within which part of the idle time-out an activity is put down: not every page is worth a write. */
const PRECISION = 0.05;
const RENEWAL_MS = 10_000;
const REMOVED_AT_ONCE = 100;

const kept = z.array(z.object({ sealed: z.string(), version: z.int(), endsInMs: z.number(), isStale: z.boolean() }));

/** Sessions stand in `desk_session`. */
export function createDeskSessions({ prisma, idleMs }: DeskSessionsParts): DeskSessions {
  return {
    async begin({ id, sealed, lifeMs }) {
      await prisma.$executeRaw`
        WITH over AS (
          DELETE FROM desk_session WHERE id IN (
            SELECT id FROM desk_session WHERE least(ends_at, seen_at + ${idleMs}::float8 * interval '1 millisecond') < clock_timestamp()
            LIMIT ${REMOVED_AT_ONCE}::integer)
        )
        INSERT INTO desk_session (id, sealed, seen_at, ends_at)
        VALUES (${id}::bytea, ${sealed}, clock_timestamp(), clock_timestamp() + ${lifeMs}::float8 * interval '1 millisecond')`;
    },

    async find(id, isActive) {
      const [session] = kept.parse(
        await prisma.$queryRaw`
          SELECT s.sealed, s.version, (extract(epoch FROM s.idle_at - clock_timestamp()) * 1000)::float8 AS "endsInMs",
            s.seen_at < clock_timestamp() - ${idleMs * PRECISION}::float8 * interval '1 millisecond' AS "isStale"
          FROM (
            SELECT *, least(ends_at, seen_at + ${idleMs}::float8 * interval '1 millisecond') AS idle_at FROM desk_session WHERE id = ${id}::bytea
          ) s
          WHERE s.idle_at > clock_timestamp()`,
      );
      if (session === undefined) return null;
      const { isStale, ...found } = session;
      if (isActive && isStale) await prisma.$executeRaw`UPDATE desk_session SET seen_at = clock_timestamp() WHERE id = ${id}::bytea`;
      return found;
    },

    async beginRenewal(id, version) {
      const taken = await prisma.$executeRaw`
        UPDATE desk_session SET renewing_until = clock_timestamp() + ${RENEWAL_MS}::float8 * interval '1 millisecond'
        WHERE id = ${id}::bytea AND version = ${version}::integer AND coalesce(renewing_until < clock_timestamp(), true)`;
      return taken === 1;
    },

    async renew(id, version, sealed) {
      await prisma.$executeRaw`
        UPDATE desk_session SET sealed = ${sealed}, version = version + 1, renewing_until = NULL
        WHERE id = ${id}::bytea AND version = ${version}::integer`;
    },

    async end(id) {
      await prisma.$executeRaw`DELETE FROM desk_session WHERE id = ${id}::bytea`;
    },
  };
}
