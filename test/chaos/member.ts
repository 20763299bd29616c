import { setTimeout as sleep } from 'node:timers/promises';
import type { LatchkeyProcess } from '../support/latchkey-process.js';

/** A process that is hurt and brought back; what it did stays with those who have a disk. */
export interface Member {
  readonly name: string;
  /** Starts it; resolves when it says that it is ready. */
  start(): Promise<void>;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** SIGTERM, as a deploy would; resolves when it is gone. */
  terminate(): Promise<void>;
  /** SIGSTOP. */
  freeze(): Promise<void>;
  /** SIGCONT. */
  thaw(): Promise<void>;
  /** Ends it for good. */
  end(): Promise<void>;
  /** The last of what it wrote, all its lives together. */
  output(): string;
  /** How often it ended by itself, without a signal of ours. */
  selfEnded(): number;
}

interface MemberParts {
  readonly name: string;
  readonly launch: () => LatchkeyProcess;
  readonly ready: RegExp;
}

const START_AGAIN_MS = 300;
const START_LIMIT_MS = 120_000;
const TERMINATE_LIMIT_MS = 60_000;
const OUTPUT_LIMIT = 1_000_000;

/** A program of the product under a supervisor, which starts it again whenever it ends by itself. */
export function createMember({ name, launch, ready }: MemberParts): Member {
  let current: LatchkeyProcess | null = null;
  let wanted = false;
  let isOver = false;
  let before = '';
  let selfEnded = 0;

  const endWithUs = (): void => void current?.child.kill('SIGKILL');
  process.once('exit', endWithUs);

  async function start(): Promise<void> {
    wanted = !isOver;
    for (const untilMs = Date.now() + START_LIMIT_MS; ; await sleep(START_AGAIN_MS)) {
      if (isOver) return;
      const started = launch();
      current = started;
      try {
        await started.says(ready, START_LIMIT_MS);
        break;
      } catch (error) {
        await started.end('SIGKILL');
        if (Date.now() > untilMs) throw error;
      }
    }
    const living = current;
    living.child.once('exit', () => {
      if (!wanted || current !== living) return;
      selfEnded += 1;
      void sleep(START_AGAIN_MS).then(() => (wanted && current === living ? revive() : undefined));
    });
  }
  async function revive(): Promise<void> {
    remember();
    await start();
  }
  function remember(): void {
    if (current !== null) before = (before + current.output()).slice(-OUTPUT_LIMIT);
    current = null;
  }
  async function endBy(signal: NodeJS.Signals): Promise<void> {
    wanted = false;
    const stuck = setTimeout(() => current?.child.kill('SIGKILL'), TERMINATE_LIMIT_MS);
    await current?.end(signal);
    clearTimeout(stuck);
    remember();
  }

  return {
    name,
    start,
    kill: () => endBy('SIGKILL'),
    terminate: () => endBy('SIGTERM'),
    freeze: async () => void current?.child.kill('SIGSTOP'),
    thaw: async () => void current?.child.kill('SIGCONT'),
    async end() {
      isOver = true;
      await endBy('SIGKILL');
      process.off('exit', endWithUs);
    },
    output: () => (before + (current?.output() ?? '')).slice(-OUTPUT_LIMIT),
    selfEnded: () => selfEnded,
  };
}
