import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packageFolder } from '../package-folder.js';

export interface MigrationFile {
  readonly name: string;
  readonly sql: string;
  /** As Prisma computes it: plain SHA-256 of the file, in hex. */
  readonly checksum: string;
}

/** Reads the migrations of a folder, in the order in which they are applied: that of their names. */
export async function readMigrations(migrationsDir: string): Promise<MigrationFile[]> {
  const entries = await readdir(migrationsDir, { withFileTypes: true }).catch((error: unknown) => {
    throw new Error(`no migrations at ${migrationsDir}`, { cause: error });
  });
  const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  if (names.length === 0) throw new Error(`no migrations at ${migrationsDir}`);
  return Promise.all(
    names.sort().map(async (name) => {
      const sql = await readFile(join(migrationsDir, name, 'migration.sql'), 'utf8');
      return { name, sql, checksum: sha256(sql) };
    }),
  );
}

/** True where the file is what was applied; a checkout with other line endings counts as the same. */
export function isUnchanged({ sql }: MigrationFile, appliedChecksum: string): boolean {
  const unix = sql.replaceAll('\r\n', '\n');
  return [sql, unix, unix.replaceAll('\n', '\r\n')].some((text) => sha256(text) === appliedChecksum);
}

/** The migrations beside the package's own package.json. */
export function packagedMigrationsDir(): string {
  return join(packageFolder(), 'prisma', 'migrations');
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
