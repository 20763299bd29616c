import { randomUUID } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { historyFromJSON, historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { Worker } from '@temporalio/worker';
import { z } from 'zod';
import { createDataConverter } from '../../src/temporal/data-converter.js';
import { eventually } from '../support/eventually.js';
import { PAYLOAD_KEYS } from '../support/latchkey.js';
import { linesOf, openTracedHouse, unwellOnce, type TracedHouse } from '../support/traced-house.js';

const histories = fileURLToPath(new URL('../replay/histories', import.meta.url));

let house: TracedHouse;
let directory: string;
let probe: string;

beforeAll(async () => {
  house = await openTracedHouse();
  directory = await mkdtemp(join(tmpdir(), 'latchkey-test-traces-'));
  probe = join(directory, 'probe.cjs');
  // Has a process write down which modules it has loaded when it ends; OpenTelemetry's are all CommonJS.
  const list = "Object.keys(require('node:module')._cache).join('\\n')";
  await writeFile(probe, `process.on('exit', () => require('node:fs').writeFileSync(process.env.PROBE_LIST, ${list}));`);
}, 180_000);
afterEach(() => house.endAll());
afterAll(async () => {
  await house.close();
  await rm(directory, { recursive: true, force: true });
});

type Environment = Readonly<Record<string, string>>;

/** Which packages for tracing the front door and the worker have loaded, once they have done an unlock. */
async function loaded(change: Environment): Promise<{ api: string[]; worker: string[] }> {
  const lists = { api: join(directory, `api-${randomUUID()}`), worker: join(directory, `worker-${randomUUID()}`) };
  const probed = (part: 'api' | 'worker') => house.start(part, { ...change, NODE_OPTIONS: `--require ${probe}`, PROBE_LIST: lists[part] });
  const [api, worker] = await Promise.all([probed('api'), probed('worker')]);
  expect(await house.unlock(api.url)).toBe(204);
  expect([await api.process.end('SIGTERM'), await worker.process.end('SIGTERM')]).toEqual([0, 0]);
  const packages = async (list: string): Promise<string[]> => {
    const names = (await readFile(list, 'utf8')).matchAll(
      /node_modules\/(@opentelemetry\/[\w-]+|@temporalio\/interceptors[\w-]+|@prisma\/instr[\w-]+)/g,
    );
    return [...new Set([...names].map(([, name = '']) => name))].toSorted();
  };
  return { api: await packages(lists.api), worker: await packages(lists.worker) };
}

describe('without a collector', () => {
  it.each<[string, () => Environment]>([
    ['none is named', () => ({})],
    ['OpenTelemetry is disabled', () => ({ ...house.traced, OTEL_SDK_DISABLED: 'true' })],
    ['no traces are to be exported', () => ({ ...house.traced, OTEL_TRACES_EXPORTER: 'none' })],
  ])(
    'because %s, nothing of OpenTelemetry but its API is loaded',
    async (_why, settings) => {
      const before = house.collector.bodies.length;
      expect(await loaded(settings())).toEqual({ api: ['@opentelemetry/api'], worker: ['@opentelemetry/api'] });
      expect(house.collector.bodies).toHaveLength(before);
    },
    120_000,
  );

  it('it would be seen if more were', async () => {
    const { api, worker } = await loaded(house.traced);
    const names = ['@opentelemetry/sdk-trace-base', '@opentelemetry/exporter-trace-otlp-proto', '@temporalio/interceptors-opentelemetry'];
    for (const part of [api, worker]) expect(part).toEqual(expect.arrayContaining(names));
  }, 120_000);

  it('lines of the log name no trace, and the correlationId as ever', async () => {
    const { url, api } = await house.startBoth();
    const correlationId = randomUUID();
    expect(await house.unlock(url, { correlationId })).toBe(204);
    const line = await eventually(() => {
      const [first] = linesOf(api, correlationId);
      expect(first).toBeDefined();
      return first;
    });
    expect(line).not.toHaveProperty('trace_id');
  }, 120_000);
});

const headed = z.object({ header: z.object({ fields: z.record(z.string(), z.unknown()).nullish() }).nullish() });
const historySchema = z.object({ events: z.array(z.looseObject({ eventType: z.string() })) });

/** The events of a history, and the headers that they carry. */
async function shapeOf(correlationId: string): Promise<{ events: string[]; headers: string[] }> {
  const { events } = historySchema.parse(JSON.parse(historyToJSON(await house.historyOf(correlationId))));
  const headers = events.flatMap((event) =>
    Object.values(event).flatMap((attributes) => Object.keys(headed.safeParse(attributes).data?.header?.fields ?? {})),
  );
  return { events: events.map(({ eventType }) => eventType), headers };
}

describe('a history', () => {
  async function cleanAndRetried(change: Environment) {
    const { url, api, worker } = await house.startBoth(change);
    const [clean, retried] = [randomUUID(), randomUUID()];
    expect(await house.unlock(url, { correlationId: clean })).toBe(204);
    expect(await house.unlock(url, { correlationId: retried, customer: unwellOnce })).toBe(204);
    const shapes = { clean: await shapeOf(clean), retried: await shapeOf(retried) };
    await Promise.all([api.end('SIGTERM'), worker.end('SIGTERM')]);
    return shapes;
  }

  it('shows nothing of tracing where there is none; where there is, it has the same events', async () => {
    const without = await cleanAndRetried({});
    const within = await cleanAndRetried(house.traced);
    expect([without.clean.headers, without.retried.headers]).toEqual([[], []]);
    expect([new Set(within.clean.headers), new Set(within.retried.headers)]).toEqual([
      new Set(['_tracer-data']),
      new Set(['_tracer-data']),
    ]);
    expect(within.clean.events).toEqual(without.clean.events);
    expect(within.retried.events).toEqual(without.retried.events);
    expect(without.clean.events).toHaveLength(9);
  }, 180_000);

  /** In the bundle without tracing, or in the one with it. */
  async function replay(json: string, bundle: 'workflow-bundle.js' | 'workflow-bundle-traced.js'): Promise<void> {
    const workflowBundle = { codePath: fileURLToPath(new URL(`../../dist/${bundle}`, import.meta.url)) };
    const sinks = { traces: { workflowRan: { fn: () => undefined } } };
    const options = { workflowBundle, sinks, dataConverter: createDataConverter(PAYLOAD_KEYS) };
    await Worker.runReplayHistory(options, historyFromJSON(JSON.parse(json)), 'unlock-replayed');
  }

  it.each(['with', 'without'])(
    'of a request that was accepted with tracing and carried out %s it replays in either bundle',
    async (how) => {
      const { url } = await house.start('api', house.traced);
      await house.start('worker', how === 'with' ? house.traced : {});
      const correlationId = randomUUID();
      expect(await house.unlock(url, { correlationId, customer: unwellOnce })).toBe(204);
      const json = historyToJSON(await house.historyOf(correlationId));
      expect(json).toContain('_tracer-data');
      await replay(json, 'workflow-bundle.js');
      await replay(json, 'workflow-bundle-traced.js');
    },
    120_000,
  );

  const recordings = readdirSync(histories, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.json'));

  it.each(recordings)('that was recorded replays where there is tracing as well: %s', async (file) => {
    await replay(await readFile(join(histories, file), 'utf8'), 'workflow-bundle-traced.js');
  });
});
