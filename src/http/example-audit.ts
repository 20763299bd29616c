import type { z } from 'zod';
import { eventColumnNames } from '../audit/row.js';
import type { checkpointSchema, consistencyProofSchema, exportManifestSchema, inclusionProofSchema } from './audit-answer-schemas.js';
import { EXAMPLE_CORRELATION_ID, EXAMPLE_EVENT_ID, type Example } from './example-errors.js';
import { auditEventPage } from './example-readings.js';

const EXPORT_ID = '3d0f7f5e-58d1-5a6c-9c0b-7f6f2d7f1a02';
const ORIGIN = 'bank.example/unlock-audit';
const [startedAt, endedAt] = ['2026-01-31T09:30:00.000Z', '2026-01-31T09:30:04.512Z'];

// A log of six leaves, and what it was when it had three.
const three: z.infer<typeof checkpointSchema> = {
  origin: ORIGIN,
  size: 3,
  root: 'SYZ26ryaxtSizyC2Fz5+1WDY7zgrZNXn0LlNFO9w2hM=',
  signedAt: '2026-01-31T09:29:58.000Z',
  note: `${ORIGIN}\n3\nSYZ26ryaxtSizyC2Fz5+1WDY7zgrZNXn0LlNFO9w2hM=\n\n\u2014 ${ORIGIN} aPEftn1xoeMMfHn6xn6CAWazWH9qXexzJkwbO0mRfy1oAXjAgb8h08daJdC2xMmybp22i0wCq/BkuM2TSpg64fwhuAw=\n`,
};
const six: z.infer<typeof checkpointSchema> = {
  origin: ORIGIN,
  size: 6,
  root: 'ag9SWL76CJj91VFzD1c5iBVzvnXDmepUasH5B7tPeSY=',
  signedAt: '2026-01-31T09:29:59.000Z',
  note: `${ORIGIN}\n6\nag9SWL76CJj91VFzD1c5iBVzvnXDmepUasH5B7tPeSY=\n\n\u2014 ${ORIGIN} aPEftrK7laGilqympxr8P2o9w878GuWp6BNd5xU19aHSFtfdbwED67tLKBKVby9bgoG1pBBXDfR/PkrRINYOwDcEDQU=\n`,
};

export const exampleCheckpoint: Example<z.infer<typeof checkpointSchema>> = { summary: 'Six rows', value: six };

export const exampleInclusion: Example<z.infer<typeof inclusionProofSchema>> = {
  summary: 'The fifth of six rows',
  value: {
    eventId: EXAMPLE_EVENT_ID,
    leafIndex: 4,
    leafHash: 'iPTj0b0hTZXV6DKNTW345JLjjS+39B0/vOGYHd5mnAc=',
    proof: ['/GgBySFocT5MQxZm6Nynv8vCcZ/14R9xuslPAr/ToI4=', '8vo4+BxjuJ58gVY/VF39FMcDQMMu2lv+HW/5wpWjp00='],
    checkpoint: six,
  },
};

export const exampleConsistency: Example<z.infer<typeof consistencyProofSchema>> = {
  summary: 'From three rows to six',
  value: {
    earlier: three,
    later: six,
    proof: [
      'tS092LTB+c0jm6HAdYOiaBoNFL21vYSWD26q4MycmMA=',
      '6/D++1hOc7RF0mYL8yTe8GX/sIevKxt8hxWdHrFmJlo=',
      'pc52HSKKhF0BXoOi5k71QCLYshhdb8MDuQ/wdiONFhM=',
      'D+fYJwp/0b+vvdX/6mLLwqJDKf2Ur/64HwIR5OsnbtY=',
    ],
  },
};

export const exportManifest: Example<z.infer<typeof exportManifestSchema>> = {
  summary: 'One request, exported whole',
  value: {
    exportId: EXPORT_ID,
    state: 'complete',
    format: 'ndjson',
    filters: { correlationId: EXAMPLE_CORRELATION_ID },
    institutionId: 'bank-one',
    exportedBy: { type: 'user', id: 'auditor-1', name: 'Ada Auditor' },
    startedAt,
    endedAt,
    rows: 5,
    sealedRows: 5,
    rowsWritten: 5,
    bytes: 4120,
    sha256: '5f2b1e6c0a3d49b7c8e9f00112233445566778899aabbccddeeff00112233445',
    checkpoint: { origin: six.origin, size: six.size, root: six.root, note: six.note },
  },
};

const rows = auditEventPage.value.items.toReversed();

export const exportedNdjson: Example<string> = {
  summary: 'One row a line',
  value: rows.map((row) => `${JSON.stringify(row)}\n`).join(''),
};

export const exportedCsv: Example<string> = {
  summary: 'The head, and one row',
  value: `${eventColumnNames.join(',')}\r\n${EXAMPLE_EVENT_ID},42,2026-01-31T09:30:00.000Z,2026-01-31T09:30:00.000Z,audit.viewed${','.repeat(eventColumnNames.length - 6)},{}\r\n`,
};
