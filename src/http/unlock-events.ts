import type { AuditLog } from '../audit/audit-log.js';
import type { AuditEvent } from '../domain/audit-event.js';
import type { UnlockEvent } from './answer-schemas.js';
import { fromAudit } from './availability.js';
import { EXAMPLE_CORRELATION_ID } from './example-errors.js';
import { streamedEvents } from './example-unlocks.js';
import { failures, good } from './operation.js';
import { Problem } from './problem.js';
import { eventsPath } from './representation.js';
import type { RequestSchemas } from './request-schemas.js';
import type { Answer, AuthenticatedCall, Route } from './route.js';
import type { UnlockDesk } from './unlock-desk.js';
import type { UnlockWatch } from './unlock-watch.js';
import { parsePart, parseQuery } from './validation.js';
import type { Waits } from './waits.js';

interface UnlockEventsParts {
  readonly audit: Pick<AuditLog, 'eventsOf'>;
  readonly desk: Pick<UnlockDesk, 'look'>;
  readonly watch: UnlockWatch;
  /** Places for streams. */
  readonly streams: Waits;
  readonly schemas: RequestSchemas;
}

/** Shorter than proxies wait for a byte. */
const HEARTBEAT_MS = 15_000;
/** After which a browser whose stream ended asks again. */
const COME_BACK_MS = 1_000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** What happens to one unlock request, as it happens. */
export function unlockEventRoutes({ audit, desk, watch, streams, schemas }: UnlockEventsParts): Route[] {
  async function open(call: AuthenticatedCall): Promise<Answer> {
    parseQuery(schemas.noQuery, call.search);
    const { correlationId } = parsePart('path', schemas.requestPath, call.params);
    const { 'last-event-id': lastEventId } = parsePart('header', schemas.eventsHeaders, {
      'last-event-id': call.headers['last-event-id'],
    });
    const { institutionId, actor } = call.caller;
    if ((await desk.look(correlationId, institutionId)) === null) {
      throw new Problem('not_found', { detail: 'No unlock request has this correlationId.' });
    }
    const { events } = await fromAudit(audit.eventsOf(correlationId, institutionId));
    const read = upTo(events, lastEventId);
    // The one answer after which a browser does not come back by itself.
    if (read.length > 0 && read.length === events.length && hasEnded(events)) return { httpStatus: 204 };
    const leave = streams.take(actor);
    if (leave === null) {
      throw new Problem('too_many_streams', {
        detail: 'Read the request instead, or try again when other streams have ended.',
        headers: { 'retry-after': '30' },
      });
    }
    // However the answer ends, and also where its first byte is never asked for.
    if (call.signal.aborted) leave();
    else call.signal.addEventListener('abort', leave, { once: true });
    return {
      httpStatus: 200,
      headers: { 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' },
      stream: { chunks: tell(call, correlationId, new Set(read.map(({ id }) => id))), abandon: async () => leave() },
    };
  }

  async function* tell({ caller, signal }: AuthenticatedCall, correlationId: string, told: Set<string>): AsyncGenerator<string> {
    const inbox = createInbox();
    const unfollow = watch.follow({ correlationId, institutionId: caller.institutionId }, inbox.put);
    signal.addEventListener('abort', inbox.wake, { once: true });
    try {
      yield `retry: ${COME_BACK_MS}\n\n`;
      for (;;) {
        const leftMs = caller.expiresAt.getTime() - Date.now();
        if (signal.aborted || leftMs <= 0) return;
        const events = await inbox.next(Math.min(HEARTBEAT_MS, leftMs, LONGEST_TIMER_MS));
        if (events === null) {
          yield ': still here\n\n';
          continue;
        }
        const fresh = events.filter(({ id }) => !told.has(id));
        for (const { id } of fresh) told.add(id);
        if (fresh.length > 0) yield fresh.map(frame).join('');
        if (hasEnded(events)) return;
      }
    } finally {
      signal.removeEventListener('abort', inbox.wake);
      unfollow();
    }
  }

  return [
    {
      method: 'get',
      path: '/v1/unlocks/{correlationId}/events',
      scope: 'institution-users:read',
      body: 'none',
      errorShape: 'problem',
      operation: {
        operationId: 'followUnlock',
        tags: ['Unlock requests'],
        summary: 'What happens to one unlock request, as it happens',
        description: [
          'Server-sent events: one for each audit event of the request, those on record first. Its `id` is that of the audit event, its data the JSON of',
          '`UnlockEvent`: `{ id, occurredAt, action, actor, reason, attempt, result, httpStatus, upstreamCode, upstreamMessage, durationMs, lockStatus,',
          'diagnosis, outcome, verification }`. Comments keep the connection open. The stream ends after `customer.unlock.completed`, and when the token',
          'does; with `Last-Event-ID` it goes on behind that event. 204: there is nothing behind it, and the request has ended.',
          'Events come in the order in which they were recorded; of two that are recorded at the very moment at which a connection breaks, one may only',
          'be seen by reading the request.',
        ].join(' '),
        requestParams: { path: schemas.requestPath, header: schemas.eventsHeaders },
        responses: {
          '200': {
            ...good('The events', null),
            // Without a schema: OpenAPI 3.1 has none for a stream, and readers take one for that of each event.
            content: { 'text/event-stream': { examples: { events: streamedEvents } } },
          },
          '204': good('The request has ended, and the caller has read all of it', null),
          ...failures({ path: eventsPath(EXAMPLE_CORRELATION_ID), codes: ['not_found', 'too_many_streams'] }),
        },
      },
      handle: open,
    },
  ];
}

/** Those that were read when the last one was; an id that is none of the request's means none. */
function upTo(events: readonly AuditEvent[], lastEventId: string | undefined): readonly AuditEvent[] {
  return events.slice(0, events.findIndex(({ id }) => id === lastEventId) + 1);
}

function hasEnded(events: readonly AuditEvent[]): boolean {
  return events.some(({ action }) => action === 'customer.unlock.completed');
}

/** One server-sent event. What only reviewers may see, such as where somebody called from, is left out. */
function frame(event: AuditEvent): string {
  const { id, action, occurredAt, actorType: type, actorId, actorName: name, metadata, ...rest } = event;
  const data: UnlockEvent = {
    id,
    occurredAt: occurredAt.toISOString(),
    action,
    actor: type === null || actorId === null ? null : { type, id: actorId, name },
    reason: rest.reason,
    attempt: rest.attempt,
    result: rest.result,
    httpStatus: rest.httpStatus,
    upstreamCode: rest.upstreamCode,
    upstreamMessage: rest.upstreamMessage,
    durationMs: rest.durationMs,
    lockStatus: rest.lockStatus,
    diagnosis: typeof metadata.diagnosis === 'string' ? metadata.diagnosis : null,
    outcome: rest.outcome,
    verification: rest.verification,
  };
  return `id: ${id}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** Keeps the newest of what is put in until it is asked for. */
function createInbox() {
  let newest: readonly AuditEvent[] | null = null;
  let wakeUp: (() => void) | null = null;
  return {
    put(events: readonly AuditEvent[]): void {
      newest = events;
      wakeUp?.();
    },
    wake(): void {
      wakeUp?.();
    },
    /** @returns null where nothing came in time, or it was woken */
    async next(waitMs: number): Promise<readonly AuditEvent[] | null> {
      if (newest === null) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, waitMs);
          wakeUp = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      wakeUp = null;
      const events = newest;
      newest = null;
      return events;
    },
  };
}
