import fc from 'fast-check';
import { behaviours, type Behaviour } from './behaviours.js';
import { waysOfTheHouse, type Way } from './house.js';
import type { World } from './world.js';

/** What the commands need to know of the run so far, to tell which of them make sense next. */
interface Model {
  readonly asked: Set<string>;
  workers: number;
  frozen: boolean;
  readonly cut: Set<Way>;
}

/** Every run begins with one request taken in: without any, most commands have nothing to act upon. */
export async function begin(world: World, will: readonly Behaviour[]): Promise<{ model: Model; real: World }> {
  world.bankWill('ann', will);
  await world.post('r1', 'ann');
  return { model: { asked: new Set(['r1']), workers: 1, frozen: false, cut: new Set() }, real: world };
}

type Command = fc.AsyncCommand<Model, World>;

interface Wording {
  readonly words: string;
  readonly may?: (model: Model) => boolean;
  readonly act: (world: World, model: Model) => unknown;
}

const command = ({ words, may = () => true, act }: Wording): Command => ({
  check: may,
  run: async (model, world) => {
    await act(world, model);
  },
  toString: () => words,
});

const requestNames = ['r1', 'r2', 'r3'] as const;
const requests = fc.constantFrom(...requestNames);
const customers = fc.constantFrom('ann', 'bob');
const isAsked = (name: string) => (model: Model) => model.asked.has(name);

/** Commands upon a request that was asked for before. */
const upon = (words: string, act: (world: World, name: string) => unknown): fc.Arbitrary<Command> =>
  requests.map((name) => command({ words: `${words} ${name}`, may: isAsked(name), act: (world) => act(world, name) }));

const ask = (words: string, way: 'post' | 'dropIn'): fc.Arbitrary<Command> =>
  fc.tuple(requests, customers).map(([name, customer]) =>
    command({
      words: `${words} ${name} for ${customer}`,
      act: (world, model) => {
        model.asked.add(name);
        return world[way](name, customer);
      },
    }),
  );

const names = Object.keys(behaviours) as Behaviour[];
/** How the bank begins with the customer of the first request. */
export const beginnings = fc.array(fc.constantFrom(...names), { maxLength: 4 });
const bankWill = fc
  .tuple(customers, fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 3 }))
  .map(([customer, will]) =>
    command({ words: `for ${customer} the bank ${will.join(', then ')}`, act: (world) => world.bankWill(customer, will) }),
  );

const callers: fc.Arbitrary<Command>[] = [
  bankWill,
  bankWill,
  ask('ask', 'post'),
  ask('ask', 'post'),
  ask('ask by the drop-in', 'dropIn'),
  customers.map((customer) => command({ words: `lock ${customer}`, act: (world) => world.lock(customer) })),
  customers.map((customer) =>
    command({ words: `unlock ${customer} behind our back`, act: (world) => world.unlockBehindOurBack(customer) }),
  ),
  fc.constantFrom(20, 60, 150, 400).map((ms) => command({ words: `wait ${ms} ms`, act: (world) => world.wait(ms) })),
  upon('wait for a PUT of', (world, name) => world.waitForPut(name)),
  upon('wait for the end of', (world, name) => world.waitForEnd(name)),
];

const operators: fc.Arbitrary<Command>[] = [
  upon('cancel', (world, name) => world.cancel(name)),
  upon('pause', (world, name) => world.pause(name)),
  upon('unpause', (world, name) => world.unpause(name)),
  upon('reset the activity of', (world, name) => world.resetActivity(name)),
  upon('reset the workflow of', (world, name) => world.resetWorkflow(name)),
  upon('terminate', (world, name) => world.terminate(name)),
];

const hire = fc.constant(
  command({
    words: 'hire a worker',
    may: ({ workers }) => workers < 2,
    act: (world, model) => {
      model.workers += 1;
      return world.hire();
    },
  }),
);
const dismiss = fc.constant(
  command({
    words: 'dismiss a worker',
    may: ({ workers, frozen }) => workers > 0 && !frozen,
    act: (world, model) => {
      model.workers -= 1;
      return world.dismiss();
    },
  }),
);

const outages: fc.Arbitrary<Command>[] = [
  fc.constantFrom(...waysOfTheHouse).map((way) =>
    command({
      words: `cut ${way}`,
      may: ({ cut }) => !cut.has(way),
      act: (world, model) => {
        model.cut.add(way);
        world.cut(way);
      },
    }),
  ),
  fc.constant(
    command({
      words: 'restore every way',
      may: ({ cut }) => cut.size > 0,
      act: (world, model) => {
        model.cut.clear();
        world.restore();
      },
    }),
  ),
  hire,
  dismiss,
];

const kill = fc.constant(
  command({
    words: 'kill a worker',
    may: ({ workers }) => workers > 0,
    act: (world, model) => {
      model.workers -= 1;
      // The one that was frozen, if any.
      model.frozen = false;
      return world.kill();
    },
  }),
);
const freeze = fc.constant(
  command({
    words: 'freeze a worker',
    may: ({ workers, frozen }) => workers > 0 && !frozen,
    act: (world, model) => {
      model.frozen = true;
      world.freeze();
    },
  }),
);
const thaw = fc.constant(
  command({
    words: 'thaw it',
    may: ({ frozen }) => frozen,
    act: (world, model) => {
      model.frozen = false;
      world.thaw();
    },
  }),
);
const deaths: fc.Arbitrary<Command>[] = [kill, kill, freeze, thaw, hire, hire];

/** What may happen in a run: callers and the bank alone, operators beside them, outages, workers that die. */
export const repertoires = {
  calm: callers,
  operators: [...callers, ...operators, ...operators],
  outages: [...callers, ...callers, ...outages],
  deaths: [...callers, ...callers, ...deaths, ...operators.slice(0, 1)],
} as const satisfies Readonly<Record<string, readonly fc.Arbitrary<Command>[]>>;
export type Repertoire = keyof typeof repertoires;

export const sequences = (repertoire: Repertoire, maxCommands: number, replayPath: string | null) =>
  fc.commands<Model, World, false>([...repertoires[repertoire]], {
    maxCommands,
    size: 'max',
    ...(replayPath === null ? {} : { replayPath }),
  });
