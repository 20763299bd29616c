/** Lets so many requests run at once, in the order in which they come, and tells how far the run has got. */
export interface Pace {
  inTurn(pursuit: () => Promise<void>): Promise<void>;
  /** Resolves once this many have been begun. */
  begun(count: number): Promise<void>;
  /** How many have ended. */
  ended(): number;
}

interface Waiting {
  readonly count: number;
  readonly go: () => void;
}

export function createPace(atOnce: number): Pace {
  const queue: (() => void)[] = [];
  let watchers: Waiting[] = [];
  let begun = 0;
  let ended = 0;

  const begin = (): void => {
    begun += 1;
    for (const { go } of watchers.filter(({ count }) => count <= begun)) go();
    watchers = watchers.filter(({ count }) => count > begun);
  };
  return {
    async inTurn(pursuit) {
      if (begun - ended >= atOnce) await new Promise<void>((resolve) => queue.push(resolve));
      begin();
      try {
        await pursuit();
      } finally {
        ended += 1;
        queue.shift()?.();
      }
    },
    begun: (count) => (count <= begun ? Promise.resolve() : new Promise((go) => watchers.push({ count, go }))),
    ended: () => ended,
  };
}
