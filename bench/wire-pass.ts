import { openDatabaseWire } from './database-wire.js';
import type { DatabaseObserver, StatementCost } from './database-cost.js';
import { putUnderLoad } from './load.js';
import type { Stack } from './stack.js';
import type { SubjectName } from './subject.js';
import { startSubject } from './subjects.js';
import { callsToTemporal, costOfHistories, type HistoryCost } from './temporal-cost.js';

/** What passes between an unlock and the servers; counted, not timed. */
export interface WireCost {
  /** Unlocks that were answered 204, the ones of warming up among them. */
  readonly answered: number;
  readonly statements: number;
  readonly roundTrips: number;
  readonly bytes: number;
  readonly byStatement: readonly StatementCost[];
  /** Null where Temporal is not used. */
  readonly history: HistoryCost | null;
  /** Calls to Temporal's front end per unlock, by operation. */
  readonly temporalCalls: Readonly<Record<string, number>>;
  readonly failures: ReadonlyMap<string, number>;
}

interface Wish {
  readonly stack: Stack;
  readonly name: SubjectName;
  readonly observer: DatabaseObserver;
}

const WARM_UP_UNLOCKS = 50;
const UNLOCKS = 200;
const CONCURRENCY = 10;
const LIMIT_MS = 60_000;

/** A pass of its own, with somebody listening in on the way to the database: counting costs time, so nothing is timed here. */
export async function countOnTheWire({ stack, name, observer }: Wish): Promise<WireCost> {
  const wire = await openDatabaseWire(stack.databaseUrl);
  const subject = await startSubject(name, { stack, databaseUrl: wire.url, cpuProfileDir: null });
  try {
    const caller = { url: subject.url, token: stack.token, customerPrefix: name };
    // Opens the connections and has the keys and tokens fetched.
    const warmUp = await putUnderLoad(caller, { concurrency: CONCURRENCY, forMs: LIMIT_MS, atMost: WARM_UP_UNLOCKS });
    const calls = async () =>
      subject.namespace === null ? new Map<string, number>() : callsToTemporal(stack.temporalMetricsUrl, subject.namespace);
    const callsBefore = await calls();
    await observer.resetStatements();
    const wireBefore = wire.count();
    const load = await putUnderLoad(caller, { concurrency: CONCURRENCY, forMs: LIMIT_MS, atMost: UNLOCKS });
    const wireAfter = wire.count();
    const callsAfter = await calls();
    const unlocks = load.durationsMs.length;
    return {
      answered: warmUp.durationsMs.length + unlocks,
      statements: (wireAfter.statements - wireBefore.statements) / unlocks,
      roundTrips: (wireAfter.roundTrips - wireBefore.roundTrips) / unlocks,
      bytes: (wireAfter.bytes - wireBefore.bytes) / unlocks,
      byStatement: await observer.statements(unlocks),
      history:
        subject.namespace === null
          ? null
          : await costOfHistories({ address: stack.temporalAddress, namespace: subject.namespace, correlationIds: load.correlationIds }),
      temporalCalls: Object.fromEntries(
        [...callsAfter].map(([operation, count]) => [operation, (count - (callsBefore.get(operation) ?? 0)) / unlocks]),
      ),
      failures: new Map([...warmUp.failures, ...load.failures]),
    };
  } finally {
    await subject.stop();
    await wire.close();
  }
}
