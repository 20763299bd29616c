import type { z } from 'zod';
import { auditEventPageSchema, type auditEventSchema } from '../http/answer-schemas.js';
import { createFrontDoor } from './front-door.js';
import type { Config } from '../config.js';
import { exitCodes } from './exit-codes.js';
import { pages, tell } from './pages.js';
import { ownVoice, write } from './people.js';
import { table } from './table.js';
import { moment } from './times.js';
import { outcomeWords } from './unlock-words.js';
import type { Voice } from './voice.js';

type AuditEvent = z.infer<typeof auditEventSchema>;

interface ListParts {
  readonly config: Config;
  readonly filters: Readonly<Record<string, string | undefined>>;
  /** Null: all that there are. */
  readonly limit: number | null;
  readonly json: boolean;
}

/**
 * Shows audit events, newest first; the front door records each page that is read.
 * @returns the exit code
 * @throws CallFailure
 */
export async function listAuditEvents({ config, filters, limit, json }: ListParts): Promise<number> {
  const voice = ownVoice();
  const door = createFrontDoor({ config, forTerminal: !json });
  await tell<AuditEvent>({
    pages: pages({ door, path: '/v1/audit/events', scope: 'audit:read', answer: auditEventPageSchema, filters, limit }),
    json,
    write,
    note: voice.note,
    asTable: (events) => eventTable(events, voice.paint),
    none: 'no audit event is like that',
  });
  return exitCodes.done;
}

function eventTable(events: readonly AuditEvent[], paint: Voice['paint']): string {
  return table(
    ['time', 'action', 'actor', 'customer', 'attempt', 'result', 'HTTP', 'code', 'outcome'],
    events.map((event) => [
      moment(event.occurredAt, { precise: true }),
      event.action,
      actorOf(event),
      event.customerId,
      event.attempt,
      event.result,
      event.httpStatus,
      event.upstreamCode,
      event.outcome === null ? null : paint(outcomeWords[event.outcome].colour, event.outcome),
    ]),
  );
}

function actorOf({ actorName, actorId, onBehalfOf }: AuditEvent): string | null {
  const actor = actorName ?? actorId;
  return onBehalfOf === null ? actor : `${actor ?? ''} for ${onBehalfOf}`;
}
