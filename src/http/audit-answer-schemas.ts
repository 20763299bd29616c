import { z } from 'zod';

const time = z.iso.datetime();
const guid = z.string().meta({ format: 'uuid' });
const hash = z.string().meta({ description: 'SHA-256, in base64' });
const size = z.int().min(0).meta({ description: 'Leaves: the rows of all institutions together' });

export const checkpointSchema = z
  .strictObject({
    origin: z.string().meta({ description: "The log's own name; after a restore another one goes on" }),
    size,
    root: hash,
    signedAt: time,
    note: z.string().meta({ description: 'The signed note, as it was published' }),
  })
  .meta({ id: 'Checkpoint' });

const proof = z.array(hash).meta({ description: 'In the order in which they are used' });

export const inclusionProofSchema = z
  .strictObject({
    eventId: guid,
    leafIndex: z.int().min(0),
    leafHash: hash.meta({ description: 'SHA-256 over a zero byte and the row in RFC 8785 canonical JSON' }),
    proof,
    checkpoint: checkpointSchema,
  })
  .meta({ id: 'InclusionProof' });

export const consistencyProofSchema = z
  .strictObject({ earlier: checkpointSchema, later: checkpointSchema, proof })
  .meta({ id: 'ConsistencyProof' });

export const exportManifestSchema = z
  .strictObject({
    exportId: guid,
    state: z.enum(['under_way', 'complete', 'broken_off']).meta({ description: 'A process that died leaves an export `under_way`' }),
    format: z.enum(['csv', 'ndjson', 'evidence']),
    filters: z.record(z.string(), z.union([z.string(), z.number()])),
    institutionId: z.string(),
    exportedBy: z.strictObject({ type: z.enum(['user', 'service']).nullable(), id: z.string().nullable(), name: z.string().nullable() }),
    startedAt: time,
    endedAt: time.nullable(),
    rows: z.int().meta({ description: 'Rows that the filters let through when it began' }),
    sealedRows: z.int().nullable().meta({ description: 'Of these, rows that the checkpoint covers' }),
    rowsWritten: z.int().nullable(),
    bytes: z.int().nullable(),
    sha256: z.string().nullable().meta({ description: 'Of the file, in hex; null until it has ended' }),
    checkpoint: z
      .strictObject({ origin: z.string(), size, root: hash, note: z.string().nullable() })
      .nullable()
      .meta({ description: 'The newest one when it began; null where nothing was sealed' }),
  })
  .meta({ id: 'ExportManifest' });
export type ExportManifest = z.infer<typeof exportManifestSchema>;
