import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { link, rm } from 'node:fs/promises';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import type { Config } from '../config.js';
import { createFrontDoor } from './front-door.js';
import { countingLine } from './progress.js';

interface FetchParts {
  readonly config: Config;
  /** Below `/v1/audit/`, with its query. */
  readonly path: string;
  /** Null: by the name that the front door gives it. */
  readonly out: string | null;
  readonly say: (line: string) => void;
  readonly stderr: NodeJS.WriteStream;
}

const manifest = z.object({ state: z.string(), rows: z.number(), sealedRows: z.number().nullable(), sha256: z.string().nullable() });

/**
 * Takes a file of the audit log from the front door, which puts that on record, and holds it against its manifest. A file is complete or not there.
 * @throws where the front door refuses, breaks off, or the file is not the one that it recorded
 */
export async function fetchAuditFile({ config, path, out, say, stderr }: FetchParts): Promise<void> {
  const door = createFrontDoor({ config, forTerminal: true });
  const response = await door.open({ path: `/v1/audit/${path}`, scope: 'audit:read' });
  if (response.body === null) throw new Error('the front door sent no file');
  const file = out ?? nameIn(response.headers.get('content-disposition'));
  const draft = `${file}.part`;
  const digest = createHash('sha256');
  const progress = countingLine(stderr, 'bytes');
  const counted = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      digest.update(chunk);
      progress.add(chunk.length);
      done(null, chunk);
    },
  });
  let said: string;
  try {
    // Never over a file that is there: an export is evidence.
    await pipeline(Readable.from(response.body), counted, createWriteStream(draft, { flags: 'wx', mode: 0o600 }));
    const [, place = ''] = /<(\/v1\/audit\/exports\/[^>]+)>/.exec(response.headers.get('link') ?? '') ?? [];
    const { rows, sealedRows, sha256 } = await door.ask({ path: place, scope: 'audit:read', answer: manifest });
    if (sha256 !== digest.digest('hex'))
      throw new Error(`what came is not the file that the front door has on record: its SHA-256 differs`);
    await keep(draft, file);
    said = `${file}: ${rows} rows, ${sealedRows ?? 0} of them sealed; SHA-256 ${sha256}, as recorded under ${place}`;
  } catch (error) {
    // Somebody else's draft is left alone.
    if (!isThere(error, draft)) await rm(draft, { force: true });
    throw isThere(error, file) || isThere(error, draft) ? new Error(`${file} is there already: nothing was written`) : error;
  } finally {
    progress.clear();
  }
  say(said);
}

/** Unlike a rename a link never takes the place of what is there. */
async function keep(draft: string, file: string): Promise<void> {
  await link(draft, file);
  await rm(draft);
}

function nameIn(disposition: string | null): string {
  const [, name] = /filename="([\w.-]+)"$/.exec(disposition ?? '') ?? [];
  if (name === undefined || name.startsWith('.')) throw new Error('the front door gives the file no name: use --out');
  return name;
}

function isThere(error: unknown, path: string): boolean {
  if (!(error instanceof Error) || !('code' in error) || error.code !== 'EEXIST') return false;
  return ('dest' in error ? error.dest : 'path' in error ? error.path : null) === path;
}
