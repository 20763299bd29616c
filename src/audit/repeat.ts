import { databaseFailure, type DatabaseFailure } from './failures.js';

/** How often a statement is sent again at once. A pool may hold more than one connection that broke unnoticed. */
const repeats: Partial<Record<DatabaseFailure, number>> = { broken: 3, raced: 3, read_only: 1 };

/**
 * Repeats at once what another connection may do: after a failover the first statement over each pooled connection would fail.
 * Only for work that may be repeated whatever became of it, as every read and write of the audit log may.
 */
export function repeated<Arguments extends unknown[], Result>(
  work: (...given: Arguments) => Promise<Result>,
): (...given: Arguments) => Promise<Result> {
  return async (...given) => {
    for (let done = 0; ; done += 1) {
      try {
        return await work(...given);
      } catch (error) {
        const failure = databaseFailure(error);
        if (failure === null || done >= (repeats[failure] ?? 0)) throw error;
      }
    }
  };
}
