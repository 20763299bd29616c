import { createHash } from 'node:crypto';
import { stringify } from 'csv-stringify/sync';
import { z } from 'zod';
import type { AuditReview, EventFilters, ExportBounds } from '../audit/audit-review.js';
import { eventColumnNames } from '../audit/row.js';
import { exportManifestSchema, type ExportManifest } from './audit-answer-schemas.js';
import { exportEndId, recordable, type AuditReaders } from './audit-readers.js';
import { fromAudit } from './availability.js';
import { exportedCsv, exportedNdjson, exportManifest } from './example-audit.js';
import { failures, good } from './operation.js';
import { Problem } from './problem.js';
import type { RequestSchemas } from './request-schemas.js';
import type { Answer, AuthenticatedCall, Route } from './route.js';
import type { HttpLog } from './settings.js';
import { parsePart, parseQuery } from './validation.js';

interface AuditExportParts {
  readonly review: AuditReview;
  readonly readers: AuditReaders;
  readonly schemas: RequestSchemas;
  readonly log: HttpLog;
}

/** Rows that are read at a time: what an export holds in memory, however long it is. */
const PAGE = 2_000;
/** Of one institution, in one process. */
const EXPORTS_AT_ONCE = 4;
const EXPORTS_PATH = '/v1/audit/exports';

const formats = {
  csv: { mediaType: 'text/csv; charset=utf-8; header=present', head: csvLines([eventColumnNames]), body: csvOf },
  ndjson: { mediaType: 'application/x-ndjson', head: '', body: (lines: string) => `${lines}\n` },
} as const;

/** Whole stretches of the log as one file, streamed as fast as it is taken, and what stands on record of each. */
export function auditExportRoutes({ review, readers, schemas, log }: AuditExportParts): Route[] {
  const underWay = new Map<string, number>();

  /** @returns what gives the place back, however often it is called */
  function takePlace(institutionId: string): () => void {
    const taken = underWay.get(institutionId) ?? 0;
    if (taken >= EXPORTS_AT_ONCE) {
      throw new Problem('too_many_exports', {
        detail: `${EXPORTS_AT_ONCE} exports of your institution are under way. Nothing was exported.`,
        headers: { 'retry-after': '30' },
      });
    }
    underWay.set(institutionId, taken + 1);
    let isTaken = true;
    return () => {
      if (isTaken) underWay.set(institutionId, (underWay.get(institutionId) ?? 1) - 1);
      isTaken = false;
    };
  }

  async function begin(call: AuthenticatedCall): Promise<Answer> {
    const { format, ...wanted } = parseQuery(schemas.auditExportQuery, call.search);
    const { institutionId } = call.caller;
    const leave = takePlace(institutionId);
    try {
      const filters = { ...wanted, institutionId };
      const bounds = await fromAudit(review.beginExport(filters));
      const { rows, sealedRows, checkpoint } = bounds;
      const exportId = await readers.exported(call, {
        format,
        filters: recordable(wanted),
        rows,
        sealedRows,
        checkpoint: checkpoint && { origin: checkpoint.origin, size: checkpoint.size, root: checkpoint.root.toString('base64') },
      });
      return {
        httpStatus: 200,
        headers: {
          'content-type': formats[format].mediaType,
          'content-disposition': `attachment; filename="audit-events-${exportId}.${format}"`,
          link: `<${EXPORTS_PATH}/${exportId}>; rel="describedby"`,
        },
        stream: {
          chunks: write(call, exportId, { format, filters, bounds }, leave),
          async abandon() {
            leave();
            await brokenOff(call, exportId, { rows: 0, bytes: 0 });
          },
        },
      };
    } catch (error) {
      leave();
      throw error;
    }
  }

  async function* write(call: AuthenticatedCall, exportId: string, wish: ExportWish, leave: () => void): AsyncGenerator<string> {
    const digest = createHash('sha256');
    let [rows, bytes, complete] = [0, 0, false];
    const chunkOf = (text: string): string => {
      digest.update(text);
      bytes += Buffer.byteLength(text);
      return text;
    };
    try {
      const { head, body } = formats[wish.format];
      if (head !== '') yield chunkOf(head);
      for (let after = 0n; ;) {
        if (call.signal.aborted) throw new Error('the export was broken off: the caller hung up, or the front door stops');
        const page = await review.exportPage({ filters: wish.filters, bounds: wish.bounds, after, limit: PAGE });
        if (page === null) break;
        rows += page.rows;
        after = page.last;
        yield chunkOf(body(page.lines));
      }
      if (rows !== wish.bounds.rows)
        throw new Error(`the export was broken off: ${wish.bounds.rows} rows were there when it began, and ${rows} were found`);
      // Before the last byte: a reader who has the whole file knows that its end is on record.
      await readers.exportEnded(call, exportId, { complete: true, rows, bytes, sha256: digest.digest('hex') });
      complete = true;
    } finally {
      leave();
      if (!complete) await brokenOff(call, exportId, { rows, bytes });
    }
  }

  async function brokenOff(call: AuthenticatedCall, exportId: string, written: { rows: number; bytes: number }): Promise<void> {
    await readers.exportEnded(call, exportId, { complete: false, ...written }).catch((error: unknown) => {
      log.warn({ err: error, exportId }, 'that an export was broken off could not be put on record');
    });
  }

  async function read(call: AuthenticatedCall): Promise<Answer> {
    const { exportId } = parsePart('path', schemas.exportPath, call.params);
    parseQuery(schemas.noQuery, call.search);
    const { institutionId } = call.caller;
    const events = await fromAudit(review.eventsById([exportId, exportEndId(exportId)], institutionId));
    const [begun, ended] = [
      events.find(({ action }) => action === 'audit.exported'),
      events.find(({ action }) => action === 'audit.export_ended'),
    ];
    if (begun === undefined) throw new Problem('not_found', { detail: 'Your institution has no export of this id.' });
    const { format, filters, rows, sealedRows = null, checkpoint } = beginnings.parse(begun.metadata);
    const end = endings.parse(ended?.metadata ?? {});
    const note =
      checkpoint && (await fromAudit(review.checkpoint({ origin: checkpoint.origin, size: checkpoint.size }, institutionId)))?.note;
    await readers.viewed(call, { exportId, rows: events.length });
    const body: ExportManifest = {
      exportId,
      state: ended === undefined ? 'under_way' : end.complete === true ? 'complete' : 'broken_off',
      format,
      filters,
      institutionId,
      exportedBy: { type: begun.actorType, id: begun.actorId, name: begun.actorName },
      startedAt: begun.occurredAt.toISOString(),
      endedAt: ended?.occurredAt.toISOString() ?? null,
      rows,
      sealedRows,
      rowsWritten: end.rows ?? null,
      bytes: end.bytes ?? null,
      sha256: end.sha256 ?? null,
      checkpoint: checkpoint === null ? null : { ...checkpoint, note: note ?? null },
    };
    return { httpStatus: 200, body };
  }

  return [
    {
      method: 'get',
      path: '/v1/audit/export',
      scope: 'audit:read',
      body: 'none',
      errorShape: 'problem',
      operation: {
        operationId: 'exportAuditEvents',
        tags: ['Audit'],
        summary: 'Every audit event that the filters let through, oldest first, as one file',
        description: [
          'Exactly the rows that were committed when it began, whatever is written meanwhile; streamed as fast as it is taken, of any length.',
          'In CSV a text that a spreadsheet would take for a formula has an apostrophe before it. The `Link` header leads to the manifest:',
          'how many rows, the checkpoint that covers them, and once it has ended the SHA-256 of the file. A file that was broken off ends without',
          'the end of its transfer, so that clients report an error. An export that cannot be recorded is refused, or broken off.',
        ].join(' '),
        requestParams: { query: schemas.auditExportQuery },
        responses: {
          '200': {
            ...good('The file', null, { headers: exportHeaders }),
            content: {
              'text/csv': { schema: z.string(), examples: { file: exportedCsv } },
              'application/x-ndjson': { schema: z.string(), examples: { file: exportedNdjson } },
            },
          },
          ...failures({ codes: ['too_many_exports'], path: '/v1/audit/export?format=csv' }),
        },
      },
      handle: begin,
    },
    {
      method: 'get',
      path: `${EXPORTS_PATH}/{exportId}`,
      scope: 'audit:read',
      body: 'none',
      errorShape: 'problem',
      operation: {
        operationId: 'getExportManifest',
        tags: ['Audit'],
        summary: 'The manifest of an export: what it holds, and by which checkpoint',
        requestParams: { path: schemas.exportPath },
        responses: {
          '200': good('The manifest', exportManifestSchema, { examples: { complete: exportManifest } }),
          ...failures({ codes: ['not_found'], path: `${EXPORTS_PATH}/${exportManifest.value.exportId}` }),
        },
      },
      handle: read,
    },
  ];
}

