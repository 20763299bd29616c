import type { Latchkey } from '../support/latchkey.js';
import type { Row } from './evidence.js';

interface StoredRow {
  readonly action: string;
  readonly attempt: number | null;
  readonly result: string | null;
  readonly outcome: string | null;
  readonly verification: string | null;
  readonly http_status: number | null;
  readonly lock_status: string | null;
  readonly duration_ms: number | null;
  readonly recorded_at_ms: number;
  readonly metadata: Record<string, unknown>;
}

/** What stands in the audit table of one request, in the order in which it was written. */
export async function rowsOfRequest({ sql }: Latchkey, correlationId: string): Promise<Row[]> {
  const rows = await sql<StoredRow>(
    `select replace(action, 'customer.unlock.', '') as action, attempt, result, outcome, verification, http_status, lock_status, duration_ms,
            (extract(epoch from recorded_at) * 1000)::float8 as recorded_at_ms, metadata
       from audit_event where correlation_id = $1 order by position`,
    [correlationId],
  );
  return rows.map(({ http_status, lock_status, duration_ms, recorded_at_ms, ...rest }) => ({
    ...rest,
    httpStatus: http_status,
    lockStatus: lock_status,
    durationMs: duration_ms,
    recordedAtMs: recorded_at_ms,
  }));
}
