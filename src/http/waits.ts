import type { Actor } from '../domain/unlock-request.js';

/** Places for answers that are held back until an unlock has ended. */
export interface Waits {
  /**
   * Takes a place.
   * @returns what gives it back; null where all are taken: then nobody waits, and the unlock goes on
   */
  take(caller: Pick<Actor, 'clientId' | 'id'>): (() => void) | null;
}

interface Bounds {
  /** Answers held back at once by this process. */
  readonly max: number;
  /** And for one caller. */
  readonly maxPerCaller: number;
}

export function createWaits({ max, maxPerCaller }: Bounds): Waits {
  const byCaller = new Map<string, number>();
  let all = 0;
  return {
    take({ clientId, id }) {
      const caller = JSON.stringify([clientId, id]);
      const own = byCaller.get(caller) ?? 0;
      if (all >= max || own >= maxPerCaller) return null;
      all += 1;
      byCaller.set(caller, own + 1);
      return () => {
        all -= 1;
        const left = (byCaller.get(caller) ?? 0) - 1;
        if (left > 0) byCaller.set(caller, left);
        else byCaller.delete(caller);
      };
    },
  };
}
