import type { CustomerSetup } from '../../src/sandbox/index.js';
import { behaviours } from './behaviours.js';
import { faultKinds, type FaultKind } from './fault-kinds.js';
import { seeded, type Seeded } from './seeded.js';

/** By which door a request comes in. */
export type Door = 'drop-in' | 'post' | 'post-wait';

/** One unlock request, and everything that its caller does. */
export interface Ask {
  readonly correlationId: string;
  readonly customerId: string;
  readonly door: Door;
  /** Milliseconds after the start, at the earliest: on a slow machine it waits until fewer requests are under way. */
  readonly atMs: number;
  /** The very same call, this many times at once. */
  readonly copies: number;
  /** Milliseconds until the caller hangs up. */
  readonly patienceMs: number;
  /** Somebody asks under the same id for another customer, once it is accepted. */
  readonly withImpostor: boolean;
  /** The customer is locked again, deliberately, once the caller has heard that they are unlocked. */
  readonly lockedAfterwards: boolean;
  /** Milliseconds after the acceptance at which somebody asks Temporal to cancel it; null: nobody does. */
  readonly cancelAfterMs: number | null;
}

export interface PlannedFault {
  readonly kind: FaultKind;
  /** Milliseconds after the start, at the earliest. */
  readonly atMs: number;
  /** It waits until this many requests have been begun: a slow machine has its faults later, not closer together. */
  readonly afterAsks: number;
  readonly durationMs: number;
  /** Chooses among the processes or ways of its kind. */
  readonly choice: number;
}

/** All of a chaos run that is decided beforehand. */
export interface Plan {
  readonly customers: Readonly<Record<string, CustomerSetup>>;
  readonly asks: readonly Ask[];
  readonly faults: readonly PlannedFault[];
  /** Milliseconds. */
  readonly lengthMs: number;
}

interface Size {
  readonly unlocks: number;
  readonly faults: number;
  readonly seed: number;
}

const GAP_MS = [300, 1_500] as const;
const WARM_UP_MS = 500;
/** Without faults unlocks come this fast. */
const PLAIN_PER_SECOND = 20;
/** How many asks in a hundred are for a customer for whom somebody else asks as well. */
const SHARED_CUSTOMER = 0.04;

export function makePlan({ unlocks, faults, seed }: Size): Plan {
  const random = seeded(seed);
  const planned = planFaults(random, faults, unlocks);
  const lengthMs = Math.max((planned.at(-1)?.atMs ?? 0) + GAP_MS[1], (unlocks / PLAIN_PER_SECOND) * 1_000);
  const customers: Record<string, CustomerSetup> = {};
  const asks: Ask[] = [];
  for (let index = 0; index < unlocks; index += 1) {
    const sharesWith = random.chance(SHARED_CUSTOMER) ? asks.at(-1) : undefined;
    const customerId = sharesWith?.customerId ?? `customer-${index}`;
    if (sharesWith === undefined) customers[customerId] = random.pickWeighted(behaviours).setup;
    asks.push(planAsk(random, customerId, Math.floor((index / unlocks) * lengthMs) + random.between(0, 200)));
  }
  return { customers, asks, faults: planned, lengthMs };
}

function planFaults(random: Seeded, count: number, unlocks: number): PlannedFault[] {
  let atMs = WARM_UP_MS;
  return Array.from({ length: count }, (_, index) => {
    atMs += random.between(...GAP_MS);
    const { kind, durationMs } = random.pickWeighted(faultKinds);
    return {
      kind,
      atMs,
      afterAsks: Math.floor((unlocks * index) / count),
      durationMs: random.between(...durationMs),
      choice: random.between(0, 2 ** 30),
    };
  });
}

function planAsk(random: Seeded, customerId: string, atMs: number): Ask {
  return {
    correlationId: random.uuid(),
    customerId,
    door: random.pick(['drop-in', 'drop-in', 'post', 'post-wait']),
    atMs,
    copies: random.chance(0.15) ? random.between(2, 4) : 1,
    patienceMs: random.pick([700, 4_000, 12_000]),
    withImpostor: random.chance(0.05),
    lockedAfterwards: random.chance(0.1),
    cancelAfterMs: random.chance(0.05) ? random.between(0, 1_500) : null,
  };
}
