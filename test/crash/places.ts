import type { CustomerSetup } from '../../src/sandbox/index.js';

/** Whatever can die, or fail to be heard. */
export const targets = ['worker', 'api', 'temporal', 'postgres', 'bank'] as const;
export type Target = (typeof targets)[number];

/**
 * How a reply gets lost after its effect. `reset`: none of it arrives, the connection breaks. `cut`: half of it arrives, the connection
 * breaks. `silence`: nothing arrives and nothing breaks, so that only a time-out ends the wait.
 */
export const losses = ['reset', 'cut', 'silence'] as const;
export type Loss = (typeof losses)[number];

/** The replies that each target gives; the worker's are its reports, which Temporal then never hears. */
export const lossesOf: Record<Target, readonly Loss[]> = {
  worker: ['reset'],
  api: ['reset', 'cut'],
  temporal: losses,
  postgres: losses,
  bank: losses,
};

export type Component = 'api' | 'worker';

/**
 * One way that an unlock may go. A place is named by the effect that comes next: `claim` is the place after everything that stands before
 * it in the list, and before the claim. The second time that an effect comes along it is `claim #2`.
 */
export interface Way {
  readonly customer: CustomerSetup;
  readonly outcomes: readonly string[];
  /** Effects in front of these are the same as on the clean way. */
  readonly leavesCleanWayAt: string | null;
  readonly worker: readonly string[];
  /** What of `worker` runs beside the rest, once the request has ended. */
  readonly straggling?: readonly string[];
  /** Held after its PUT until its successor has settled the request. */
  readonly holdsAnswer?: true;
  /** Asked to cancel when it waits. */
  readonly isCancelled?: true;
}

const unwell = { httpStatus: 503, code: 'UXU_30001', message: 'Try again later' };

const check = ['append requested', 'read status', 'append status_checked', 'report check'];
const firstTry = ['token', 'claim', 'PUT', 'append attempt_finished', 'report send'];
const endingUnread = ['append completed', 'report outcome'];

export const ways = {
  clean: {
    customer: {},
    outcomes: ['unlocked'],
    leavesCleanWayAt: null,
    worker: [...check, ...firstTry, 'read record', 'read status #2', ...endingUnread],
  },
  'not locked': {
    customer: { state: { locked: false } },
    outcomes: ['not_locked'],
    leavesCleanWayAt: 'report check',
    worker: ['report check', 'read record', ...endingUnread],
  },
  rejected: {
    customer: { script: [{ httpStatus: 404, code: 'UXU_10000', message: 'Customer not found', times: 'always' }] },
    outcomes: ['rejected'],
    leavesCleanWayAt: 'append attempt_finished',
    worker: ['append attempt_finished', 'report send', 'read record', ...endingUnread],
  },
  retried: {
    customer: { script: [{ ...unwell, headers: { 'Retry-After': '3' } }] },
    outcomes: ['unlocked'],
    leavesCleanWayAt: 'append attempt_finished',
    worker: [
      ...['append attempt_finished', 'report send', 'report wait'],
      ...['read record', 'read status #2', 'append status_checked #2', 'token #2', 'claim #2', 'PUT #2', 'append attempt_finished #2'],
      ...['report send #2', 'read record #2', 'read status #3', ...endingUnread],
    ],
  },
  doubted: {
    customer: { script: [{ loseConnection: 'after_applying' }] },
    outcomes: ['unlocked'],
    leavesCleanWayAt: 'append attempt_finished',
    worker: [
      ...['append attempt_finished', 'report send', 'report wait', 'read record', 'read status #2', 'append status_checked #2'],
      ...['report send #2', 'read record #2', ...endingUnread],
    ],
  },
  cancelled: {
    customer: { script: [{ ...unwell, headers: { 'Retry-After': '10' }, times: 'always' }] },
    outcomes: ['cancelled'],
    leavesCleanWayAt: 'append attempt_finished',
    isCancelled: true,
    worker: ['append attempt_finished', 'report send', 'report wait', 'read record', ...endingUnread],
  },
  late: {
    customer: {},
    outcomes: ['unlocked'],
    leavesCleanWayAt: 'append attempt_finished',
    holdsAnswer: true,
    worker: [
      ...['read record', 'append attempt_finished', 'read status #2', 'append status_checked #2', 'report send'],
      ...['read record #2', ...endingUnread],
    ],
    straggling: ['append attempt_finished #2', 'append late_answer', 'report send #2'],
  },
  joined: { customer: {}, outcomes: ['unlocked'], leavesCleanWayAt: null, worker: [] },
} as const satisfies Record<string, Way>;
export type WayName = keyof typeof ways;

