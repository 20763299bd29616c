import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { createTemporalClient } from '../src/temporal/client.js';
import { setUpTemporal } from '../src/temporal/setup.js';
import { bankAccount } from './bank-account.js';
import { startChild, type ChildProgram } from './child-process.js';
import type { Stack } from './stack.js';
import type { Subject, SubjectName } from './subject.js';

interface SubjectParts {
  readonly stack: Stack;
  /** Where its audit rows go: the stack's Postgres, or something that listens in on the way there. */
  readonly databaseUrl: string;
  readonly cpuProfileDir: string | null;
  /** Options of Node itself. */
  readonly nodeOptions?: readonly string[];
}

// As it ships.
const RECONCILE_INTERVAL_MS = 60_000;
const LATCHKEY = 'dist/src/cli/main.js';
// The same for all runs of a subject: what one wrote the next must read.
const keys = { CUSTOMER_REF_KEY: randomBytes(32).toString('base64url'), PAYLOAD_KEYS: `bench:${randomBytes(32).toString('base64')}` };

/** Starts what is to be measured; it answers when this resolves. */
export async function startSubject(name: SubjectName, parts: SubjectParts): Promise<Subject> {
  if (name === 'floor' || name === 'prisma-floor') return startFloor(name, parts);
  // The server's metrics would change a dash.
  const namespace = `bench_${name}`;
  await prepareNamespace(parts.stack, namespace);
  return name === 'together' ? startTogether(namespace, parts) : startApart(name, namespace, parts);
}

async function startFloor(name: SubjectName, parts: SubjectParts): Promise<Subject> {
  const args = ['--import', 'tsx', 'bench/floor.ts'];
  const env = { ...environment(parts), FLOOR_AUDIT: name === 'floor' ? 'pg' : 'prisma' };
  const floor = await start(name, { args, env, ready: /^floor (\S+)$/m }, parts);
  return { name, url: floor.said[1] ?? '', pids: { frontDoor: floor.pid }, namespace: null, stop: () => floor.stop() };
}

async function startTogether(namespace: string, parts: SubjectParts): Promise<Subject> {
  const env = { ...environment(parts), TEMPORAL_NAMESPACE: namespace };
  const up = await start('together', { args: [LATCHKEY, 'up'], env, ready: /API\s+(http:\/\/[^/\s]+)[^]*Ctrl-C stops everything/ }, parts);
  return { name: 'together', url: up.said[1] ?? '', pids: { frontDoor: up.pid }, namespace, stop: () => up.stop() };
}

async function startApart(name: 'apart' | 'traced', namespace: string, parts: SubjectParts): Promise<Subject> {
  const tracing = name === 'traced' ? { OTEL_EXPORTER_OTLP_ENDPOINT: parts.stack.bankUrl } : {};
  const env = { ...environment(parts), ...tracing, TEMPORAL_NAMESPACE: namespace };
  const worker = await start('worker', { args: [LATCHKEY, 'worker'], env, ready: /the worker polls/ }, parts);
  try {
    const api = await start('api', { args: [LATCHKEY, 'api'], env, ready: /"url":"([^"]+)"/ }, parts);
    const stop = async () => {
      await api.stop();
      await worker.stop();
    };
    return { name, url: api.said[1] ?? '', pids: { frontDoor: api.pid, worker: worker.pid }, namespace, stop };
  } catch (error) {
    await worker.stop();
    throw error;
  }
}

interface Start {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly ready: RegExp;
}

let started = 0;

function start(name: string, { args, env, ready }: Start, { stack, cpuProfileDir, nodeOptions = [] }: SubjectParts): Promise<ChildProgram> {
  const profiling = cpuProfileDir === null ? [] : ['--cpu-prof', '--cpu-prof-dir', join(cpuProfileDir, name)];
  started += 1;
  return startChild({
    name,
    args: [...nodeOptions, ...profiling, ...args],
    env,
    ready,
    logFile: join(stack.directory, `${started}-${name}.log`),
  });
}

/** One environment for all: nothing is left to be embedded, everything else is as it ships. */
function environment({ stack, databaseUrl }: SubjectParts): Record<string, string> {
  return {
    ...keys,
    PORT: '0',
    DATABASE_URL: databaseUrl,
    TEMPORAL_ADDRESS: stack.temporalAddress,
    UPSTREAM_BASE_URL: stack.bankUrl,
    UPSTREAM_TOKEN_URL: `${stack.bankUrl}/token`,
    UPSTREAM_CLIENT_ID: bankAccount.clientId,
    UPSTREAM_CLIENT_SECRET: bankAccount.clientSecret,
    UPSTREAM_INSTITUTION_ID: bankAccount.institutionId,
    AUTH_ISSUER: stack.issuerUrl,
    AUTH_AUDIENCE: bankAccount.audience,
    LATCHKEY_TOUR: 'off',
    DATA_DIR: join(stack.directory, 'data'),
  };
}

/** Each has its own, for two workers on one task queue would share the work. */
async function prepareNamespace({ temporalAddress }: Stack, namespace: string): Promise<void> {
  const temporal = createTemporalClient({ address: temporalAddress, namespace, tls: undefined, apiKey: undefined });
  try {
    await setUpTemporal(temporal, { reconcileIntervalMs: RECONCILE_INTERVAL_MS, say: () => undefined });
  } finally {
    await temporal.connection.close();
  }
}