interface ExportWish {
  readonly format: keyof typeof formats;
  readonly filters: EventFilters;
  readonly bounds: ExportBounds;
}

const beginnings = z.object({
  format: z.enum(['csv', 'ndjson', 'evidence']),
  filters: z.record(z.string(), z.union([z.string(), z.number()])),
  rows: z.number(),
  sealedRows: z.number().optional(),
  checkpoint: z.object({ origin: z.string(), size: z.number(), root: z.string() }).nullable(),
});
const endings = z.object({
  complete: z.boolean().optional(),
  rows: z.number().optional(),
  bytes: z.number().optional(),
  sha256: z.string().optional(),
});

const exportHeaders = z.object({
  link: z
    .string()
    .meta({ description: 'The manifest of this export', example: `<${EXPORTS_PATH}/${exportManifest.value.exportId}>; rel="describedby"` }),
  'content-disposition': z.string().meta({ description: 'A name for the file' }),
});

function csvOf(lines: string): string {
  const rows = lines.split('\n').map((line) => z.record(z.string(), z.unknown()).parse(JSON.parse(line)));
  return csvLines(rows.map((row) => eventColumnNames.map((name) => cellOf(row[name]))));
}

// Where a spreadsheet parts cells at semicolons or tabs, what follows one within a cell of ours begins a cell of its own.
const withinACell = /([;\t\r\n]["' ]*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20])/g;

function cellOf(value: unknown): unknown {
  const text = typeof value === 'object' && value !== null ? JSON.stringify(value) : value;
  return typeof text === 'string' ? text.replace(withinACell, "$1'") : text;
}

/** RFC 4180. */
function csvLines(rows: readonly (readonly unknown[])[]): string {
  return stringify([...rows], { record_delimiter: 'windows', escape_formulas: true });
}
