import { PrismaPg } from '@prisma/adapter-pg';
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import * as engine from '@prisma/schema-engine-wasm/schema_engine_bg';
import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type pg from 'pg';

export const migrationsDir = join(import.meta.dirname, '../../prisma/migrations');
const schemaPath = join(import.meta.dirname, '../../prisma/schema.prisma');
const noFilters = { externalTables: [], externalEnums: [] };

// The compiler knows this global only together with a browser's.
declare const WebAssembly: {
  instantiate(code: Uint8Array, imports: object): Promise<{ readonly instance: { readonly exports: Readonly<Record<string, unknown>> } }>;
};

/** Prisma's own schema engine, in the build that needs no download. */
export interface PrismaEngine {
  /** What `prisma migrate deploy` does. */
  deploy(): Promise<string[]>;
  /** What `prisma migrate status` finds: null where database and files agree. */
  history(): Promise<unknown>;
  /** The DDL that would make schema.prisma out of nothing. */
  schemaAsSql(): Promise<string>;
}

// The binding has room for one instance; a second one would share its memory.
let loaded: Promise<void> | undefined;
async function load(): Promise<void> {
  const code = createRequire(import.meta.url)
    .resolve('@prisma/schema-engine-wasm/schema_engine_bg')
    .replace(/\.js$/, '.wasm');
  const { instance } = await WebAssembly.instantiate(await readFile(code), { './schema_engine_bg.js': { ...engine } });
  engine.__wbg_set_wasm(instance.exports);
  const start = instance.exports.__wbindgen_start;
  if (typeof start === 'function') start();
}

/** Runs one command of Prisma's; its connections, and the lock that they hold, end with it. */
export async function withPrismaEngine<T>(databaseUrl: string, command: (prisma: PrismaEngine) => Promise<T>): Promise<T> {
  const pools: pg.Pool[] = [];
  try {
    return await command(await startPrismaEngine(databaseUrl, pools));
  } finally {
    for (const pool of pools) await pool.end();
  }
}

async function startPrismaEngine(databaseUrl: string, pools: pg.Pool[]): Promise<PrismaEngine> {
  await (loaded ??= load());
  const schema = await readFile(schemaPath, 'utf8');
  // The engine makes no DDL of views; as models of another schema file they tell their columns all the same.
  const files = [{ path: schemaPath, content: schema.replace(/^view /gm, 'model ') }];
  const prisma = await engine.SchemaEngine.new(
    { datamodels: [[schemaPath, schema]] },
    () => {},
    bindMigrationAwareSqlAdapterFactory(adapterFactory(databaseUrl, pools)),
  );
  const migrationsList = await listMigrations();
  return {
    deploy: async () => (await prisma.applyMigrations({ migrationsList, filters: noFilters })).appliedMigrationNames,
    history: async () => {
      const found = await prisma.diagnoseMigrationHistory({ migrationsList, optInToShadowDatabase: false, filters: noFilters });
      return { history: found.history, edited: found.editedMigrationNames, failed: found.failedMigrationNames };
    },
    schemaAsSql: async () => {
      const to = { tag: 'schemaDatamodel', files } as const;
      return (await prisma.diff({ from: { tag: 'empty' }, to, script: true, exitCode: null, filters: noFilters })).stdout ?? '';
    },
  };
}

async function listMigrations() {
  const entries = (await readdir(migrationsDir, { withFileTypes: true })).filter((entry) => entry.isDirectory());
  const migrationDirectories = await Promise.all(
    entries.map(async ({ name }) => {
      const value = await readFile(join(migrationsDir, name, 'migration.sql'), 'utf8');
      return { path: name, migrationFile: { path: 'migration.sql', content: { tag: 'ok', value } as const } };
    }),
  );
  const lockfile = { path: 'migration_lock.toml', content: await readFile(join(migrationsDir, 'migration_lock.toml'), 'utf8') };
  return { baseDir: migrationsDir, lockfile, shadowDbInitScript: '', migrationDirectories };
}

// The adapter cuts a script at every semicolon, those within functions included; the engine that people download does not.
function adapterFactory(databaseUrl: string, pools: pg.Pool[]): PrismaPg {
  const factory = new PrismaPg({ connectionString: databaseUrl, max: 1 });
  const connect = factory.connect.bind(factory);
  factory.connect = async () => {
    const adapter = await connect();
    pools.push(adapter.underlyingDriver());
    adapter.executeScript = async (script) => {
      await adapter.underlyingDriver().query(script);
    };
    return adapter;
  };
  return factory;
}
