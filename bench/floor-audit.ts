import pg from 'pg';
import { connectAudit } from '../src/audit/connection.js';
import { bankAccount } from './bank-account.js';
import { createAuditLog } from '../src/audit/index.js';
import type { NewAuditEvent } from '../src/domain/audit-event.js';

/** Writes one row; it is committed when the promise resolves. */
type RecordEvent = (event: NewAuditEvent) => Promise<unknown>;

const columns = [
  ...[
    'id',
    'occurredAt',
    'action',
    'correlationId',
    'institutionId',
    'customerId',
    'actorType',
    'actorId',
    'actorName',
    'source',
    'workflowId',
  ],
  ...[
    'attempt',
    'activityAttempt',
    'executionId',
    'result',
    'outcome',
    'verification',
    'httpStatus',
    'durationMs',
    'lockStatus',
    'metadata',
  ],
];
const names = columns.map((name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)).join(', ');
const places = columns.map((_, index) => `$${index + 1}`).join(', ');
const text = `INSERT INTO audit_event (${names}) VALUES (${places}) ON CONFLICT DO NOTHING`;

/** The two ways in which the floor may write its rows, both with as many connections as Latchkey's processes have each. */
export const floorAudit = {
  pg: (databaseUrl: string): RecordEvent => {
    const pool = new pg.Pool({
      connectionString: databaseUrl,
      options: `-c role=latchkey_app -c latchkey.institution_id=${bankAccount.institutionId}`,
      max: 10,
    });
    return (event) => {
      const row = new Map<string, unknown>(Object.entries({ metadata: {}, ...event }));
      return pool.query({ name: 'record', text, values: columns.map((name) => row.get(name) ?? null) });
    };
  },
  prisma: (databaseUrl: string): RecordEvent => {
    const audit = createAuditLog(connectAudit({ databaseUrl, role: 'latchkey_app', institutionId: bankAccount.institutionId }));
    return (event) => audit.append(event);
  },
} as const;
