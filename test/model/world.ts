import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkflowHandle } from '@temporalio/client';
import { eventually } from '../support/eventually.js';
import { scriptOf, type Behaviour } from './behaviours.js';
import type { Evidence, HttpSide, Request, TemporalSide, Weather } from './evidence.js';
import type { House, Way } from './house.js';
import { createOperator } from './operator.js';
import { rowsOfRequest } from './rows.js';

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

const SETTLES_WITHIN_MS = 120_000;

/** The real system as one run sees it, with customers and requests of its own; and the run's notes of what was done to them. */
export function openWorld(house: House) {
  const { latchkey, crew } = house;
  const { sandbox, client } = latchkey;
  const mark = randomUUID().slice(0, 8);
  const requests = new Map<string, Request>();
  const customers = new Set<string>();
  const weather: Weather = { workerKilled: false, workerFrozen: false, postgresCut: false, temporalCut: false };
  const waiting: Promise<void>[] = [];
  const wrong: string[] = [];

  const idOf = (customer: string): string => {
    const id = `${customer}-${mark}`;
    if (!customers.has(customer)) sandbox.customers.set(id, {});
    customers.add(customer);
    return id;
  };
  const requestOf = (name: string): Request => {
    const request = requests.get(name);
    if (request === undefined) throw new Error(`${name} was never asked for`);
    return request;
  };
  const handleOf = (name: string): WorkflowHandle => client.workflow.getHandle(`unlock-${requestOf(name).correlationId}`);
  const stormy = (): boolean => weather.postgresCut || weather.temporalCut;

  /** What a caller is told may be wrong by itself: a request under one name belongs to one customer. */
  function note(request: Request, customer: string, { status }: Answer, good: (status: number) => boolean): void {
    if (status === 503 && stormy()) return;
    const mine = request.customer === customer;
    if (good(status) && (mine || request.asked === 'in_doubt')) {
      request.asked = 'accepted';
      request.customer = customer;
    } else if (status !== 409 || (mine && request.asked === 'accepted')) {
      wrong.push(`${request.name} for ${customer} was answered ${status}`);
    }
  }

  function knownOrNew(name: string, customer: string): Request {
    const known = requests.get(name);
    if (known !== undefined) return known;
    const untouched = { cancelledAtMs: null, cancelTried: false, terminated: false, hurried: false, reset: false };
    const request: Request = { name, correlationId: randomUUID(), customer, asked: 'in_doubt', ...untouched };
    requests.set(name, request);
    return request;
  }

  async function temporalSide(name: string): Promise<TemporalSide | null> {
    const description = await handleOf(name)
      .describe()
      .catch(() => null);
    if (description === null) return null;
    const status = description.status.name;
    return { status, result: status === 'COMPLETED' ? ((await handleOf(name).result()) as TemporalSide['result']) : null };
  }

  async function httpSide(name: string): Promise<HttpSide> {
    const { status, body } = await latchkey.call(`/v1/unlocks/${requestOf(name).correlationId}`);
    const shown = (body ?? {}) as Partial<Omit<HttpSide, 'attempts'>> & { readonly attempts?: readonly { result: string | null }[] };
    const { state = null, outcome = null, verification = null, attempts = [] } = shown;
    return { httpStatus: status, state, outcome, verification, attempts: attempts.map(({ result }) => result) };
  }

  const operator = createOperator({ client, requestOf, handleOf });

  const settled = async (name: string, { mayUnpause }: { readonly mayUnpause: boolean }): Promise<void> => {
    const { terminated, asked } = requestOf(name);
    const temporal = await temporalSide(name);
    if (temporal === null && asked === 'in_doubt') return;
    if (temporal?.status === 'RUNNING') {
      if (mayUnpause) await operator.unpauseIfPaused(name);
      throw new Error(`${name} is still running`);
    }
    if (!terminated && (await httpSide(name)).state !== 'completed') throw new Error(`${name} has not ended`);
  };

  return {
    wrong,
    weather,
    idOf,
    bankWill: (customer: string, will: readonly Behaviour[]) => {
      const id = idOf(customer);
      sandbox.customers.set(id, { state: sandbox.customers.get(id)?.state ?? {}, script: scriptOf(will) });
      if (will.includes('gives no token')) sandbox.revokeTokens();
    },
    lock: (customer: string) => sandbox.customers.lock(idOf(customer)),
    unlockBehindOurBack: (customer: string) => void sandbox.customers.unlock(idOf(customer)),

    async post(name: string, customer: string): Promise<void> {
      const request = knownOrNew(name, customer);
      const headers = { correlationId: request.correlationId };
      const answer = await latchkey.call('/v1/unlocks', { method: 'POST', headers, body: { customerId: idOf(customer) } });
      note(request, customer, answer, (status) => status === 202 || status === 200);
    },
    /** Asks by the drop-in endpoint and goes on once Temporal knows of it: what it answers is looked at in the end. */
    async dropIn(name: string, customer: string): Promise<void> {
      const request = knownOrNew(name, customer);
      const answered = latchkey.unlock(idOf(customer), request.correlationId).then(async (answer) => {
        const { code } = (answer.body ?? {}) as { code?: string };
        if (code === 'LATCHKEY_CORRELATION_ID_IN_USE') note(request, customer, answer, () => false);
        else note(request, customer, answer, (status) => status !== 503 || code === 'LATCHKEY_RETRIES_EXHAUSTED');
        if (request.customer !== customer || code === 'LATCHKEY_CORRELATION_ID_IN_USE') return;
        const outcome = outcomeToldBy(answer.status, code);
        if (outcome === null) return;
        const completed = (await rowsOfRequest(latchkey, request.correlationId)).find(({ action }) => action === 'completed');
        if (completed?.outcome !== outcome)
          wrong.push(`${name} was answered ${answer.status} ${code ?? ''}, and ended ${completed?.outcome}`);
      });
      waiting.push(answered);
      await Promise.race([answered, eventually(() => handleOf(name).describe(), { limitMs: 5_000 }).catch(() => undefined)]);
    },
    ...operator,

    cut(way: Way): void {
      if (way === 'Temporal') weather.temporalCut = true;
      else weather.postgresCut = true;
      house.cut(way);
    },
    restore: () => house.restoreAll(),
    hire: () => crew.hire(),
    dismiss: () => crew.dismiss(),
    async kill(): Promise<void> {
      weather.workerKilled = true;
      await crew.kill();
    },
    freeze(): void {
      weather.workerFrozen = true;
      crew.freeze();
    },
    thaw: () => crew.thaw(),

    wait: (ms: number) => sleep(ms),
    waitForPut: (name: string) =>
      eventually(
        () => {
          if (latchkey.puts(requestOf(name).correlationId).length === 0) throw new Error('no PUT yet');
        },
        { limitMs: 1_500, intervalMs: 5 },
      ).catch(() => undefined),
    waitForEnd: (name: string) => eventually(() => settled(name, { mayUnpause: false }), { limitMs: 3_000 }).catch(() => undefined),

    /** Ends all interference and waits until every request has settled. */
    async settle(): Promise<void> {
      house.restoreAll();
      crew.thaw();
      if (crew.atWork === 0) await crew.hire();
      await Promise.all(
        [...requests.keys()].map((name) =>
          eventually(() => settled(name, { mayUnpause: true }), { limitMs: SETTLES_WITHIN_MS, intervalMs: 50 }).catch(String),
        ),
      );
      await Promise.all(waiting);
      await quiet();
    },
    /** Asks again for everything that has ended: the answers must be the same, and the bank must hear nothing. */
    async repeat(): Promise<void> {
      for (const request of requests.values()) {
        const { name, correlationId, customer, asked, terminated } = request;
        if (asked === 'in_doubt' || terminated) continue;
        const before = await httpSide(name);
        const headers = { correlationId };
        const ask = (who: string) => latchkey.call('/v1/unlocks', { method: 'POST', headers, body: { customerId: idOf(who) } });
        const again = await ask(customer);
        const { outcome } = again.body as { outcome: string | null };
        if (again.status !== 200 || outcome !== before.outcome)
          wrong.push(`${name} asked again: ${again.status} ${outcome}, it ended ${before.outcome}`);
        const other = await ask('somebody-else');
        if (other.status !== 409) wrong.push(`${name} asked again for another customer: ${other.status}`);
      }
    },
    async evidence(): Promise<Map<string, Evidence>> {
      const all = new Map<string, Evidence>();
      for (const { name, correlationId, ...given } of requests.values()) {
        const rows = await rowsOfRequest(latchkey, correlationId);
        const calls = sandbox.calls().filter((call) => call.correlationId === correlationId);
        const sides = { temporal: await temporalSide(name), http: await httpSide(name) };
        all.set(name, { given, weather, limits: house.limits, rows, calls, ...sides });
      }
      return all;
    },
    async leave(): Promise<void> {
      for (const name of requests.keys()) if ((await temporalSide(name))?.status === 'RUNNING') await operator.terminate(name);
      for (const customer of customers) sandbox.customers.reset(idOf(customer));
    },
  };

  /** What was overtaken may still be at work: waits until nothing more is written. */
  async function quiet(): Promise<void> {
    const overtaken =
      weather.workerFrozen || weather.temporalCut || [...requests.values()].some(({ reset, terminated }) => reset || terminated);
    if (overtaken) await sleep(house.limits.bankTimeoutMs * 2);
  }
}

export type World = ReturnType<typeof openWorld>;

/** The outcome that an answer of the drop-in endpoint stands for; null where it tells none. */
function outcomeToldBy(httpStatus: number, code: string | undefined): string | null {
  if (httpStatus === 204) return 'unlocked';
  if (code === 'LATCHKEY_NOT_LOCKED') return 'not_locked';
  if (code === 'LATCHKEY_CANCELLED') return 'cancelled';
  if (code === 'LATCHKEY_RETRIES_EXHAUSTED') return 'failed';
  if (code === 'LATCHKEY_STILL_RUNNING' || httpStatus === 503) return null;
  return 'rejected';
}
