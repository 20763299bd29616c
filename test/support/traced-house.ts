import { randomBytes, randomUUID } from 'node:crypto';
import { expect } from '@jest/globals';
import type { CustomerSetup } from '../../src/sandbox/index.js';
import { eventually } from './eventually.js';
import { buildProduct, type LatchkeyProcess } from './latchkey-process.js';
import { openLatchkey } from './latchkey.js';
import { startOtlpReceiver, type ReceivedSpan } from './otlp-receiver.js';
import { startPart } from './part-process.js';
import { startTcpProxy } from './tcp-proxy.js';

type Environment = Readonly<Record<string, string>>;

interface Wish {
  readonly customer?: CustomerSetup;
  readonly correlationId?: string;
  readonly headers?: Environment;
  readonly as?: string;
}

export const unwellOnce: CustomerSetup = { script: [{ httpStatus: 503, code: 'UXU_30001' }] };

/** Front door and worker as they ship, as processes of their own, beside a collector; and a wire to the bank that is listened to. */
export async function openTracedHouse() {
  buildProduct();
  const [latchkey, collector] = await Promise.all([openLatchkey({ withWorker: false, forProcesses: true }), startOtlpReceiver()]);
  const { sandbox } = latchkey;
  let heard = '';
  const wire = await startTcpProxy({ targetPort: sandbox.port, watch: (chunk) => (heard += chunk.toString('latin1')) });
  const token = await sandbox.mintToken();
  const processes: LatchkeyProcess[] = [];
  const overTheWire = (url: string): string => Object.assign(new URL(url), { port: String(wire.port) }).href;

  async function start(part: 'api' | 'worker', change: Environment = {}) {
    const bank = { UPSTREAM_BASE_URL: overTheWire(sandbox.bankBaseUrl), UPSTREAM_TOKEN_URL: overTheWire(sandbox.bankTokenUrl) };
    const started = await startPart(part, latchkey, { ...(part === 'worker' ? bank : {}), LOG_LEVEL: 'info', ...change });
    processes.push(started.process);
    return started;
  }

  const ofRequest = (correlationId: string): ReceivedSpan[] =>
    collector.spans.filter(({ attributes }) => attributes['latchkey.correlation_id'] === correlationId);

  return {
    latchkey,
    collector,
    token,
    /** Settings with which a part sends its spans here, at once. */
    traced: {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20for-the-collector',
      OTEL_BSP_SCHEDULE_DELAY: '100',
    },
    start,
    async startBoth(change: Environment = {}) {
      const [api, worker] = await Promise.all([start('api', change), start('worker', change)]);
      return { api: api.process, worker: worker.process, url: api.url };
    },
    /** Ends what was started, without asking. */
    async endAll() {
      await Promise.all(processes.splice(0).map((each) => each.end('SIGKILL')));
    },
    /** What a worker has sent to the bank since it was last asked. */
    heardAtTheBank(): string {
      const all = heard;
      heard = '';
      return all;
    },
    /** Has a customer of its own unlocked. */
    async unlock(url: string, { customer = {}, correlationId = randomUUID(), headers = {}, as = token }: Wish = {}): Promise<number> {
      const customerId = `customer-${randomBytes(6).toString('hex')}`;
      sandbox.customers.set(customerId, customer);
      const method = 'PUT';
      const sent = { authorization: `Bearer ${as}`, correlationId, ...headers };
      return (await fetch(`${url}/v1/customers/${customerId}:unlock-user`, { method, headers: sent })).status;
    },
    ofRequest,
    /** The trace of one request, once workflow and answer are in it. */
    wholeTrace: (correlationId: string): Promise<ReceivedSpan[]> =>
      eventually(() => {
        const spans = ofRequest(correlationId);
        const ends = ['RunWorkflow:unlockCustomer', 'RunActivity:recordOutcome', expect.stringMatching(/^PUT \/v1\/customers/)];
        expect(spans.map(({ name }) => name)).toEqual(expect.arrayContaining(ends));
        return collector.spans.filter(({ traceId }) => traceId === spans[0]?.traceId);
      }),
    async historyOf(correlationId: string) {
      const handle = latchkey.client.workflow.getHandle(`unlock-${correlationId}`);
      await handle.result();
      return handle.fetchHistory();
    },
    async close() {
      await Promise.all([latchkey.close(), collector.close(), wire.close()]);
    },
  };
}

export type TracedHouse = Awaited<ReturnType<typeof openTracedHouse>>;

/** Log lines of one request. */
export function linesOf(process: LatchkeyProcess, correlationId: string): Record<string, unknown>[] {
  const lines = process
    .output()
    .split('\n')
    .filter((line) => line.startsWith('{'));
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>).filter((line) => line.correlationId === correlationId);
}
