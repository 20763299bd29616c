import { readFileSync } from 'node:fs';
import { z } from 'zod';

const lockedPackage = z.object({
  version: z.string().default(''),
  resolved: z.string().optional(),
  integrity: z.string().optional(),
  license: z.string().optional(),
  hasInstallScript: z.boolean().default(false),
  dev: z.boolean().default(false),
  devOptional: z.boolean().default(false),
  optional: z.boolean().default(false),
  os: z.array(z.string()).default([]),
  cpu: z.array(z.string()).default([]),
});
const lockFile = z.object({ lockfileVersion: z.number(), packages: z.record(z.string(), lockedPackage) });

/** One package of `package-lock.json`: `path` is where npm puts it, `name` what it is called. */
export type LockedPackage = z.infer<typeof lockedPackage> & { readonly path: string; readonly name: string };

/** Every package of `package-lock.json`, but for Latchkey itself. */
export function lockedPackages(): LockedPackage[] {
  const { packages } = lockFile.parse(JSON.parse(readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8')));
  return Object.entries(packages).flatMap(([path, each]) =>
    path === '' ? [] : [{ ...each, path, name: path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length) }],
  );
}

/** True for what `npm ci --omit=dev --omit=optional` installs, as the image does, by the marks that npm itself goes by. */
export function isInProduction({ dev, devOptional, optional }: LockedPackage): boolean {
  return !dev && !devOptional && !optional;
}
