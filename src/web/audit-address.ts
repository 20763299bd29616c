import { dayStart } from './times.js';

/** What the address may say. Not the customer: an id has no business in an address, and the search shows a customer's requests. */
export type AuditFilters = Readonly<
  Record<'correlationId' | 'action' | 'result' | 'outcome' | 'httpStatus' | 'attempt' | 'actor' | 'from' | 'to', string>
>;

export interface AuditAddress {
  readonly filters: AuditFilters;
  readonly cursor: string;
  /** As they were asked for; empty: the usual ones. */
  readonly columns: readonly string[];
}

/** Reads what follows the `?`; whatever else stands there is passed over. */
export function readAuditAddress(search: string): AuditAddress {
  const given = new URLSearchParams(search);
  const of = (name: string): string => given.get(name)?.trim() ?? '';
  return {
    filters: {
      correlationId: of('correlationId'),
      action: of('action'),
      result: of('result'),
      outcome: of('outcome'),
      httpStatus: of('httpStatus'),
      attempt: of('attempt'),
      actor: of('actor'),
      from: of('from'),
      to: of('to'),
    },
    cursor: of('cursor'),
    columns: given.getAll('column'),
  };
}

/** The address of the table as it is told. */
export function auditAddress({ filters = {}, cursor = '', columns = [] }: AuditWish): string {
  const query = queryOf({ ...filters, cursor });
  for (const column of columns) query.append('column', column);
  return query.size === 0 ? '/audit' : `/audit?${query.toString()}`;
}

/** The address of all rows that filters let through, as a file. */
export function exportAddress(format: 'csv' | 'ndjson', filters: AuditFilters): string {
  return `/audit/export?${queryOf({ format, ...filters }).toString()}`;
}

/** The address of what these rows come to. */
export function chartsAddress(filters: AuditFilters): string {
  const query = queryOf(filters);
  return query.size === 0 ? '/audit/charts' : `/audit/charts?${query.toString()}`;
}

/** The same for the API: whole days of UTC, the last one included. */
export function askedOfAudit({ from, to, ...filters }: AuditFilters, others: Readonly<Record<string, string>>): string {
  const times = { ...(from !== '' && { from: dayStart(from) }), ...(to !== '' && { to: dayStart(to, 1) }) };
  return queryOf({ ...others, ...filters, ...times }).toString();
}

interface AuditWish {
  readonly filters?: Partial<AuditFilters>;
  readonly cursor?: string;
  readonly columns?: readonly string[];
}

function queryOf(parts: Readonly<Record<string, string>>): URLSearchParams {
  return new URLSearchParams(Object.entries(parts).filter(([, value]) => value !== ''));
}
