import { z } from 'zod';
import type { RequestPosition } from '../audit/audit-log.js';
import { parseCorrelationId } from '../domain/unlock-request.js';

const LARGEST_POSITION = 9_223_372_036_854_775_807n;

/** Where a page of audit events ends, as callers carry it. */
export function eventCursor(position: bigint): string {
  return encode(['e', position.toString()]);
}

/** Where a page of unlock requests ends, as callers carry it. */
export function requestCursor({ requestedAt, correlationId }: RequestPosition): string {
  return encode(['r', requestedAt.toISOString(), correlationId]);
}

const eventParts = z.tuple([z.literal('e'), z.string().regex(/^\d{1,19}$/)]);
const requestParts = z.tuple([z.literal('r'), z.iso.datetime(), z.string()]);

/** @returns null where the text is no cursor that `eventCursor` made */
export function parseEventCursor(text: string): bigint | null {
  const parts = eventParts.safeParse(decode(text));
  if (!parts.success) return null;
  const position = BigInt(parts.data[1]);
  return position <= LARGEST_POSITION ? position : null;
}

/** @returns null where the text is no cursor that `requestCursor` made */
export function parseRequestCursor(text: string): RequestPosition | null {
  const parts = requestParts.safeParse(decode(text));
  if (!parts.success) return null;
  const correlationId = parseCorrelationId(parts.data[2]);
  return correlationId === null ? null : { requestedAt: new Date(parts.data[1]), correlationId };
}

function encode(parts: readonly string[]): string {
  return Buffer.from(JSON.stringify(parts)).toString('base64url');
}

function decode(text: string): unknown {
  try {
    const json = Buffer.from(text, 'base64url').toString();
    // Node skips what is not base64url: only what encodes back to itself was ever handed out.
    return Buffer.from(json).toString('base64url') === text ? JSON.parse(json) : null;
  } catch {
    return null;
  }
}

interface Fetched<Row> {
  readonly rows: readonly Row[];
  readonly limit: number;
  readonly cursorOf: (row: Row) => string;
}

const LARGEST_PAGE = 200;

/** How many rows to ask for so that one more tells whether a next page exists, within what a page may hold. */
export function rowsToAsk(limit: number): number {
  return Math.min(limit + 1, LARGEST_PAGE);
}

/** Cuts the rows that `rowsToAsk` brought to a page; a full largest page may lead to an empty last one. */
export function pageOf<Row>({ rows, limit, cursorOf }: Fetched<Row>): { rows: readonly Row[]; nextCursor: string | null } {
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  const more = rows.length > limit || (limit === LARGEST_PAGE && rows.length === LARGEST_PAGE);
  return { rows: page, nextCursor: more && last !== undefined ? cursorOf(last) : null };
}
