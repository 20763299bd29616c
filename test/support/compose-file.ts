import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';

const root = new URL('../../', import.meta.url);

/** A file of the repository as text. */
export const readRepositoryFile = (path: string): string => readFileSync(new URL(path, root), 'utf8');

const service = z.object({
  image: z.string(),
  build: z.object({ context: z.string(), target: z.string() }).optional(),
  entrypoint: z.array(z.string()).optional(),
  command: z.array(z.string()).default([]),
  environment: z.record(z.string(), z.string()),
  user: z.string().optional(),
  read_only: z.boolean().default(false),
  cap_drop: z.array(z.string()).default([]),
  security_opt: z.array(z.string()).default([]),
  restart: z.string().optional(),
  ports: z.array(z.string()).default([]),
  networks: z.array(z.string()),
  profiles: z.array(z.string()).default([]),
  healthcheck: z.object({ test: z.array(z.string()) }).optional(),
  stop_grace_period: z.string().optional(),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
});
const composeFile = z.object({
  services: z.record(z.string(), service),
  networks: z.record(z.string(), z.object({ internal: z.boolean().default(false) })),
  configs: z.record(z.string(), z.object({ file: z.string() })),
});

export type ComposeFile = z.infer<typeof composeFile>;
export type ComposeService = ComposeFile['services'][string];

/**
 * `docker-compose.yml` as Compose reads it, with the variables filled in.
 * @throws Error naming every variable that is required and not given
 */
export function readCompose(variables: Readonly<Record<string, string>>): ComposeFile {
  const { missing, value } = interpolate(parse(readRepositoryFile('docker-compose.yml'), { merge: true }), variables);
  if (missing.length > 0) throw new Error(`required variables are missing:\n${[...new Set(missing)].join('\n')}`);
  return composeFile.parse(value);
}

export function serviceOf(compose: ComposeFile, name: string): ComposeService {
  const found = compose.services[name];
  if (found === undefined) throw new Error(`docker-compose.yml has no service ${name}`);
  return found;
}

/** Fills in `${NAME}`, `${NAME:-default}`, `${NAME-default}` and `${NAME:?message}`, in values alone, as Compose does. */
function interpolate(node: unknown, variables: Readonly<Record<string, string>>): { readonly missing: string[]; readonly value: unknown } {
  const missing: string[] = [];
  const fill = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(fill);
    if (typeof value === 'object' && value !== null)
      return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, fill(each)]));
    if (typeof value !== 'string') return value;
    return value.replace(
      /\$\{([A-Za-z_]\w*)(?:(:?[-?])([^}]*))?\}/g,
      (_all: string, name: string, operator: string | undefined = '', rest: string | undefined = '') => {
        const given = variables[name];
        const absent = given === undefined || (operator.startsWith(':') && given === '');
        if (!absent) return given;
        if (operator.endsWith('?')) missing.push(`${name}: ${rest}`);
        return operator.endsWith('-') ? rest : '';
      },
    );
  };
  return { value: fill(node), missing };
}

/** The lines of an env file; what is left empty gets the value that `fill` has for it. */
export function readEnvFile(path: string, fill: Readonly<Record<string, string>> = {}): Record<string, string> {
  const lines = [...readRepositoryFile(path).matchAll(/^([A-Z_]+)=(.*)$/gm)];
  return Object.fromEntries(lines.map(([, name = '', value = '']) => [name, value === '' ? (fill[name] ?? '') : value]));
}
