import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CustomerSetup } from '../../src/sandbox/index.js';
import { eventually } from '../support/eventually.js';
import { openCrashHouse, type CrashHouse } from './house.js';
import { CALL_TIMEOUT_MS } from './part-limits.js';
import { effectsOf, lossesOf, places, repliesAfter, targets, ways, type Loss, type Place, type Target, type WayName } from './places.js';
import { createUnlocks, type Held, type Unlock } from './unlock.js';
import { examine } from './verdict.js';

let house: CrashHouse;
let unlocks: ReturnType<typeof createUnlocks>;
beforeAll(async () => {
  house = await openCrashHouse();
  unlocks = createUnlocks(house, {
    first: await house.sandbox.mintToken({ subject: 'agent-1' }),
    second: await house.sandbox.mintToken({ subject: 'agent-2' }),
  });
}, 180_000);

const figures = { cases: 0, gap: 0, lost: 0, doubled: 0 };
const table = new Map<string, number>();
afterAll(async () => {
  const lines = [...table].map(([fault, cases]) => `${fault.padEnd(28)} ${String(cases).padStart(5)}`);
  const { cases, gap, lost, doubled } = figures;
  const sum = `places ${places.length}, cases ${cases}, gaps ${gap}, lost ${lost}, doubled ${doubled}`;
  process.stdout.write(`\nCrash places\n${lines.join('\n')}\n${sum}\n`);
  await house.close();
}, 60_000);

/** Waits for unlocks to end and examines each. */
async function settle(fault: string, cases: readonly { readonly at: string; readonly unlock: Unlock }[]): Promise<void> {
  const wrong: string[] = [];
  for (const { at, unlock } of cases) {
    await within(at, unlock.over);
    const { findings, story } = await examine(house, unlock);
    for (const { kind, what } of findings) {
      figures[kind] += 1;
      wrong.push(`${at}: ${what}\n    ${story}`);
    }
  }
  figures.cases += cases.length;
  table.set(fault, (table.get(fault) ?? 0) + cases.length);
  expect(wrong).toEqual([]);
}

const LIMIT_MS = 400_000;
const TRIES = 5;

async function within<Result>(what: string, work: Promise<Result>): Promise<Result> {
  const patience = new AbortController();
  const late = sleep(LIMIT_MS, undefined, { signal: patience.signal }).then(() =>
    Promise.reject(new Error(`${what}: nothing came of it in ${LIMIT_MS} ms`)),
  );
  late.catch(() => undefined);
  return Promise.race([work, late]).finally(() => patience.abort());
}

const inWords = ({ way, component, before }: Place): string => `${way}: ${component} before ${before}`;

