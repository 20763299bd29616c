import { randomUUID } from 'node:crypto';
import type { AuditLog } from '../audit/audit-log.js';
import { auditEventId } from '../audit/event-id.js';
import type { AuditAction, JsonObject } from '../domain/audit-event.js';
import { fromAudit } from './availability.js';
import type { AuthenticatedCall } from './route.js';

/** Puts on record who read the log, and how much of it: whoever cannot be recorded is told nothing. */
export interface AuditReaders {
  /**
   * Records that rows were read; to be awaited before they are answered.
   * @throws Problem 503
   */
  viewed(call: AuthenticatedCall, what: JsonObject): Promise<void>;
  /**
   * Records that rows are about to be handed out.
   * @returns the id of the export
   * @throws Problem 503
   */
  exported(call: AuthenticatedCall, what: JsonObject): Promise<string>;
  /**
   * Records how an export ended.
   * @throws Problem 503
   */
  exportEnded(call: AuthenticatedCall, exportId: string, what: JsonObject): Promise<void>;
}

/** The id under which the end of an export stands in the log. */
export function exportEndId(exportId: string): string {
  return auditEventId(exportId, 'audit.export_ended', '');
}

export function createAuditReaders({ audit }: { readonly audit: Pick<AuditLog, 'append'> }): AuditReaders {
  async function note(call: AuthenticatedCall, action: AuditAction, id: string, what: JsonObject): Promise<void> {
    const { institutionId, actor } = call.caller;
    const event = {
      id,
      occurredAt: new Date(),
      action,
      institutionId,
      actorType: actor.type,
      actorId: actor.id,
      actorName: actor.name,
      source: { ...call.source },
      // Whose case was read stands in here and not in the columns: reading a case is no part of its story.
      metadata: { clientId: actor.clientId, ...what },
    };
    await fromAudit(audit.append(event));
  }

  return {
    viewed: (call, what) => note(call, 'audit.viewed', auditEventId(call.correlationId, 'audit.viewed', randomUUID()), what),
    async exported(call, what) {
      const exportId = auditEventId(call.correlationId, 'audit.exported', randomUUID());
      await note(call, 'audit.exported', exportId, what);
      return exportId;
    },
    exportEnded: (call, exportId, what) => note(call, 'audit.export_ended', exportEndId(exportId), { exportId, ...what }),
  };
}

type Filters = Readonly<Record<string, string | number | Date | undefined>>;

/** Filters as they stand on record. */
export function recordable(filters: Filters): JsonObject {
  const given = Object.entries(filters).filter((entry): entry is [string, string | number | Date] => entry[1] !== undefined);
  return Object.fromEntries(given.map(([name, value]) => [name, value instanceof Date ? value.toISOString() : value]));
}
