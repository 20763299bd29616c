import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface GoProgram {
  /** @throws Error with what it wrote to stderr, where it fails */
  run(input: { readonly args?: readonly string[]; readonly stdin?: string; readonly env?: Readonly<Record<string, string>> }): string;
  remove(): void;
}

/**
 * Builds a program in Go that stands in a folder of `test/`; a machine's first build fetches the libraries that it is about.
 * @returns null where there is no Go, or a library cannot be fetched; what was said is in `reason`
 */
export function buildGoProgram(folder: string): { readonly program: GoProgram | null; readonly reason: string } {
  const directory = mkdtempSync(join(tmpdir(), `latchkey-${folder}-`));
  const file = join(directory, folder);
  const remove = (): void => rmSync(directory, { recursive: true, force: true });
  const cwd = fileURLToPath(new URL(`../${folder}`, import.meta.url));
  const built = spawnSync('go', ['build', '-o', file, '.'], { cwd, encoding: 'utf8', timeout: 240_000 });
  if (built.status !== 0) {
    remove();
    return { program: null, reason: built.error?.message ?? built.stderr };
  }
  const run: GoProgram['run'] = ({ args = [], stdin = '', env = {} }) => {
    // Nothing of this process's environment.
    const { status, stdout, stderr } = spawnSync(file, args, { env, input: stdin, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
    if (status !== 0) throw new Error(stderr);
    return stdout;
  };
  return { program: { run, remove }, reason: '' };
}
