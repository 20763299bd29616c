import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { SETTINGS_VARIABLE, type Order, type PartSettings, type Report } from './messages.js';

/** A part of the house as a process of its own. */
export interface PartProcess {
  readonly pid: number;
  /** Holds a request where it comes by that place next; resolves once the process knows. */
  hold(correlationId: string, place: string): Promise<void>;
  /** Resolves when the request is held there. */
  held(correlationId: string, place: string): Promise<void>;
  go(correlationId: string): void;
  end(signal: NodeJS.Signals): Promise<void>;
  /** Ends in good order. */
  stop(): Promise<void>;
}

interface PartCommand {
  /** In this folder, without its ending. */
  readonly entry: string;
  readonly args?: readonly string[];
  readonly settings?: PartSettings;
  readonly onPassing?: (correlationId: string, place: string) => void;
}

const READY_LIMIT_MS = 90_000;

/** @throws with what it wrote, where it ends before it is ready */
export async function startPart({ entry, args = [], settings, onPassing }: PartCommand): Promise<PartProcess> {
  const { PATH = '', HOME = '' } = process.env;
  const child = fork(fileURLToPath(new URL(`./${entry}.ts`, import.meta.url)), [...args], {
    execArgv: ['--disable-warning=ExperimentalWarning', '--import', 'tsx'],
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    env: { PATH, HOME, ...(settings === undefined ? {} : { [SETTINGS_VARIABLE]: JSON.stringify(settings) }) },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let written = '';
  child.stdout?.on('data', (chunk: Buffer) => (written += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (written += chunk.toString()));
  const ended = once(child, 'exit');
  const heard = new Map<string, () => void>();
  const earlier = new Set<string>();
  const hear = (what: string): Promise<void> =>
    earlier.has(what) ? Promise.resolve() : new Promise((resolve) => heard.set(what, resolve));
  const note = (what: string): void => {
    earlier.add(what);
    heard.get(what)?.();
  };
  child.on('message', (report: Report) => {
    if (report.kind === 'ready') note('ready');
    else if (report.kind === 'holding') note(`holding ${report.correlationId}`);
    else if (report.kind === 'held') note(`held ${report.correlationId} ${report.place}`);
    else onPassing?.(report.correlationId, report.place);
  });
  const order = (message: Order): void => {
    if (child.connected) child.send(message, () => undefined);
  };

  const patience = setTimeout(() => child.kill('SIGKILL'), READY_LIMIT_MS);
  const isReady = await Promise.race([hear('ready').then(() => true), ended.then(() => false)]);
  clearTimeout(patience);
  if (!isReady || child.pid === undefined) throw new Error(`${entry} did not start:\n${written}`);

  async function end(signal: NodeJS.Signals): Promise<void> {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    await ended;
  }
  return {
    pid: child.pid,
    async hold(correlationId, place) {
      earlier.delete(`holding ${correlationId}`);
      order({ kind: 'hold', correlationId, place });
      await hear(`holding ${correlationId}`);
    },
    held: (correlationId, place) => hear(`held ${correlationId} ${place}`),
    go: (correlationId) => order({ kind: 'go', correlationId }),
    end,
    async stop() {
      order({ kind: 'stop' });
      const stuck = setTimeout(() => child.kill('SIGKILL'), 20_000);
      await ended;
      clearTimeout(stuck);
    },
  };
}
