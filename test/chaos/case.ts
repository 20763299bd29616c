import type { AuditRow, BankCallState, CallerAnswer, Evidence, Execution } from './evidence.js';

/** An unlock PUT as wire and bank have it together. */
export interface Put {
  readonly transactionId: string;
  /** When it passed the way to the bank, or, where nobody saw it there, when it arrived. */
  readonly sentAtMs: number;
  /** Null: it never arrived. */
  readonly call: BankCallState | null;
}

/** Everything that anybody says of one unlock request. */
export interface Case {
  readonly correlationId: string;
  readonly rows: readonly AuditRow[];
  /** In the order in which they were sent. */
  readonly puts: readonly Put[];
  readonly statusReads: readonly BankCallState[];
  readonly execution: Execution | null;
  readonly answers: readonly CallerAnswer[];
  readonly locks: LockHistory;
}

interface Reading {
  readonly atMs: number;
  readonly locked: boolean;
}

/** When the bank had the case's customer locked and when not. */
export interface LockHistory {
  /** True where the customer was not locked at some moment between the two. */
  unlockedWithin(fromMs: number, toMs: number): boolean;
}

function grouped<Item>(items: readonly Item[], keyOf: (item: Item) => string | null): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const key = keyOf(item);
    if (key === null) continue;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

/** Sorts the evidence by unlock request. */
export function casesOf(evidence: Evidence): Case[] {
  const rows = grouped(evidence.rows, ({ correlationId }) => correlationId);
  const answers = grouped(evidence.answers, ({ correlationId }) => correlationId);
  const executions = new Map(evidence.executions.map((execution) => [execution.correlationId, execution]));
  const calls = [...lastStates(evidence).values()];
  const puts = grouped(putsOf(evidence, calls), ({ correlationId }) => correlationId);
  const reads = grouped(
    calls.filter(({ endpoint }) => endpoint === 'status'),
    ({ correlationId }) => correlationId,
  );
  const histories = lockHistories(evidence);
  const ids = new Set([...rows.keys(), ...answers.keys(), ...executions.keys(), ...puts.keys()]);
  return [...ids].map((correlationId) => {
    const ownRows = rows.get(correlationId) ?? [];
    const customerId = ownRows[0]?.customerId ?? answers.get(correlationId)?.find(({ door }) => door !== 'impostor')?.customerId ?? '';
    return {
      correlationId,
      rows: ownRows,
      puts: (puts.get(correlationId) ?? []).map(({ put }) => put).toSorted((one, other) => one.sentAtMs - other.sentAtMs),
      statusReads: reads.get(correlationId) ?? [],
      execution: executions.get(correlationId) ?? null,
      answers: answers.get(correlationId) ?? [],
      locks: historyFrom(histories.get(customerId) ?? []),
    };
  });
}

function lastStates({ bank }: Evidence): Map<number, BankCallState> {
  return new Map(bank.flatMap((line) => (line.kind === 'call' ? [[line.call.sequence, line.call] as const] : [])));
}

function putsOf({ wire }: Evidence, calls: readonly BankCallState[]): { readonly correlationId: string; readonly put: Put }[] {
  const seen = new Map(wire.map((put) => [put.transactionId, put]));
  const arrived = calls.filter(({ endpoint, correlationId }) => endpoint === 'unlock' && correlationId !== null);
  const arrivedIds = new Set(arrived.map(({ transactionId }) => transactionId));
  return [
    ...arrived.map((call) => ({
      correlationId: call.correlationId ?? '',
      put: {
        transactionId: call.transactionId ?? `call ${call.sequence}`,
        sentAtMs: seen.get(call.transactionId ?? '')?.seenAtMs ?? call.arrivedAtMs,
        call,
      },
    })),
    ...wire
      .filter(({ transactionId }) => !arrivedIds.has(transactionId))
      .map(({ correlationId, transactionId, seenAtMs }) => ({ correlationId, put: { transactionId, sentAtMs: seenAtMs, call: null } })),
  ];
}

function lockHistories({ bank }: Evidence): Map<string, Reading[]> {
  const histories = new Map<string, Reading[]>();
  const applied = new Set<number>();
  const note = (customerId: string, reading: Reading): void => {
    const history = histories.get(customerId);
    if (history === undefined) histories.set(customerId, [reading]);
    else history.push(reading);
  };
  for (const line of bank) {
    if (line.kind === 'customer') {
      note(line.customerId, { atMs: line.atMs, locked: line.locked });
    } else if (line.call.appliedAtMs !== null && line.call.customerId !== null && !applied.has(line.call.sequence)) {
      applied.add(line.call.sequence);
      note(line.call.customerId, { atMs: line.call.appliedAtMs, locked: false });
    }
  }
  return histories;
}

function historyFrom(readings: readonly Reading[]): LockHistory {
  return {
    unlockedWithin: (fromMs, toMs) =>
      readings.some(({ atMs, locked }, index) => !locked && atMs <= toMs && (readings[index + 1]?.atMs ?? Infinity) >= fromMs),
  };
}
