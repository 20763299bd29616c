/** Thrown to one who has stood in line for too long. */
class LineTooLongError extends Error {
  override readonly name = 'LineTooLongError';
}

interface Line {
  /** How many may be at work at once; the others wait, first come first served. */
  readonly atOnce: number;
  /** How long one may wait. */
  readonly limitMs: number;
}

/** A line before work that must not take every connection of a pool. */
export function createLine({ atOnce, limitMs }: Line): <Result>(work: () => Promise<Result>) => Promise<Result> {
  let free = atOnce;
  const waiting: (() => void)[] = [];

  async function enter(): Promise<void> {
    if (free > 0) {
      free -= 1;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const begin = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        waiting.splice(waiting.indexOf(begin), 1);
        reject(new LineTooLongError(`no turn within ${limitMs} ms`));
      }, limitMs);
      waiting.push(begin);
    });
  }

  function leave(): void {
    const next = waiting.shift();
    if (next === undefined) free += 1;
    else next();
  }

  return async (work) => {
    await enter();
    try {
      return await work();
    } finally {
      leave();
    }
  };
}
