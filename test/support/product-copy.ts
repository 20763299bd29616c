import { chmodSync, copyFileSync, cpSync, existsSync, linkSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isInProduction, lockedPackages } from '../../scripts/lock-file.js';
import { buildProduct } from './latchkey-process.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What the production image leaves out of the build. */
export const leftOut = ['dist/src/local', 'dist/src/sandbox'];

export interface ProductCopy {
  readonly directory: string;
  remove(): void;
}

/** The built product as the production image has it: with production packages alone, without what only local use needs, readable to everybody. */
export function copyProduct(): ProductCopy {
  buildProduct();
  const directory = mkdtempSync(join(tmpdir(), 'latchkey-product-'));
  chmodSync(directory, 0o755);
  for (const path of ['package.json', 'dist', 'prisma/migrations', 'evidence', 'assets', 'deploy/health-check.mjs']) {
    cpSync(join(root, path), join(directory, path), { recursive: true });
  }
  for (const path of leftOut) rmSync(join(directory, path), { recursive: true });
  for (const { path } of lockedPackages().filter(isInProduction)) linkPackage(path, directory);
  return { directory, remove: () => rmSync(directory, { recursive: true, force: true }) };
}

function linkPackage(path: string, directory: string): void {
  if (!existsSync(join(root, path))) throw new Error(`${path} is not installed: run npm ci`);
  for (const entry of readdirSync(join(root, path), { withFileTypes: true, recursive: true })) {
    const from = join(entry.parentPath, entry.name);
    // A package within a package has its own line in the lock file.
    if (!entry.isFile() || from.slice(root.length + path.length).includes('node_modules/')) continue;
    const to = join(directory, from.slice(root.length));
    mkdirSync(dirname(to), { recursive: true });
    try {
      linkSync(from, to);
    } catch {
      copyFileSync(from, to);
    }
  }
}
