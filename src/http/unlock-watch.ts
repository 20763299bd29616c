import type { AuditLog } from '../audit/audit-log.js';
import type { AuditEvent } from '../domain/audit-event.js';
import type { UnlockRequest } from '../domain/unlock-request.js';
import type { HttpLog } from './settings.js';

type Place = Pick<UnlockRequest, 'correlationId' | 'institutionId'>;
type Told = (events: readonly AuditEvent[]) => void;

/** Sees to it that those who follow unlock requests hear of new rows: one statement for all that are followed in an institution. */
export interface UnlockWatch {
  /**
   * Tells every row of one request as soon as it is read, and all of them again whenever there are more.
   * @returns what ends it
   */
  follow(place: Place, told: Told): () => void;
}

interface WatchParts {
  readonly audit: Pick<AuditLog, 'eventCounts' | 'eventsOfAll'>;
  readonly log: HttpLog;
  /** Between two looks, in milliseconds. */
  readonly intervalMs?: number;
}

interface Followed extends Place {
  events: readonly AuditEvent[];
  readonly followers: Set<Told>;
}

const INTERVAL_MS = 500;

export function createUnlockWatch({ audit, log, intervalMs = INTERVAL_MS }: WatchParts): UnlockWatch {
  const followed = new Map<string, Followed>();
  let timer: NodeJS.Timeout | undefined;
  let looking = false;
  let hurried = false;
  let failing = false;

  function lookSoon(inMs: number): void {
    if (looking) {
      hurried ||= inMs === 0;
      return;
    }
    clearTimeout(timer);
    timer = setTimeout(() => void look(), inMs).unref();
  }

  async function look(): Promise<void> {
    looking = true;
    hurried = false;
    try {
      const institutions = new Set([...followed.values()].map(({ institutionId }) => institutionId));
      const looks = await Promise.allSettled([...institutions].map(lookInto));
      const failed = looks.find((each) => each.status === 'rejected');
      // Said once: an outage would fill the log with what others tell already.
      const err: unknown = failed?.reason;
      if (failed !== undefined && !failing) log.warn({ err }, 'what is new of the requests that are followed cannot be read');
      failing = failed !== undefined;
    } finally {
      looking = false;
    }
    if (followed.size > 0) lookSoon(hurried ? 0 : intervalMs);
  }

  async function lookInto(institutionId: string): Promise<void> {
    const own = [...followed.values()].filter((each) => each.institutionId === institutionId);
    const counts = await audit.eventCounts(
      own.map(({ correlationId }) => correlationId),
      institutionId,
    );
    const grown = own.filter(({ correlationId, events }) => (counts.get(correlationId) ?? 0) > events.length);
    if (grown.length === 0) return;
    const rows = await audit.eventsOfAll(
      grown.map(({ correlationId }) => correlationId),
      institutionId,
    );
    for (const each of grown) {
      each.events = rows.filter(({ correlationId }) => correlationId === each.correlationId);
      for (const told of each.followers) told(each.events);
    }
  }

  return {
    follow({ correlationId, institutionId }, told) {
      const key = JSON.stringify([institutionId, correlationId]);
      const each = followed.get(key) ?? { correlationId, institutionId, events: [], followers: new Set() };
      followed.set(key, each);
      each.followers.add(told);
      if (each.events.length > 0) told(each.events);
      else lookSoon(0);
      return () => {
        each.followers.delete(told);
        if (each.followers.size === 0) followed.delete(key);
        if (followed.size === 0) clearTimeout(timer);
      };
    },
  };
}
