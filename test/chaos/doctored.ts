import type { AuditRow, BankCallState, BankLine, CallerAnswer, Evidence, Execution } from './evidence.js';

export const CASE_ID = '11111111-1111-4111-8111-111111111111';
export const CUSTOMER = 'customer-1';
const BEGUN_MS = 1_800_000_000_000;

/** Evidence that a test may rewrite; times are milliseconds after the request. */
export interface Logs {
  rows: AuditRow[];
  bank: BankLine[];
  wire: Evidence['wire'][number][];
  executions: Execution[];
  answers: CallerAnswer[];
}

export function row(atMs: number, action: string, columns: Partial<AuditRow> = {}): AuditRow {
  return {
    position: atMs,
    committedAtMs: BEGUN_MS + atMs,
    recordedAtMs: BEGUN_MS + atMs - 1,
    action: `customer.unlock.${action}`,
    correlationId: CASE_ID,
    customerId: CUSTOMER,
    attempt: null,
    result: null,
    outcome: null,
    verification: null,
    httpStatus: null,
    lockStatus: null,
    meaning: null,
    ...columns,
  };
}

export function call(atMs: number, sequence: number, columns: Partial<BankCallState> = {}): BankLine {
  return {
    kind: 'call',
    atMs: BEGUN_MS + atMs,
    call: {
      sequence,
      endpoint: 'unlock',
      customerId: CUSTOMER,
      correlationId: CASE_ID,
      transactionId: `transaction-${sequence}`,
      arrivedAtMs: BEGUN_MS + atMs,
      appliedAtMs: null,
      wasLocked: null,
      toldLocked: null,
      answer: null,
      ...columns,
    },
  };
}

export const applied = (atMs: number): Partial<BankCallState> => ({ appliedAtMs: BEGUN_MS + atMs, wasLocked: true, answer: 204 });

export function seen(atMs: number, sequence: number): Evidence['wire'][number] {
  return { correlationId: CASE_ID, transactionId: `transaction-${sequence}`, seenAtMs: BEGUN_MS + atMs };
}

export function answer(columns: Partial<CallerAnswer>): CallerAnswer {
  const nothing = { httpStatus: null, code: null, told: null };
  return { correlationId: CASE_ID, customerId: CUSTOMER, door: 'drop-in', sentAtMs: BEGUN_MS, ...nothing, ...columns };
}

/** A 503, then an unlock that the bank confirms: everybody says the same. */
export function cleanLogs(): Logs {
  return {
    rows: [
      row(0, 'requested'),
      row(20, 'status_checked', { lockStatus: 'locked', httpStatus: 200 }),
      row(40, 'attempt_started', { attempt: 1 }),
      row(60, 'attempt_finished', { attempt: 1, result: 'retryable', httpStatus: 503, meaning: 'unwell' }),
      row(120, 'status_checked', { lockStatus: 'locked', httpStatus: 200 }),
      row(140, 'attempt_started', { attempt: 2 }),
      row(160, 'attempt_finished', { attempt: 2, result: 'succeeded', httpStatus: 204, meaning: 'unlocked' }),
      row(200, 'completed', { outcome: 'unlocked', verification: 'confirmed', lockStatus: 'not_locked' }),
    ],
    bank: [
      { kind: 'customer', atMs: BEGUN_MS - 1_000, customerId: CUSTOMER, locked: true },
      call(10, 1, { endpoint: 'status', toldLocked: true, answer: 200 }),
      call(50, 2, { answer: 503 }),
      call(110, 3, { endpoint: 'status', toldLocked: true, answer: 200 }),
      call(150, 4, applied(151)),
      call(180, 5, { endpoint: 'status', toldLocked: false, answer: 200 }),
    ],
    wire: [seen(49, 2), seen(149, 4)],
    executions: [{ correlationId: CASE_ID, status: 'COMPLETED', result: { outcome: 'unlocked', verification: 'confirmed', attempts: 2 } }],
    answers: [
      answer({ httpStatus: 504, code: 'LATCHKEY_STILL_RUNNING' }),
      answer({ httpStatus: 204 }),
      answer({ door: 'post', httpStatus: 202, told: { state: 'running', outcome: null, attempts: 1 } }),
      answer({ door: 'read', httpStatus: 200, told: { state: 'completed', outcome: 'unlocked', attempts: 2 } }),
      answer({ door: 'impostor', httpStatus: 409, code: 'correlation_id_in_use' }),
    ],
  };
}