describe('the list of places', () => {
  it('names every effect that an unlock has, on every way that it may go', async () => {
    const seen = await Promise.all(
      (Object.keys(ways) as WayName[]).map(async (way) => {
        const unlock = await unlocks.begin(way);
        await unlock.over;
        return { way, unlock };
      }),
    );
    const workersPart = (way: WayName) => effectsOf(way === 'joined' ? 'clean' : way, 'worker');
    for (const { way, unlock } of seen) {
      const { inOrder, straggling } = workersPart(way);
      const least = inOrder.length + straggling.length;
      await eventually(() => expect(house.effects('worker', unlock.correlationId).length).toBeGreaterThanOrEqual(least));
    }
    // Long enough for an effect too many to show.
    await sleep(200);
    for (const { way, unlock } of seen) {
      const { inOrder, straggling } = workersPart(way);
      const done = house.effects('worker', unlock.correlationId);
      expect([way, ...done.slice(0, inOrder.length)]).toEqual([way, ...inOrder]);
      expect([way, ...done.slice(inOrder.length).sort()]).toEqual([way, ...straggling]);
      const first = way === 'joined' ? effectsOf('clean', 'api').inOrder.length : 0;
      const door = house
        .effects('api', unlock.correlationId)
        .slice(first)
        .map((effect) => (first > 0 ? effect.replace(/ #\d+$/, '') : effect));
      expect([way, ...door]).toEqual([way, ...effectsOf(way === 'joined' ? way : 'clean', 'api').inOrder]);
    }
    await settle(
      'none',
      seen.map(({ way, unlock }) => ({ at: way, unlock })),
    );
  }, 60_000);
});

/** What takes longest to reach its place begins first, so that nobody is held for long. */
const waves: readonly (readonly WayName[])[] = [
  ['late'],
  ['joined', 'cancelled', 'retried', 'doubted'],
  ['clean', 'not locked', 'rejected'],
];
const OUTAGE_MS = 500;

/** Brings an unlock to a place; a slow machine may miss one that is there for a while only. */
async function bringTo(place: Place, then: Held['then']): Promise<Unlock> {
  for (let triesLeft = TRIES; triesLeft > 0; triesLeft -= 1) {
    const unlock = await unlocks.begin(place.way, { ...place, then });
    if (await within(inWords(place), unlock.reached)) return unlock;
  }
  throw new Error(`${inWords(place)} was not reached`);
}

describe('a SIGKILL at every place', () => {
  it.each(targets)(
    'of %s: every unlock ends once, on record, and as the bank has it',
    async (target) => {
      let release = (): void => undefined;
      const killed = new Promise<void>((resolve) => (release = resolve));
      const cases: { at: string; unlock: Unlock }[] = [];
      for (const wave of waves) {
        const there = places.filter(({ way }) => wave.includes(way));
        const brought = await Promise.all(there.map(async (place) => ({ at: inWords(place), unlock: await bringTo(place, () => killed) })));
        cases.push(...brought);
      }
      await house.kill[target]();
      release();
      await sleep(OUTAGE_MS);
      await house.restart[target]();
      await settle(`SIGKILL ${target}`, cases);
    },
    LIMIT_MS * 2,
  );
});

type TokenStep = Omit<NonNullable<CustomerSetup['script']>[number], 'on'>;

interface Loose {
  readonly place: Place;
  readonly target: Target;
  readonly loss: Loss;
}

const loose: Loose[] = places.flatMap((place) =>
  targets
    .flatMap((target) => lossesOf[target].map((loss) => ({ place, target, loss })))
    .filter(({ target }) => repliesAfter(place, target) !== 'no'),
);
const IN_FLIGHT = 100;

describe('a reply lost after its effect, at every place', () => {
  it('whoever gave it: every unlock ends once, on record, and as the bank has it', async () => {
    const queue = [...loose];
    const unfired: string[] = [];
    const done = new Map<string, { at: string; unlock: Unlock }[]>();
    async function work(): Promise<void> {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        const { place, target, loss } = next;
        const at = `${inWords(place)}, ${target}'s reply lost by ${loss}`;
        const unlock = await bringTo(place, async ({ correlationId }) => lose(correlationId, target, loss));
        await within(at, unlock.over);
        if (repliesAfter(place, target) === 'yes' && !(await isLost(unlock.correlationId, target))) unfired.push(at);
        const fault = `lost reply of ${target}, ${loss}`;
        done.set(fault, [...(done.get(fault) ?? []), { at, unlock }]);
      }
    }
    await Promise.all(Array.from({ length: IN_FLIGHT }, work));
    for (const [fault, cases] of done) await settle(fault, cases);
    expect(unfired).toEqual([]);
  }, 1_200_000);
});

describe("the reply to the worker's log-in at the bank, lost after its effect", () => {
  it.each<[string, TokenStep]>([
    ['by a reset', { loseConnection: 'after_applying' }],
    ['after its first byte', { bodyDelayMs: 2 * CALL_TIMEOUT_MS }],
    ['in silence', { answerDelayMs: 2 * CALL_TIMEOUT_MS }],
  ])(
    '%s: the unlock waits for another and ends once',
    async (loss, step) => {
      const { sandbox } = house;
      const then = async ({ customerId }: Unlock): Promise<void> => {
        sandbox.revokeTokens();
        sandbox.customers.set(customerId, { script: [{ on: 'token', ...step }] });
      };
      const unlock = await unlocks.begin('clean', { component: 'worker', before: 'read status', then });
      await settle(`lost token, ${loss}`, [{ at: `token, ${loss}`, unlock }]);
      expect(sandbox.customers.get(unlock.customerId)?.script).toEqual([]);
    },
    180_000,
  );
});

function lose(correlationId: string, target: Target, loss: Loss): void {
  if (target === 'worker') house.ways.temporal.loseReport(correlationId);
  else house.ways[target].loseReply(correlationId, loss);
}

function isArmed(correlationId: string, target: Target): boolean {
  return target === 'worker' ? house.ways.temporal.isReportAwaited(correlationId) : house.ways[target].isArmed(correlationId);
}

/** A straggler may have its reply before it when its caller has been told already. */
async function isLost(correlationId: string, target: Target): Promise<boolean> {
  try {
    await eventually(() => expect(isArmed(correlationId, target)).toBe(false));
    return true;
  } catch {
    return false;
  }
}
