import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { buildGoProgram } from './go-program.js';

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
 * Builds the program around Compose's library.
 * @returns null where there is no Go, or the library cannot be fetched; what was said is in `reason`
 */
export function buildComposeGo(): { readonly composeGo: ComposeGo | null; readonly reason: string } {
  const { program, reason } = buildGoProgram('compose');
  if (program === null) return { composeGo: null, reason };
  const read: ComposeGo['read'] = (variables) => project.parse(JSON.parse(program.run({ args: [file], env: variables })));
  return { composeGo: { read, remove: program.remove }, reason };
}