/** The front door's part; a request that another actor repeats when it has ended is `joined`. */
const asked = ['look', 'start', 'wait', 'look #2', 'answer'];
const askedAgain = ['look', 'append joined', 'answer'];

export interface Place {
  readonly way: WayName;
  readonly component: Component;
  /** The effect that comes next. */
  readonly before: string;
}

/** Every place between two effects, once: ways that begin alike share the places of their beginning. */
export const places: readonly Place[] = (Object.keys(ways) as WayName[]).flatMap((way) => {
  const { worker, straggling = [] }: Way = ways[way];
  const doors = way === 'clean' ? asked : way === 'joined' ? askedAgain : [];
  return [
    ...doors.map((before) => ({ way, component: 'api', before }) as const),
    ...[...worker, ...straggling].map((before) => ({ way, component: 'worker', before }) as const),
  ];
});

interface Effects {
  readonly inOrder: readonly string[];
  /** In the order of their names: nothing waits for them, so theirs is not told. */
  readonly straggling: readonly string[];
}

/** All that one component does on a way, as it must be seen to do it. */
export function effectsOf(way: WayName, component: Component): Effects {
  if (component === 'api') return { inOrder: way === 'joined' ? askedAgain : asked, straggling: [] };
  const { worker, straggling = [], leavesCleanWayAt }: Way = ways[way];
  const clean: readonly string[] = ways.clean.worker;
  const shared = leavesCleanWayAt === null ? [] : clean.slice(0, clean.indexOf(leavesCleanWayAt));
  return { inOrder: [...shared, ...worker], straggling: [...straggling].sort() };
}

/** Whom an effect makes answer. */
function answering(effect: string): Target {
  if (/^(read status|PUT)/.test(effect)) return 'bank';
  if (effect.startsWith('report')) return 'worker';
  if (/^(start|wait)/.test(effect)) return 'temporal';
  if (effect === 'answer') return 'api';
  // A token is kept, and one for each place would need a worker for each: the token's replies have a test of their own.
  return effect.startsWith('token') ? 'worker' : 'postgres';
}

/**
 * Whether a target still has a reply to lose at a place. `no`: it is not asked about this request any more, so the combination has no
 * meaning. `perhaps`: another component goes on beside, and may have had the last reply.
 */
export function repliesAfter({ way, component, before }: Place, target: Target): 'yes' | 'no' | 'perhaps' {
  const { worker, straggling = [] }: Way = ways[way];
  if (straggling.includes(before)) {
    const rest = straggling.slice(straggling.indexOf(before));
    if (rest.some((effect) => answering(effect) === target)) return target === 'postgres' ? 'yes' : 'perhaps';
    return 'perhaps';
  }
  if (target === 'api') return 'yes';
  if (component === 'worker') {
    const rest = worker.slice(worker.indexOf(before));
    if (target === 'bank') return rest.some((effect) => answering(effect) === 'bank') ? 'yes' : 'no';
    // A report that is lost is Temporal's reply lost as well; and the front door looks once more.
    return 'yes';
  }
  const door = way === 'joined' ? askedAgain : asked;
  const rest = door.slice(door.indexOf(before));
  if (rest.some((effect) => answering(effect) === target)) return 'yes';
  if (way === 'joined' || !rest.includes('wait')) return 'no';
  return rest.includes('start') ? 'yes' : 'perhaps';
}
