import { link, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { dirname, join } from 'node:path';
import { pathOfOrigin, PublicationConflictError, type Publication } from './index.js';

const NEWEST = 'newest.checkpoint';

/**
 * A directory: `<origin>/<size>.checkpoint`, and `<origin>/newest.checkpoint` once more. A file is complete or not there, and is never
 * written twice. It protects as much as it is out of the reach of whoever can write to the database: mount it from elsewhere.
 */
export function createDirectoryPublication(directory: string): Publication {
  return {
    async publish({ origin, size, note }) {
      const folder = join(directory, pathOfOrigin(origin));
      await mkdir(folder, { recursive: true });
      const path = join(folder, `${size}.checkpoint`);
      const draft = join(folder, `.${randomUUID()}`);
      await writeDurably(draft, note);
      try {
        // Unlike a rename this never takes the place of what stands there.
        await link(draft, path);
        await rename(draft, join(folder, NEWEST));
      } catch (error) {
        await rm(draft, { force: true });
        if (codeOf(error) !== 'EEXIST') throw error;
        if ((await readFile(path, 'utf8')) !== note) {
          throw new PublicationConflictError(`another checkpoint of ${origin} with ${size} leaves was published before`);
        }
        await restoreNewest(folder, note);
      }
    },

    newest: (origin) => readIfThere(join(directory, pathOfOrigin(origin), NEWEST)),
  };
}

/** A checkpoint's file, as it was found. */
export interface PublishedFile {
  readonly where: string;
  readonly note: string;
}

/**
 * The checkpoints below a directory, or in a file, whoever put them there; of very many, the newest and others evenly spread.
 * @returns also how many files there are
 * @throws where nothing of that name can be read
 */
export async function readPublished(
  path: string,
  most = 10_000,
): Promise<{ readonly files: readonly PublishedFile[]; readonly found: number }> {
  if ((await stat(path)).isFile()) return { files: [{ where: path, note: await readFile(path, 'utf8') }], found: 1 };
  const names = (await readdir(path, { recursive: true })).filter((name) => name.endsWith('.checkpoint'));
  const step = Math.max(1, Math.ceil(names.length / most));
  const files: PublishedFile[] = [];
  for (const name of logsIn(names).flatMap((log) => chosenOf(log, step)))
    files.push({ where: join(path, name), note: await readFile(join(path, name), 'utf8') });
  return { files, found: names.length };
}

/** The files of each log, by the folder that they stand in. */
function logsIn(names: readonly string[]): string[][] {
  const logs = new Map<string, string[]>();
  for (const name of names) {
    const log = logs.get(dirname(name)) ?? [];
    log.push(name);
    logs.set(dirname(name), log);
  }
  return [...logs.values()];
}

/** The pointer to the newest, the newest itself, and every so many of the others. */
function chosenOf(log: readonly string[], step: number): string[] {
  const bySize = log.toSorted((one, other) => sizeIn(other) - sizeIn(one));
  const numbered = bySize.filter((name) => sizeIn(name) !== Infinity);
  return [...bySize.filter((name) => sizeIn(name) === Infinity), ...numbered.filter((_, index) => index % step === 0)];
}

function sizeIn(name: string): number {
  const size = /(\d+)\.checkpoint$/.exec(name)?.[1];
  return size === undefined ? Infinity : Number(size);
}

/** A stop between the two steps leaves the pointer behind. */
async function restoreNewest(folder: string, note: string): Promise<void> {
  const path = join(folder, NEWEST);
  const sizeOf = (text: string | null): number => Number(text?.split('\n')[1] ?? -1);
  if (sizeOf(await readIfThere(path)) >= sizeOf(note)) return;
  const draft = join(folder, `.${randomUUID()}`);
  await writeDurably(draft, note);
  await rename(draft, path);
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o644);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}
