import { randomUUID } from 'node:crypto';
import type { AuditLog } from '../audit/audit-log.js';
import type { NewAuditEvent } from '../domain/audit-event.js';
import type { Observer } from '../domain/observer.js';
import type { RequestSource } from '../domain/unlock-request.js';
import type { Bearer, Scope } from './auth.js';
import type { HttpLog } from './settings.js';

/** One request that was refused as 401 or 403. */
export interface Denial {
  readonly httpStatus: 401 | 403;
  /** The error's code. */
  readonly code: string;
  readonly method: string;
  /** The route's pattern, never the path itself. */
  readonly route: string;
  /** What it needs. */
  readonly scope: Scope;
  /** Null: nobody knows who it was, whatever the token claims. */
  readonly bearer: Bearer | null;
  readonly source: RequestSource;
  /** Of the call, as the caller may have chosen it. */
  readonly correlationId: string;
}

/** Puts refused requests on record as `access.denied`, so that a flood of them fills no disk. */
export interface Denials {
  /** Never fails, and keeps no answer waiting. */
  note(denial: Denial): void;
  /** Resolves once all is on record, the summary of what was only counted included. */
  close(): Promise<void>;
}

interface DenialsParts {
  readonly audit: Pick<AuditLog, 'append'>;
  readonly observer: Pick<Observer, 'accessDenied'>;
  readonly log: HttpLog;
  readonly bounds?: DenialBounds;
}

interface DenialBounds {
  readonly windowMs: number;
  /** Rows in one window for one source: an address, or whoever a verified token names. */
  readonly perSource: number;
  /** Rows in one window for all unverified sources together, and as many for the verified: a flood of the former drowns none of the latter. */
  readonly perKind: number;
}

const usualBounds: DenialBounds = { windowMs: 60_000, perSource: 10, perKind: 30 };

type Kind = 'verified' | 'unverified';

interface Window {
  readonly startedAt: Date;
  readonly rows: Record<Kind, number>;
  readonly bySource: Map<string, number>;
  /** What got no row of its own, by method, route and code. */
  readonly counted: Map<string, number>;
}

export function createDenials({ audit, observer, log, bounds = usualBounds }: DenialsParts): Denials {
  let window: Window | null = null;
  let timer: NodeJS.Timeout | undefined;
  // One after the other, so that they take one connection of a pool at most.
  let writing: Promise<void> = Promise.resolve();

  function write(event: NewAuditEvent, written: () => void, lost: () => void): void {
    writing = writing.then(async () => {
      try {
        await audit.append(event);
        written();
      } catch (error) {
        lost();
        log.warn({ err: error, metadata: event.metadata }, 'a denial could not be put on record');
      }
    });
  }

  function begin(): Window {
    timer = setTimeout(end, bounds.windowMs).unref();
    return { startedAt: new Date(), rows: { verified: 0, unverified: 0 }, bySource: new Map(), counted: new Map() };
  }

  function end(): void {
    clearTimeout(timer);
    const ended = window;
    window = null;
    if (ended === null || ended.counted.size === 0) return;
    const [from, to] = [ended.startedAt, new Date()];
    const counted = Object.fromEntries(ended.counted);
    write(
      {
        id: randomUUID(),
        occurredAt: to,
        action: 'access.denied',
        source: { component: 'api', clientAddress: null, userAgent: null },
        metadata: { summary: true, from: from.toISOString(), to: to.toISOString(), counted },
      },
      () => undefined,
      () => undefined,
    );
  }

  return {
    note(denial) {
      window ??= begin();
      const kind: Kind = denial.bearer === null ? 'unverified' : 'verified';
      const source = sourceOf(denial);
      const own = window.bySource.get(source) ?? 0;
      const { httpStatus } = denial;
      if (window.rows[kind] < bounds.perKind && own < bounds.perSource) {
        window.rows[kind] += 1;
        window.bySource.set(source, own + 1);
        write(
          deniedEvent(denial),
          () => observer.accessDenied({ httpStatus, record: 'row' }),
          () => observer.accessDenied({ httpStatus, record: 'lost' }),
        );
        return;
      }
      const what = `${denial.method} ${denial.route} ${denial.code}`;
      window.counted.set(what, (window.counted.get(what) ?? 0) + 1);
      observer.accessDenied({ httpStatus, record: 'summary' });
    },
    async close() {
      end();
      await writing;
    },
  };
}

function sourceOf({ bearer, source }: Denial): string {
  return bearer === null ? `address ${source.clientAddress ?? 'unknown'}` : `actor ${bearer.actor.id}`;
}

function deniedEvent({ bearer, source, httpStatus, code, method, route, scope, correlationId }: Denial): NewAuditEvent {
  const who = bearer === null ? {} : { actorType: bearer.actor.type, actorId: bearer.actor.id, actorName: bearer.actor.name };
  return {
    id: randomUUID(),
    occurredAt: new Date(),
    action: 'access.denied',
    institutionId: bearer?.institutionId ?? null,
    ...who,
    source: { ...source },
    // In the metadata and not in the column: who was refused must not get a row into the story of a request.
    metadata: {
      status: httpStatus,
      code,
      method,
      route,
      scope,
      callId: correlationId,
      ...(bearer !== null && { clientId: bearer.actor.clientId }),
    },
  };
}
