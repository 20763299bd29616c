import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { z } from 'zod';
import { isUnchanged, type MigrationFile, packagedMigrationsDir, readMigrations } from './migration-files.js';

// Prisma's own lock and table, so that either runner may follow the other, or run beside it.
const PRISMA_LOCK = 72707369;
const CREATE_TABLE = `CREATE TABLE public._prisma_migrations (
  id VARCHAR(36) PRIMARY KEY NOT NULL,
  checksum VARCHAR(64) NOT NULL,
  finished_at TIMESTAMPTZ,
  migration_name VARCHAR(255) NOT NULL,
  logs TEXT,
  rolled_back_at TIMESTAMPTZ,
  started_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  applied_steps_count INTEGER NOT NULL DEFAULT 0
)`;

/** Thrown where the migrations cannot be applied; the message says what to do. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError';
}

interface MigrateOptions {
  /** A superuser, or a login that may create roles and owns the database, or one prepared by an administrator. */
  readonly databaseUrl: string;
  /** The package's own by default. */
  readonly migrationsDir?: string;
  /** Told what is being done, a line at a time. */
  readonly say?: (line: string) => void;
  /** How long to wait for another runner, or for a table in use; 60000 by default. */
  readonly lockTimeoutMs?: number;
}

/**
 * Applies the migrations that the database lacks, as `prisma migrate deploy` does, from the same files and with the same records.
 * Each is one transaction together with its record: one that fails leaves nothing behind and may be tried again.
 * @returns the names of those applied now; once it resolves, they are committed
 * @throws MigrationError
 */
export async function migrate({
  databaseUrl,
  migrationsDir,
  say = () => {},
  lockTimeoutMs = 60_000,
}: MigrateOptions): Promise<{ applied: string[] }> {
  const files = await readMigrations(migrationsDir ?? packagedMigrationsDir());
  const client = new pg.Client({
    connectionString: databaseUrl,
    application_name: 'latchkey-migrate',
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
  });
  // The statement under way fails by itself; without a listener the event would end the process.
  client.on('error', () => {});
  await client.connect().catch((error: unknown) => {
    throw explained('cannot connect to the database', error);
  });
  try {
    await client.query(`SET statement_timeout = 0; SET lock_timeout = ${Math.trunc(lockTimeoutMs)}`);
    await client.query('SELECT pg_advisory_lock($1)', [PRISMA_LOCK]).catch((error: unknown) => {
      throw explained('another migration of this database is under way', error);
    });
    const pending = pendingOf(files, await recorded(client), say);
    for (const file of pending) {
      say(`applying migration ${file.name}`);
      await apply(client, file);
    }
    return { applied: pending.map(({ name }) => name) };
  } finally {
    // The lock goes with the session.
    await client.end().catch(() => {});
  }
}

const records = z.array(z.object({ migration_name: z.string(), checksum: z.string(), finished_at: z.date().nullable() }));
type MigrationRecord = z.infer<typeof records>[number];

async function recorded(client: pg.Client): Promise<MigrationRecord[]> {
  const { rowCount } = await client.query("SELECT WHERE to_regclass('public._prisma_migrations') IS NOT NULL");
  if (rowCount === 0) {
    await client.query(CREATE_TABLE).catch((error: unknown) => {
      throw explained('cannot create the table _prisma_migrations', error);
    });
  }
  const { rows } = await client
    .query('SELECT migration_name, checksum, finished_at FROM public._prisma_migrations WHERE rolled_back_at IS NULL ORDER BY started_at')
    .catch((error: unknown) => {
      throw explained('cannot read the table _prisma_migrations', error);
    });
  return records.parse(rows);
}

function pendingOf(files: readonly MigrationFile[], applied: readonly MigrationRecord[], say: (line: string) => void): MigrationFile[] {
  const known = new Map(files.map((file) => [file.name, file]));
  for (const { migration_name: name, checksum, finished_at: finishedAt } of applied) {
    const file = known.get(name);
    if (finishedAt === null) {
      throw new MigrationError(
        `migration ${name} has failed before: look at its row in _prisma_migrations, repair what it left, then run ` +
          `"prisma migrate resolve --rolled-back ${name}" (or --applied), or set its rolled_back_at (or finished_at)`,
      );
    }
    if (file === undefined) say(`migration ${name} is in the database, yet this version does not know it: a newer one was here`);
    else if (!isUnchanged(file, checksum)) {
      throw new MigrationError(
        `migration ${name} was changed after it was applied: restore its file, and put the change into a new migration`,
      );
    }
  }
  const names = new Set(applied.map((record) => record.migration_name));
  return files.filter(({ name }) => !names.has(name));
}

async function apply(client: pg.Client, { name, sql, checksum }: MigrationFile): Promise<void> {
  const id = randomUUID();
  try {
    await client.query('BEGIN');
    await client.query('INSERT INTO public._prisma_migrations (id, checksum, migration_name) VALUES ($1, $2, $3)', [id, checksum, name]);
    await client.query(sql);
    await client.query('UPDATE public._prisma_migrations SET finished_at = clock_timestamp(), applied_steps_count = 1 WHERE id = $1', [id]);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {});
    throw explained(`migration ${name} failed, and nothing of it was kept`, error);
  }
}

const explanation = z.object({ message: z.string(), code: z.string().optional(), hint: z.string().optional() });

function explained(what: string, error: unknown): MigrationError {
  const { message, code, hint } = explanation.parse(error instanceof Error ? error : { message: String(error) });
  // Several addresses refused at once have a code and no message.
  return new MigrationError([`${what}: ${message || (code ?? 'no reason given')}`, ...(hint ? [hint] : [])].join('\n'), { cause: error });
}
