import { describe, expect, it } from '@jest/globals';
import { ways } from './places.js';
import { judge, type Accounts, type Row } from './verdict.js';

const at = (ms: number): Date => new Date(Date.UTC(2026, 0, 31) + ms);
const nothing = { attempt: null, result: null, outcome: null, verification: null, lock_status: null, http_status: null };
const row = (ms: number, action: string, columns: Partial<Row> = {}): Row => ({ ...nothing, action, recorded_at: at(ms), ...columns });
const put = (ms: number, columns: Partial<Accounts['puts'][number]> = {}): Accounts['puts'][number] => ({
  arrivedAt: at(ms).toISOString(),
  applied: true,
  wasLocked: true,
  answer: 204,
  ...columns,
});

const requested = row(0, 'requested');
const checked = row(10, 'status_checked', { lock_status: 'locked' });
const started = row(20, 'attempt_started', { attempt: 1 });
const finished = row(40, 'attempt_finished', { attempt: 1, result: 'succeeded', http_status: 204 });
const completed = row(50, 'completed', { outcome: 'unlocked', verification: 'confirmed', lock_status: 'not_locked' });
const truth: Accounts = {
  rows: [requested, checked, started, finished, completed],
  puts: [put(30)],
  result: { outcome: 'unlocked', verification: 'confirmed', attempts: 1 },
  told: 'unlocked',
};
const found = (change: Partial<Accounts>): string[] => judge({ ...truth, ...change }, ways.clean).map(({ kind }) => kind);

describe('the judge of an unlock that is over', () => {
  it('finds nothing where all four agree', () => expect(found({})).toEqual([]));

  const intent2 = row(41, 'attempt_started', { attempt: 2 });
  const end2 = row(45, 'attempt_finished', { attempt: 2, result: 'unknown' });
  it.each<[string, string, Partial<Accounts>]>([
    ['gap', 'a PUT without an intent', { puts: [put(30), put(35, { wasLocked: false })] }],
    ['gap', 'a PUT before its intent', { puts: [put(15)] }],
    ['gap', 'an attempt without an end', { rows: [requested, checked, started, completed] }],
    [
      'gap',
      'a number left out',
      { rows: [requested, checked, started, finished, row(41, 'attempt_started', { attempt: 3 }), end2, completed] },
    ],
    ['gap', 'an answer that the bank never gave', { puts: [put(30, { answer: 503 })] }],
    ['gap', 'a success of which the bank knows nothing', { puts: [put(30, { applied: false, wasLocked: null })] }],
    ['doubled', 'a number taken twice', { rows: [requested, checked, started, started, finished, completed] }],
    [
      'doubled',
      'a PUT after the customer was known to be unlocked',
      { rows: [...truth.rows.slice(0, 4), intent2, end2, completed], puts: [put(30), put(43, { wasLocked: false })] },
    ],
    ['doubled', 'two PUTs that took a lock away', { puts: [put(30), put(31)] }],
    ['doubled', 'two outcomes', { rows: [...truth.rows, completed] }],
    ['lost', 'no outcome', { rows: truth.rows.slice(0, 4) }],
    ['lost', 'no beginning', { rows: truth.rows.slice(1) }],
    ['lost', 'no result in Temporal', { result: null }],
    ['lost', 'another result in Temporal', { result: { outcome: 'failed', verification: null, attempts: 1 } }],
    ['lost', 'a caller who was told otherwise', { told: 'not_locked' }],
    ['lost', "an outcome against the bank's log", { puts: [put(30, { wasLocked: false })] }],
  ])('finds what is %s: %s', (kind, _what, change) => expect(found(change)).toContain(kind));

  it('finds an outcome that this way cannot have', () =>
    expect(judge(truth, ways.rejected)).toEqual([{ kind: 'lost', what: 'it ended unlocked' }]));
});
