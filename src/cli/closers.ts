/** What was started, to be stopped in the opposite order; one that fails to stop keeps none of the others from it. */
export interface Closers {
  /** @param kill ends it at once and without waiting; for what would outlive this process */
  add(name: string, stop: () => Promise<void>, kill?: () => void): void;
  /** May be called again: the first call does the work. */
  closeAll(): Promise<void>;
  /** For a process that is about to exit without further ado. */
  killAll(): void;
}

interface Closer {
  readonly name: string;
  readonly stop: () => Promise<void>;
  readonly kill: () => void;
}

export function createClosers(report: (name: string, error: unknown) => void): Closers {
  const open: Closer[] = [];
  let closing: Promise<void> | undefined;

  async function closeInTurn(): Promise<void> {
    for (let last = open.at(-1); last !== undefined; last = open.at(-1)) {
      try {
        await last.stop();
      } catch (error) {
        report(last.name, error);
      }
      open.splice(open.indexOf(last), 1);
    }
  }

  return {
    add: (name, stop, kill = () => undefined) => void open.push({ name, stop, kill }),
    closeAll: () => (closing ??= closeInTurn()),
    killAll() {
      for (const { name, kill } of open.toReversed()) {
        try {
          kill();
        } catch (error) {
          report(name, error);
        }
      }
    },
  };
}
