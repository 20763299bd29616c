import { fileURLToPath } from 'node:url';
import { defineConfig } from 'prisma/config';

// These commands never run the schema engine, yet the CLI would download it; `migrate` still does.
if (['generate', 'validate', 'format'].some((command) => process.argv.includes(command))) {
  process.env.PRISMA_SCHEMA_ENGINE_BINARY ??= fileURLToPath(import.meta.url);
}

export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
  datasource: { url: process.env.MIGRATE_DATABASE_URL ?? process.env.DATABASE_URL ?? 'postgresql://localhost:5432/latchkey' },
});
