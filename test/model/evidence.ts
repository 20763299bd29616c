import type { BankCall } from '../../src/sandbox/index.js';

/** One row of the audit table, as far as the model looks at it. */
export interface Row {
  readonly action: string;
  readonly attempt: number | null;
  readonly result: string | null;
  readonly outcome: string | null;
  readonly verification: string | null;
  readonly httpStatus: number | null;
  readonly lockStatus: string | null;
  readonly durationMs: number | null;
  /** Milliseconds since the epoch, by the database's clock; fractions are kept. */
  readonly recordedAtMs: number;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** What was done to one request in the course of a run. */
export interface Given {
  /** `in_doubt`: no answer told whether it was taken in. */
  asked: 'accepted' | 'in_doubt';
  /** When Temporal had confirmed the first request to cancel; null where there was none. */
  cancelledAtMs: number | null;
  /** A cancellation that was asked for, confirmed or not. */
  cancelTried: boolean;
  terminated: boolean;
  /** Somebody cut its waits short. */
  hurried: boolean;
  /** Its workflow was reset: an execution of before may go on beside the new ones. */
  reset: boolean;
}

/** One unlock request as a run came to know it; its name is the model's. */
export interface Request extends Given {
  readonly name: string;
  readonly correlationId: string;
  customer: string;
}

/** What was done to the house in the course of a run. */
export interface Weather {
  workerKilled: boolean;
  workerFrozen: boolean;
  postgresCut: boolean;
  temporalCut: boolean;
}

export interface Limits {
  readonly maxAttempts: number;
  readonly bankTimeoutMs: number;
  readonly retryAfterMs: number;
}

/** What Temporal says of one request; `result` is null unless it completed. */
export interface TemporalSide {
  readonly status: string;
  readonly result: { readonly outcome: string; readonly verification: string | null; readonly attempts: number } | null;
}

/** What the front door says of one request. */
export interface HttpSide {
  readonly httpStatus: number;
  readonly state: string | null;
  readonly outcome: string | null;
  readonly verification: string | null;
  readonly attempts: readonly (string | null)[];
}

/** Everything that is known of one request when a run is over. */
export interface Evidence {
  readonly given: Given;
  readonly weather: Weather;
  readonly limits: Limits;
  /** In the order in which they were written. */
  readonly rows: readonly Row[];
  /** The bank's own log of this request's calls, in order of arrival. */
  readonly calls: readonly BankCall[];
  /** Null: Temporal knows no such workflow. */
  readonly temporal: TemporalSide | null;
  readonly http: HttpSide;
}

export const rowsOf = (rows: readonly Row[], action: string): Row[] => rows.filter((row) => row.action === action);
export const putsOf = ({ calls }: Evidence): BankCall[] => calls.filter(({ endpoint }) => endpoint === 'unlock');
export const completedOf = ({ rows }: Evidence): Row | null => rowsOf(rows, 'completed')[0] ?? null;

/** Two executions of one activity may have been at work side by side. */
export const ranTwice = ({ given, weather }: Evidence): boolean =>
  given.reset || given.terminated || weather.workerFrozen || weather.temporalCut;

/** A refusal that the bank will not take back: what the status alone says of it. */
export const refuses = (httpStatus: number): boolean => httpStatus >= 400 && httpStatus < 500 && ![401, 408, 429].includes(httpStatus);
