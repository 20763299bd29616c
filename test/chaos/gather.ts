import { createDecipheriv } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Client, Connection } from '@temporalio/client';
import proto from '@temporalio/proto';
import pg from 'pg';
import type { AuditRow, BankCallState, BankLine, Execution } from './evidence.js';

const { Payload } = proto.temporal.api.common.v1;
const { HistoryEventFilterType } = proto.temporal.api.enums.v1;
const NAMESPACE = 'default';
const AT_ONCE = 20;
const WORKFLOW_ID = /^unlock-([0-9a-f-]{36})$/;

interface JournalLine {
  readonly kind: string;
  readonly at: string;
  readonly customerId?: string;
  readonly customer?: { readonly state: { readonly locked: boolean } } | null;
  readonly call?: Omit<BankCallState, 'arrivedAtMs' | 'appliedAtMs'> & { readonly arrivedAt: string; readonly appliedAt: string | null };
}

/** The bank's journal; the one line that a SIGKILL may have cut short is left out. */
export async function readBankJournal(path: string): Promise<BankLine[]> {
  const lines: BankLine[] = [];
  for (const text of (await readFile(path, 'utf8')).split('\n')) {
    const line = parsedLine(text);
    if (line === null) continue;
    const atMs = Date.parse(line.at);
    if (line.call !== undefined) {
      const { arrivedAt, appliedAt, ...call } = line.call;
      lines.push({
        kind: 'call',
        atMs,
        call: { ...call, arrivedAtMs: Date.parse(arrivedAt), appliedAtMs: appliedAt === null ? null : Date.parse(appliedAt) },
      });
    } else if (line.customerId !== undefined && line.customer) {
      lines.push({ kind: 'customer', atMs, customerId: line.customerId, locked: line.customer.state.locked });
    }
  }
  return lines;
}

function parsedLine(text: string): JournalLine | null {
  try {
    return text === '' ? null : (JSON.parse(text) as JournalLine);
  } catch {
    return null;
  }
}

const ROWS = `
  SELECT position::float8 AS position, extract(epoch FROM pg_xact_commit_timestamp(xid::xid))::float8 * 1000 AS "committedAtMs",
    extract(epoch FROM recorded_at)::float8 * 1000 AS "recordedAtMs",
    action, correlation_id AS "correlationId", customer_id AS "customerId", attempt, result, outcome, verification,
    http_status AS "httpStatus", lock_status AS "lockStatus", metadata ->> 'meaning' AS meaning
  FROM audit_event WHERE action LIKE 'customer.unlock.%' ORDER BY audit_event.position`;

/** The audit table, as the superuser sees it, with the time at which each row was committed. */
export async function readAuditRows(databaseUrl: string): Promise<AuditRow[]> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    return (await client.query<AuditRow>(ROWS)).rows;
  } finally {
    await client.end();
  }
}

/** A look at Temporal of its own: no interceptor, no codec. */
export async function openTemporal(address: string, key: Buffer) {
  const connection = await Connection.connect({ address });
  const client = new Client({ connection, namespace: NAMESPACE });
  return {
    cancel: async (correlationId: string) => {
      await connection.withDeadline(Date.now() + 3_000, () => client.workflow.getHandle(`unlock-${correlationId}`).cancel());
    },
    running: async () => (await client.workflow.count("WorkflowType = 'unlockCustomer' AND ExecutionStatus = 'Running'")).count,
    async executions(): Promise<Execution[]> {
      const found: { readonly correlationId: string; readonly workflowId: string; readonly runId: string; readonly status: string }[] = [];
      for await (const { workflowId, runId, status } of client.workflow.list({ query: "WorkflowType = 'unlockCustomer'" })) {
        found.push({ correlationId: WORKFLOW_ID.exec(workflowId)?.[1] ?? workflowId, workflowId, runId, status: status.name });
      }
      const executions: Execution[] = [];
      for (let from = 0; from < found.length; from += AT_ONCE) {
        const batch = found.slice(from, from + AT_ONCE).map(async ({ correlationId, workflowId, runId, status }) => {
          const { history } = await client.workflowService.getWorkflowExecutionHistory({
            namespace: NAMESPACE,
            execution: { workflowId, runId },
            historyEventFilterType: HistoryEventFilterType.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT,
          });
          const payload = history?.events?.at(-1)?.workflowExecutionCompletedEventAttributes?.result?.payloads?.[0];
          return { correlationId, status, result: payload?.data ? (decrypt(payload.data, key) as Execution['result']) : null };
        });
        executions.push(...(await Promise.all(batch)));
      }
      return executions;
    },
    close: () => connection.close(),
  };
}

/** IV, tag, and the sealed bytes of a payload, as docs and histories have them; the id of the key is authenticated with it. */
function decrypt(data: Uint8Array, key: Buffer): unknown {
  const bytes = Buffer.from(data);
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12), { authTagLength: 16 });
  decipher.setAAD(Buffer.from('chaos'));
  decipher.setAuthTag(bytes.subarray(12, 28));
  const payload = Payload.decode(Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]));
  return JSON.parse(Buffer.from(payload.data).toString('utf8'));
}
