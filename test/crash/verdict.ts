import type { BankCall } from '../../src/sandbox/index.js';
import type { unlockCustomer } from '../../workflows/index.js';
import type { CrashHouse } from './house.js';
import { ways, type Way } from './places.js';
import type { Unlock } from './unlock.js';

export interface Row {
  readonly action: string;
  readonly attempt: number | null;
  readonly result: string | null;
  readonly outcome: string | null;
  readonly verification: string | null;
  readonly lock_status: string | null;
  readonly http_status: number | null;
  readonly recorded_at: Date;
}

export interface Finding {
  /** `gap`: a call or an attempt without its row. `lost`: no outcome, or none that all agree on. `doubled`: something there twice. */
  readonly kind: 'gap' | 'lost' | 'doubled';
  readonly what: string;
}

/** What the four who know of an unlock say of it. */
export interface Accounts {
  /** The audit table's rows, in order of position. */
  readonly rows: readonly Row[];
  /** The bank's own log. */
  readonly puts: readonly Pick<BankCall, 'arrivedAt' | 'applied' | 'wasLocked' | 'answer'>[];
  /** Temporal's result; null where the workflow has none. */
  readonly result: { readonly outcome: string; readonly verification: string | null; readonly attempts: number } | null;
  /** What the caller was told at last. */
  readonly told: string;
}

/** Compares what the bank, the audit table, Temporal and the caller say of one unlock that is over. */
export function judge({ rows, puts, result, told }: Accounts, way: Way): Finding[] {
  return [...numbers(rows), ...intents(rows, puts), ...answers(rows, puts), ...ending({ rows, puts, result, told }, way)];
}

/** Asks all four, and judges; the story is for people. */
export async function examine(house: CrashHouse, unlock: Unlock): Promise<{ readonly findings: Finding[]; readonly story: string }> {
  const { correlationId } = unlock;
  const rows = await house.sql<Row>(
    `select replace(action, 'customer.unlock.', '') as action, attempt, result, outcome, verification, lock_status, http_status, recorded_at
       from audit_event where correlation_id = $1 order by position`,
    [correlationId],
  );
  const puts = house.sandbox.calls().filter((call) => call.endpoint === 'unlock' && call.correlationId === correlationId);
  const handle = house.client.workflow.getHandle<typeof unlockCustomer>(`unlock-${correlationId}`);
  const result = await handle.result().catch(() => null);
  const told = await unlock.told;
  const findings = judge({ rows, puts, result, told }, ways[unlock.way]);
  return {
    findings,
    story: [...rows.map(rowInShort), ...puts.map(putInShort), `Temporal ${JSON.stringify(result)}`, `caller ${told}`].join('; '),
  };
}

function rowInShort({ action, attempt, result, outcome, lock_status }: Row): string {
  return [action, attempt, result, outcome, lock_status].filter((part) => part !== null).join(' ');
}

function putInShort({ applied, wasLocked, answer }: BankCall): string {
  return `PUT ${applied ? 'applied' : 'not applied'} to ${wasLocked === true ? 'a locked' : 'no locked'} customer, ${answer}`;
}

/** Attempts count from 1 without gaps; each begins once and ends once. */
function numbers(rows: readonly Row[]): Finding[] {
  const of = (action: string) => rows.filter((row) => row.action === action).map(({ attempt }) => attempt);
  const expected = of('attempt_started').map((_, index) => index + 1);
  const findings: Finding[] = [];
  for (const action of ['attempt_started', 'attempt_finished']) {
    const got = of(action).sort((left, right) => (left ?? 0) - (right ?? 0));
    if (new Set(got).size !== got.length) findings.push({ kind: 'doubled', what: `${action} ${got.join()}` });
    else if (got.join() !== expected.join()) findings.push({ kind: 'gap', what: `${action} ${got.join()} of ${expected.join()}` });
  }
  return findings;
}

/** No PUT without its intent, none after the customer was known to be unlocked, and one lock is taken away once. */
function intents(rows: readonly Row[], puts: Accounts['puts']): Finding[] {
  const started = rows.filter(({ action }) => action === 'attempt_started');
  const known = rows.find(({ lock_status, result, outcome }) => lock_status === 'not_locked' || result === 'succeeded' || outcome !== null);
  const findings = puts.flatMap(({ arrivedAt }, index): Finding[] => {
    const arrivedMs = Date.parse(arrivedAt);
    // The bank's clock is cut to milliseconds.
    const intents = started.filter(({ recorded_at }) => recorded_at.getTime() <= arrivedMs + 1).length;
    return [
      ...(intents > index ? [] : [{ kind: 'gap', what: `PUT ${index + 1} arrived before its intent was on record` } as const]),
      ...(known === undefined || known.recorded_at.getTime() >= arrivedMs
        ? []
        : [{ kind: 'doubled', what: `PUT ${index + 1} arrived after ${known.action} was on record` } as const]),
    ];
  });
  return puts.filter(({ wasLocked }) => wasLocked === true).length > 1
    ? [...findings, { kind: 'doubled', what: 'two PUTs took a lock away' }]
    : findings;
}

/** No answer on record but the bank's own. */
function answers(rows: readonly Row[], puts: Accounts['puts']): Finding[] {
  const told = rows.filter(({ action }) => action === 'attempt_finished' || action === 'late_answer');
  return told.flatMap(({ attempt, result, http_status }): Finding[] => [
    ...(http_status === null || puts.some(({ answer }) => answer === http_status)
      ? []
      : [{ kind: 'gap', what: `attempt ${attempt} tells of a ${http_status} that the bank did not answer` } as const]),
    ...(result !== 'succeeded' || puts.some(({ applied }) => applied)
      ? []
      : [{ kind: 'gap', what: `attempt ${attempt} succeeded, and the bank applied nothing` } as const]),
  ]);
}

/** One outcome, which the bank's log bears out, and on which audit log, Temporal and caller agree. */
function ending({ rows, puts, result, told }: Accounts, way: Way): Finding[] {
  const completed = rows.filter(({ action }) => action === 'completed');
  const requested = rows.filter(({ action }) => action === 'requested').length;
  const attempts = rows.filter(({ action }) => action === 'attempt_started').length;
  const [end] = completed;
  if (end === undefined || requested === 0) return [{ kind: 'lost', what: 'no outcome is on record' }];
  const wasUnlocked = puts.some(({ wasLocked }) => wasLocked === true);
  const agreed = result?.outcome === end.outcome && result?.verification === end.verification && result?.attempts === attempts;
  const findings: (Finding | false)[] = [
    (completed.length > 1 || requested > 1) && { kind: 'doubled', what: 'two ends or two beginnings' },
    !agreed && { kind: 'lost', what: 'Temporal says otherwise' },
    told !== end.outcome && { kind: 'lost', what: `the caller was told ${told}` },
    (end.outcome === 'unlocked') !== wasUnlocked && { kind: 'lost', what: "the outcome contradicts the bank's log" },
    !way.outcomes.includes(end.outcome ?? '') && { kind: 'lost', what: `it ended ${end.outcome}` },
  ];
  return findings.filter((finding) => finding !== false);
}
