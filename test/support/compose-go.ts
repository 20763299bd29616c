import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

const sources = fileURLToPath(new URL('../compose', import.meta.url));
const file = fileURLToPath(new URL('../../docker-compose.yml', import.meta.url));
const project = z.object({
  services: z.record(
    z.string(),
    z.object({ environment: z.record(z.string(), z.string().nullable()), command: z.array(z.string()).nullish() }),
  ),
});

/** The library that Docker Compose itself reads its files with. */
export interface ComposeGo {
  /** @throws Error with what Compose would say */
  read(variables: Readonly<Record<string, string>>): z.infer<typeof project>;
  remove(): void;
}

/**
 * Builds the program around Compose's library; a machine's first build fetches that library.
 * @returns null where there is no Go, or the library cannot be fetched; what was said is in `reason`
 */
export function buildComposeGo(): { readonly composeGo: ComposeGo | null; readonly reason: string } {
  const directory = mkdtempSync(join(tmpdir(), 'latchkey-compose-'));
  const program = join(directory, 'compose');
  const remove = (): void => rmSync(directory, { recursive: true, force: true });
  const built = spawnSync('go', ['build', '-o', program, '.'], { cwd: sources, encoding: 'utf8', timeout: 240_000 });
  if (built.status !== 0) {
    remove();
    return { composeGo: null, reason: built.error?.message ?? built.stderr };
  }
  const read = (variables: Readonly<Record<string, string>>): z.infer<typeof project> => {
    // Nothing of this process's environment: it would fill in variables.
    const { status, stdout, stderr } = spawnSync(program, [file], { env: { ...variables }, encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
    return project.parse(JSON.parse(stdout));
  };
  return { composeGo: { read, remove }, reason: '' };
}
